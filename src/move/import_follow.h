/* SPDX-License-Identifier: Apache-2.0
 *
 * The steps of an import (move/import.c) of a move whose source can be followed (move/following.h).
 *
 *     of the first copy   offer: may it be followed? Then publication, slot and the snapshot that the dump is made from
 *                         twin:  the second copy, which follows from there
 *     of the last one     catch up, while the source goes on
 *                         take:  when it stands still: what is left, what is not in its log, and every table compared
 *
 * Whatever is in the way of following is no failure of the move: it is said, what was made at the source is removed,
 * and the last copy is made the other way. The report has "catch_up": {"way": "replication" or "pause", "why"}. */
#ifndef FREEHOLD_MOVE_IMPORT_FOLLOW_H
#define FREEHOLD_MOVE_IMPORT_FOLLOW_H

#include "app/events.h"
#include "move/following.h"

struct import_follow {
	/* Set by the caller. */
	const struct flow *f;
	struct parts *parts;
	struct events *events;
	json_t *report;
	const json_t *options;
	const char *url; /* NULL: no running source */
	struct import *import;
	/* Its own. */
	int turn; /* -1: not taken */
	json_t *state;
	struct twin_start start;
	struct pg_conn *source;
	struct twin_tables tables;
	char bin_dir[FILE_PATH_SIZE];
	bool is_offered; /* the copy begins where the log is followed from */
	bool is_made; /* the second copy is there */
	bool is_caught_up; /* the copy that follows is what is switched to */
};

/* What was followed before ends here, unless this is the last copy of it. */
bool import_follow_begin(struct import_follow *w, struct err *err);

bool import_follow_wants_offer(const struct import_follow *w);
bool import_follow_offer(struct import_follow *w, struct err *err);
void import_follow_copied(struct import_follow *w); /* the snapshot is needed no more */
bool import_follow_twin(struct import_follow *w, struct err *err);

bool import_follow_is_there(const struct import_follow *w); /* and may be caught up with */
bool import_follow_catch_up(struct import_follow *w, struct err *err);
bool import_follow_take(struct import_follow *w, struct err *err);

/* From here on it is a cluster like any other. */
bool import_follow_part(struct import_follow *w, struct err *err);

void import_follow_end(struct import_follow *w, bool ok);

#endif
