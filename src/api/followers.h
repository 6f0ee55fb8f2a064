/* SPDX-License-Identifier: Apache-2.0
 *
 * The processes that look after copies that follow the source of a move (move/following.h): one an app, as long as
 * there is something to look after, started again when it dies. It gives way to whatever has the app for itself. */
#ifndef FREEHOLD_API_FOLLOWERS_H
#define FREEHOLD_API_FOLLOWERS_H

#include "api/daemon.h"

/* Where it is wanted, and does not run, and nobody has the app for himself. */
void follower_start(struct daemon *d, const char *app);

/* Told to end, which it does when its PostgreSQL has ended; who comes next waits for its turn. */
void follower_stop(struct daemon *d, const char *app);

#endif
