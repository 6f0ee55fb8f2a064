/* SPDX-License-Identifier: Apache-2.0
 *
 * The sockets a standalone backend listens on, opened before anything else, so that one that is taken is said at once,
 * and so that a worker that dies leaves its socket, and who waits there, to the next. */
#ifndef FREEHOLD_BIN_BACKEND_PLACES_H
#define FREEHOLD_BIN_BACKEND_PLACES_H

#include "bin/backend/pgrst.h"

struct places {
	/* One for each worker: of a port each its own, which the kernel spreads connections over; of a unix socket the
	 * same. */
	int http[PGRST_WORKERS_MAX];
	int count;
	int admin; /* for all workers; -1: none */
	bool is_unnamed; /* somebody has the unix socket's name: places_name takes it over */
};

bool places_open(const struct pgrst *settings, struct places *ret_places, struct err *err);

/* Gives the unix socket its name, once a worker can answer by it. Any of them may; the first does it. */
void places_name(struct places *places, const char *path);

/* Closes all but those of one worker; index -1: all. */
void places_close_others(struct places *places, int index);

#endif
