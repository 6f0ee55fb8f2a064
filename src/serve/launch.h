/* SPDX-License-Identifier: Apache-2.0
 *
 * Starts the sandbox with our own program as its pid 1, and a socket to it. */
#ifndef FREEHOLD_SERVE_LAUNCH_H
#define FREEHOLD_SERVE_LAUNCH_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/str.h"
#include "os/bwrap.h"
#include "serve/config.h"

#define LAUNCH_INSIDE "/freehold-serve" /* where the program lies inside */

struct launched {
	struct bwrap bwrap; /* the caller closes it */
	pid_t pid; /* of bwrap, a child that dies with us */
	int pidfd;
	int control; /* see serve/message.h */
};

/* A descriptor that reads a text from its beginning; -1: errno says why. */
int launch_text_fd(struct str text);

/* config_text: what config was parsed from; pid 1 reads it again. */
bool launch(const struct config *config, struct str config_text, const char *resolv_conf, bool holds_rlimits,
	    struct launched *ret_launched, struct err *err);

#endif
