/* SPDX-License-Identifier: Apache-2.0
 *
 * NOTIFY, heard on a connection of its own. After a lost connection it comes back by itself, with growing pauses. */
#ifndef FREEHOLD_PG_LISTEN_H
#define FREEHOLD_PG_LISTEN_H

#include <uv.h>

struct pg_listener;

/* payload NULL: listening has begun (again), and notifications before that were missed. */
typedef void (*pg_notify_fn)(void *arg, const char *payload);

/* Both texts are copied; channel is quoted as an identifier. */
struct pg_listener *pg_listener_new(uv_loop_t *loop, const char *conninfo, const char *channel, pg_notify_fn on_notify,
				    void *arg);
void pg_listener_stop(struct pg_listener *listener); /* gone when the loop has closed its handle; NULL is allowed */

#endif
