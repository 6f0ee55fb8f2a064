/* SPDX-License-Identifier: Apache-2.0
 *
 * Some rows of a live cluster, in a clone that has its schema (owndb/copy.h). What is picked follows one rule:
 *
 *   - of each table a part of its rows: those whose primary key's hash is below the share that was asked for (so the
 *     same rows each time), or the last N in the order of the primary key. Without a primary key: by the hash of the
 *     whole row, or any N.
 *   - a table of at most SAMPLE_WHOLE_ROWS rows comes whole: lists of countries, plans, settings.
 *   - then, until nothing is missing, every row that a picked one refers to by a foreign key.
 *
 * All of it is one moment of the live one (a snapshot), which only reads. Triggers do not run. Left out are secrets of
 * the vault, what waits to leave (mails, web requests), past runs of jobs, and what Freehold keeps for itself. */
#ifndef FREEHOLD_OWNDB_SAMPLE_H
#define FREEHOLD_OWNDB_SAMPLE_H

#include "owndb/clone.h"

#define SAMPLE_WHOLE_ROWS 100
#define SAMPLE_ALL 10000 /* of_10000 of everything */

struct sample_rule {
	int64_t of_10000; /* 1 to SAMPLE_ALL; 0: rows says it */
	int64_t rows; /* of each table */
};

struct sample_result {
	int64_t tables; /* that were looked at */
	int64_t rows; /* in the clone, those of the next line included */
	int64_t referred; /* that came because another refers to them */
	int64_t orphans; /* references to what the live one has not either */
};

/* Both run. on_progress: 0 to 1. The clone is to be thrown away when this fails. */
bool owndb_sample(const struct owndb *live, const struct owndb *clone, const struct sample_rule *rule,
		  void (*on_progress)(void *arg, double done), void *arg, struct sample_result *ret_result,
		  struct err *err);

/* About how many bytes such a sample takes, from PostgreSQL's estimates: for the look at the disk beforehand. */
bool owndb_sample_bytes(const struct owndb *live, const struct sample_rule *rule, uint64_t *ret_bytes, struct err *err);

#endif
