/* SPDX-License-Identifier: Apache-2.0
 *
 * PostgreSQL's log of changes (logical replication by pgoutput, protocol version 1, values as text), read on the event
 * loop over a connection of its own. The slot is temporary: it is gone with the connection, so that a reader that died
 * keeps no log, and nothing is sent again after a lost connection. Needs a role with REPLICATION.
 *
 *     connecting ─▶ asking which publications there are ─▶ making a slot ─▶ streaming ─▶ lost ─▶ connecting, with
 * pauses
 *
 * on_begin: from here on every change comes; those before did not. on_lost: those from here on do not, until the next
 * on_begin. While on_data wants no more the connection is not read and PostgreSQL keeps its log, at most
 * max_slot_wal_keep_size of it; past that it ends the slot, and the stream begins anew. */
#ifndef FREEHOLD_PG_STREAM_H
#define FREEHOLD_PG_STREAM_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "base/str.h"

struct pg_stream;

#define PG_STREAM_PUBLICATIONS_MAX 4

struct pg_stream_settings {
	const char *conninfo; /* without replication=; copied */
	const char *publications[PG_STREAM_PUBLICATIONS_MAX]; /* those of them that exist are read; must outlive it */
	int publication_count;
	void (*on_begin)(void *arg);
	bool (*on_data)(void *arg, struct str message); /* one message of pgoutput; false: no more until resume */
	void (*on_lost)(void *arg, const char *why);
	void *arg;
};

struct pg_stream *pg_stream_new(uv_loop_t *loop, const struct pg_stream_settings *settings);
void pg_stream_stop(struct pg_stream *stream); /* gone when the loop has closed its handle; NULL is allowed */

bool pg_stream_is_streaming(const struct pg_stream *stream);
bool pg_stream_has(const struct pg_stream *stream, int publication); /* it was there when the stream began */

/* Begins anew at once, for a publication that was made since. on_lost is called first. */
void pg_stream_restart(struct pg_stream *stream);

void pg_stream_resume(struct pg_stream *stream);

/* Everything up to here is done with: PostgreSQL may forget it. */
void pg_stream_done_to(struct pg_stream *stream, uint64_t lsn);

#endif
