/* SPDX-License-Identifier: Apache-2.0
 *
 * The journal: deployments, their steps, and every switch of `live`. A deployment's number is its release's number.
 * After a crash the journal is corrected from the disk and the database, never the other way. */
#ifndef FREEHOLD_STORE_DEPLOYMENT_H
#define FREEHOLD_STORE_DEPLOYMENT_H

#include <jansson.h>
#include <stdint.h>

#include "store/db.h"
#include "store/layout.h"

#define DEPLOYMENT_SOURCE_SIZE 1024

/* Begins one: state running, all steps waiting. ERR_CONFLICT when the app has one running. options is a JSON object. */
bool deployment_begin(struct db *db, const char *app, const char *source, const char *options, const char *const *steps,
		      int step_count, int64_t *ret_number, struct err *err);

/* Ends it. error may be NULL. state: live, failed, interrupted. "live" makes the one that was live superseded. */
bool deployment_end(struct db *db, const char *app, int64_t number, const char *state, const struct err *error,
		    struct err *err);

bool deployment_set_commit(struct db *db, const char *app, int64_t number, const char *commit_id, struct err *err);
bool deployment_set_report(struct db *db, const char *app, int64_t number, const char *report, struct err *err);
bool deployment_set_live(struct db *db, const char *app, int64_t number, struct err *err);

/* Journals a step. duration_ms < 0: not over. detail may be NULL. */
bool deployment_step(struct db *db, const char *app, int64_t number, int position, const char *state,
		     int64_t duration_ms, const char *detail, struct err *err);

/* State word of a step; ERR_NOT_FOUND. */
bool deployment_step_state(struct db *db, const char *app, int64_t number, int position, char ret_state[16],
			   struct err *err);

/* As docs/api.md shows them; the caller owns the reference. */
bool deployment_json(struct db *db, const char *app, int64_t number, bool is_whole, json_t **ret_json, struct err *err);
bool deployment_list_json(struct db *db, const char *app, json_t **ret_list, struct err *err);

/* The number of the newest one or of the running one; 0 when there is none. */
bool deployment_newest(struct db *db, const char *app, int64_t *ret_number, struct err *err);
bool deployment_running(struct db *db, const char *app, int64_t *ret_number, struct err *err);

/* Every deployment whose state is running, of any app, as [{"app", "number"}]. */
bool deployment_all_running(struct db *db, json_t **ret_list, struct err *err);

/* What the owner typed, the commit, when it began; options as they were given. */
struct deployment_info {
	char source[DEPLOYMENT_SOURCE_SIZE];
	char commit_id[65];
	char state[16];
	int64_t began_at_ms;
	char options[4096];
};
bool deployment_info(struct db *db, const char *app, int64_t number, struct deployment_info *ret_info, struct err *err);

/* kind: deploy, rollback, undo, found (a crash hid the switch and the disk told of it). from 0: none, to 0: nothing is
 * live any more. */
bool promotion_add(struct db *db, const char *app, int64_t from, int64_t to, const char *kind, struct err *err);
/* When the release last went live, 0: never. */
bool promotion_time(struct db *db, const char *app, int64_t release, int64_t *ret_at_ms, struct err *err);
/* Where the newest switch led, 0: nowhere, or there was none. */
bool promotion_newest(struct db *db, const char *app, int64_t *ret_release, struct err *err);
/* The release that was live before `live` did, by the history of switches, 0: none. */
bool promotion_before(struct db *db, const char *app, int64_t live, int64_t *ret_release, struct err *err);

#endif
