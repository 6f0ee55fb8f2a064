/* SPDX-License-Identifier: Apache-2.0
 *
 * One connection to PostgreSQL on an event loop: opened without blocking, then watched. What is sent over it is the
 * owner's business (pg/pool.h, pg/listen.h); this module only drives libpq's connecting and tells when its socket has
 * something.
 *
 *     pg_link_open ─▶ connecting ─▶ on_open(NULL) ─▶ on_ready, again and again ─▶ pg_link_close
 *                         └───────▶ on_open(err)  ─▶ pg_link_close
 *
 * A host's name is looked up beside the loop, and its addresses are tried one after the other (pg/way.h); meanwhile the
 * link has no `raw`. Everything runs on the loop's thread. The handlers may close the link. */
#ifndef FREEHOLD_PG_LINK_H
#define FREEHOLD_PG_LINK_H

#include <libpq-fe.h>
#include <stdbool.h>
#include <uv.h>

#include "base/err.h"

struct pg_link;
struct pg_link_watch;
struct pg_link_name;

struct pg_link_events {
	void (*on_open)(struct pg_link *link, const struct err *err); /* err NULL: it is open, non-blocking */
	void (*on_ready)(struct pg_link *link); /* readable, or writable while pg_link_want_write */
};

struct pg_link {
	PGconn *raw; /* NULL when closed, or not yet begun */
	void *owner;
	const struct pg_link_events *events;
	uv_loop_t *loop;
	struct pg_link_watch *watch;
	struct pg_link_name *name; /* while it connects to a host that was named */
	bool is_open;
};

/* False when it cannot even begin (a malformed conninfo, no such socket); on_open is then not called. */
bool pg_link_open(struct pg_link *link, uv_loop_t *loop, const char *conninfo, const struct pg_link_events *events,
		  void *owner, struct err *err);

/* Stops watching and closes the socket at once. A closed link is left alone. */
void pg_link_close(struct pg_link *link);

/* Be told when the socket is writable too (libpq has unsent bytes). */
void pg_link_want_write(struct pg_link *link, bool want);

/* Be told nothing, until pg_link_want_write. */
void pg_link_pause(struct pg_link *link);

#endif
