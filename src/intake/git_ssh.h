/* SPDX-License-Identifier: Apache-2.0
 *
 * What ssh(1) needs to fetch a repository: a key and the known keys of servers, in a folder of the sandbox's own /tmp
 * that goes with it. Nothing of the user's own configuration is read. */
#ifndef FREEHOLD_INTAKE_GIT_SSH_H
#define FREEHOLD_INTAKE_GIT_SSH_H

#include "base/buf.h"
#include "base/err.h"

#define GIT_SSH_DIR_SIZE 32
#define GIT_SSH_COMMAND_SIZE 512

struct git_ssh {
	char dir[GIT_SSH_DIR_SIZE];
	char command[GIT_SSH_COMMAND_SIZE]; /* "GIT_SSH_COMMAND=…" for the environment */
	bool has_key;
};

/* key: OpenSSH's private form, or "". A server that is not among known_hosts is taken at its word, once. */
bool git_ssh_begin(struct git_ssh *s, const char *key, const char *known_hosts, struct err *err);
void git_ssh_end(struct git_ssh *s);

/* The known hosts as ssh left them. */
bool git_ssh_known_hosts(const struct git_ssh *s, struct buf *ret_text, struct err *err);

/* Replaces a failure that is about keys by what to do. False for any other, which stays as it is. */
bool git_ssh_explain(const struct git_ssh *s, struct err *inout_err);

#endif
