/* SPDX-License-Identifier: Apache-2.0
 *
 * The journal of what takes longer than a request and is no deployment: backups, drills, restores. Times are the
 * home's clock (store/home.h).
 *
 *     running ──▶ done | failed          a process of ours works on it
 *        │  └──▶ waiting                 it left something for its owner to look at (a copy), until that is ended
 *        └─────▶ interrupted             its process died */
#ifndef FREEHOLD_STORE_JOB_H
#define FREEHOLD_STORE_JOB_H

#include <jansson.h>
#include <stdint.h>

#include "store/db.h"
#include "store/layout.h"

#define JOB_WORD_SIZE 24
#define JOBS_KEPT 200 /* ended ones of an app, of each kind */

struct job {
	int64_t id;
	char app[LAYOUT_APP_NAME_MAX + 1]; /* "": of the whole home */
	char kind[JOB_WORD_SIZE];
	char state[JOB_WORD_SIZE];
	char step[JOB_WORD_SIZE];
	int64_t began_at_ms;
	int64_t ended_at_ms; /* 0: not yet */
	char error[512]; /* "" */
	char error_code[JOB_WORD_SIZE]; /* err_code_word, or "" */
	char options[4096]; /* a JSON object */
};

/* app NULL: of the whole home. ERR_CONFLICT when one of this kind runs for it. */
bool job_begin(struct db *db, const char *app, const char *kind, const json_t *options, int64_t *ret_id,
	       struct err *err);
bool job_step(struct db *db, int64_t id, const char *step, struct err *err);
/* error NULL: it went well. result may be NULL and is not taken. */
bool job_end(struct db *db, int64_t id, const char *state, const struct err *error, const json_t *result,
	     struct err *err);
/* What is known of its result so far, for whoever takes it up after a kill. */
bool job_keep(struct db *db, int64_t id, const json_t *result, struct err *err);
bool job_get(struct db *db, int64_t id, struct job *ret_job, struct err *err);
/* As docs/api.md shows it; the caller owns the reference. */
bool job_json(struct db *db, int64_t id, json_t **ret_json, struct err *err);

/* The newest of a kind in a state (NULL: any; "ended": done or failed or interrupted), id 0: none. app NULL: of the
 * whole home. */
bool job_newest(struct db *db, const char *app, const char *kind, const char *state, struct job *ret_job,
		struct err *err);

/* How many of the newest ones ended like this: failed, with this code, none ended otherwise after them. */
bool job_failed_in_a_row(struct db *db, const char *app, const char *kind, enum err_code code, int *ret_count,
			 struct err *err);

/* Calls each for every job in this state until it returns false; each may write. */
bool job_each(struct db *db, const char *state, bool (*each)(void *arg, const struct job *job, struct err *err),
	      void *arg, struct err *err);

/* The result of a job that is done, or NULL. The caller owns it. */
json_t *job_result(struct db *db, int64_t id);

#endif
