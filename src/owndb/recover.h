/* SPDX-License-Identifier: Apache-2.0
 *
 * A backup's files, brought to a moment: PostgreSQL replays its log of changes, which it fetches by
 * ../archive/pgbackrest-archive beside its data folder, and then begins a history (timeline) of its own. */
#ifndef FREEHOLD_OWNDB_RECOVER_H
#define FREEHOLD_OWNDB_RECOVER_H

#include "owndb/clone.h"

struct recover_target {
	int64_t timeline; /* the history to follow */
	int64_t at_ms; /* the last moment that is wanted, true time; 0: see below */
	const char *point; /* a restore point's name; or NULL */
	bool is_end_of_backup; /* no further than the backup itself needs; none of these: as far as there is any */
};

/* Of a clone that was opened by clone_open_at and whose data_dir holds a backup's files; it does not run afterwards and
 * was ended cleanly. ret_was_short (may be NULL): the log ended before the moment that was wanted, so all there is was
 * taken. It has the network meanwhile, runs nothing of the app's, and lets nobody in. */
bool owndb_recover(struct clone *c, const struct recover_target *target, bool *ret_was_short, struct err *err);

/* The history that a running cluster is on. */
bool owndb_timeline(const struct owndb *db, int64_t *ret_timeline, struct err *err);

/* On the live cluster: makes a moment that lies behind everything committed so far reachable, and waits until the log
 * up to it has been handed to the archive. */
bool owndb_hand_over(const struct owndb *db, int64_t deadline_ms, struct err *err);

#endif
