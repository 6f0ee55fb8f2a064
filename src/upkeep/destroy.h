/* SPDX-License-Identifier: Apache-2.0
 *
 * The end of an app: its address first, then a last dump of its database and of what its server wrote, then everything
 * else. Runs in a process of its own (freeholdd --destroy APP); run again after a crash it goes on where it was. */
#ifndef FREEHOLD_UPKEEP_DESTROY_H
#define FREEHOLD_UPKEEP_DESTROY_H

#include "app/flow.h"

struct destroyed {
	char dump[FILE_PATH_SIZE]; /* of the database, "": there was none */
	char files[FILE_PATH_SIZE]; /* a tar of data/, "": nothing was in it */
	char external[400]; /* where its database stays, untouched; "": it was its own */
	bool is_locked; /* of that one: the backend's logins are closed */
	char left[512]; /* what could not be removed at the source of a move, and how to; "": nothing */
};

/* Nothing is removed before these are on disk. */
bool destroy_app(const struct flow *f, const char *app, struct destroyed *ret_kept, struct err *err);

#endif
