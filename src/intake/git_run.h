/* SPDX-License-Identifier: Apache-2.0
 *
 * The child's side of intake/git.h: runs git(1). In the sandbox. */
#ifndef FREEHOLD_INTAKE_GIT_RUN_H
#define FREEHOLD_INTAKE_GIT_RUN_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"
#include "intake/git.h"
#include "intake/limits.h"

struct git_run_fetch {
	const char *target;
	bool is_file;
	const char *ref; /* "": the default branch */
	const struct intake_limits *limits;
};

/* Reads {"url", "key", "known_hosts"} from fd. The clone lies in target/.git while it lasts, where no entry of the tree
 * can get to. */
bool git_run_fetch(int fd, const struct git_run_fetch *f, struct intake_unpacked *ret_unpacked,
		   char ret_commit[GIT_ID_SIZE], struct buf *ret_known_hosts, struct err *err);

struct git_run_commit {
	const char *repo, *source, *author_name, *author_email, *time, *message;
};

bool git_run_commit(const struct git_run_commit *c, char ret_id[GIT_ID_SIZE], struct err *err);

bool git_run_pack(const char *repo, uint64_t packs_max, struct intake_packed *ret_packed, struct err *err);

#endif
