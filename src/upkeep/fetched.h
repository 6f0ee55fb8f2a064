/* SPDX-License-Identifier: Apache-2.0
 *
 * Newer editions of what Freehold fetched itself (owndb/major.h): apt upgrade does not know of it. They are looked for
 * by the day; the owner fetches them, which puts one beside the other, and then each app changes over by itself, by a
 * restart of its PostgreSQL:
 *
 *     look ──▶ update ──▶ renew of each app         back ──▶ renew of each app */
#ifndef FREEHOLD_UPKEEP_FETCHED_H
#define FREEHOLD_UPKEEP_FETCHED_H

#include "upkeep/job.h"

#define FETCHED_LOOK_JOB "look"
#define FETCHED_CHANGE_JOB "fetched"
#define FETCHED_RENEW_JOB "renew"

/* {"fetched": [major_json …, each with "uses": [{"app", "part", "number", "is_behind"}]]} */
json_t *fetched_json(const struct flow *f);

/* When it was looked last what is newer, of what was looked at longest ago; 0: never, -1: nothing was fetched. */
int64_t fetched_looked_at_ms(const struct flow *f);

/* A sentence for each that has a newer one, and for each app that runs an earlier one. */
void fetched_warnings(const struct flow *f, json_t *warnings);

/* Jobs of the home. look asks what there is. fetched, options {"do": "update"}: fetches what is newer and makes it
 * current;
 * {"do": "back"}: makes the one before current again. What runs goes on as it is. Result: {"changed": [NAME …]}. */
bool fetched_look_run(struct job_run *r, struct err *err);
bool fetched_change_run(struct job_run *r, struct err *err);

/* The first PgBouncer of ours, for a machine whose own is too old; pools have it from their next start or renewal on.
 * Result: {"version"}. */
bool fetched_pgbouncer_run(struct job_run *r, struct err *err);

/* Of an app, alone: restarts what runs an earlier edition. Where the current PostgreSQL does not start, the one before
 * becomes current again and is started. Result: {"parts": [NAME …], "away_ms": N}. */
bool fetched_renew_run(struct job_run *r, struct err *err);
bool fetched_renew_recover(struct job_run *r, bool *ret_is_done, struct err *err);

#endif
