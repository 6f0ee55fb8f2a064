/* SPDX-License-Identifier: Apache-2.0
 *
 * One process of the app's server, as pid 1 of the sandbox starts it: its own session, standard output and error that
 * go where ours go, the limits that are each process's own, the first to be taken when memory runs out. */
#ifndef FREEHOLD_SERVE_INSTANCE_H
#define FREEHOLD_SERVE_INSTANCE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

#include "base/err.h"
#include "serve/config.h"

struct instance {
	int index;
	pid_t pid; /* 0: does not run */
	uint16_t port; /* what it is told in PORT */
	bool is_listening;
	struct sockaddr_storage address; /* where it listens */
	socklen_t address_len;
	uint16_t port_real;
	int connections;
	int failures;
	int64_t started_ms;
	int64_t again_ms; /* when it is to be started again; 0: not */
};

/* holds_rlimits: no group holds memory and processes, so each process's own limits must. */
bool instance_start(struct instance *i, const struct config *c, bool holds_rlimits, struct err *err);

#endif
