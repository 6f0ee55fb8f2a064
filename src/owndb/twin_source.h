/* SPDX-License-Identifier: Apache-2.0
 *
 * The source's side of a copy that follows it (owndb/twin.h): may it be followed, what is made there for it (one
 * publication and one slot of the same name), how far the reader is, and all of that taken away again.
 *
 * A slot makes its server keep its log of changes until the reader has read it. So a slot has a name that was written
 * down here before it was made, and whoever finds that name withdraws it. */
#ifndef FREEHOLD_OWNDB_TWIN_SOURCE_H
#define FREEHOLD_OWNDB_TWIN_SOURCE_H

#include <jansson.h>

#include "pg/conn.h"

#define TWIN_NAME_SIZE 40
#define TWIN_PREFIX "freehold_move_"
#define TWIN_WHY_SIZE 420

/* A connection that waits as long as it takes and understands names and values as ours do. */
bool twin_source_open(const char *url, struct pg_conn **ret_conn, struct err *err);

/* ret_why "": it may be followed; else half a sentence that says what is in the way. Names are as they stand in SQL.
 * ret_plan: {"tables": those that are followed, "loose": those of them that nobody can stop and that cannot be compared
 * therefore, "whole": [{"name", "why"}] that are copied whole while writing stands still, since their changes are not
 * in the log or could not be told apart; "columns": {table: [column]} of the host's; "keeps_mb": what the source itself
 * lets a slot hold, -1: as much as there is}. */
bool twin_source_judge(struct pg_conn *source, json_t **ret_plan, char ret_why[TWIN_WHY_SIZE], struct err *err);

/* The snapshot that shows what was committed before the slot begins, for SET TRANSACTION SNAPSHOT and pg_dump
 * --snapshot until the end of it. */
struct twin_start {
	struct pg_conn *holder; /* NULL: nothing began */
	char snapshot[64];
};
bool twin_source_publish(const char *url, const char *name, const json_t *plan, struct twin_start *ret_start,
			 struct err *err);
void twin_start_end(struct twin_start *start);

struct twin_status {
	bool is_there; /* the slot */
	bool is_active; /* read just now */
	bool is_lost; /* the source gave it up (max_slot_wal_keep_size) */
	int64_t lag_bytes; /* not yet applied here */
	int64_t held_bytes; /* of its log that the source keeps because of us */
	char now[32], applied[32]; /* positions */
};
bool twin_source_status(struct pg_conn *source, const char *name, struct twin_status *ret_status, struct err *err);

/* A position behind everything that was committed until now; twin_source_is_at tells when the reader has passed it. */
bool twin_source_mark(struct pg_conn *source, char ret_position[32], struct err *err);
bool twin_source_is_at(struct pg_conn *source, const char *name, const char *position, bool *ret_is, struct err *err);

/* The slot and the publication are gone when this returns true. Also of ones that were never made, and again. */
bool twin_source_withdraw(const char *url, const char *name, struct err *err);

#endif
