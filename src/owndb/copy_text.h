/* SPDX-License-Identifier: Apache-2.0
 *
 * Rows as text, as COPY writes them: how many, and a sum of their hashes that does not depend on their order. The same
 * for what a dump holds (COPY … FROM stdin, rows, "\.") and for what a table answers, so that both can be compared. A
 * guard against loss, not against somebody who wants two contents to look alike. Bytes come in any pieces. */
#ifndef FREEHOLD_OWNDB_COPY_TEXT_H
#define FREEHOLD_OWNDB_COPY_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/str.h"

#define COPY_TABLES_MAX 20000
#define COPY_HEAD_MAX_BYTES (64u * 1024) /* of a line outside of rows; what is longer is no COPY */

struct copy_sum {
	uint64_t rows;
	uint64_t sum;
	uint64_t hash; /* of the line that is being read */
	uint64_t line_bytes;
};

/* Rows and nothing else. */
void copy_sum_init(struct copy_sum *s);
void copy_sum_feed(struct copy_sum *s, struct str bytes);

struct copy_table {
	const char *target; /* "public.notes (id, body)", as it stands between COPY and FROM */
	struct copy_sum sum;
};

struct copy_scan {
	struct arena *arena;
	struct copy_table *tables;
	size_t count, room;
	bool is_inside;
	bool is_full; /* more than COPY_TABLES_MAX, or no memory: the rest was passed over */
	bool has_schema; /* a line began with CREATE TABLE, in whatever letters */
	bool has_host_schema; /* CREATE TABLE auth.users or CREATE SCHEMA auth */
	bool has_inserts;
	struct buf line; /* what came of the line so far, outside of rows */
	char row[4]; /* its first bytes, inside */
	struct copy_sum current;
};

void copy_scan_init(struct copy_scan *s, struct arena *arena);
void copy_scan_done(struct copy_scan *s); /* the tables live in the arena */
void copy_scan_feed(struct copy_scan *s, struct str bytes);

#endif
