/* SPDX-License-Identifier: Apache-2.0 */
#include "store/job.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "codec/json.h"
#include "store/home.h"

#define EACH_MAX 1000
#define COLUMNS "id, app, kind, state, step, began_at, ended_at, error_message, options, error_code"

static void read_job(struct db_query *q, struct job *ret_job)
{
	struct job j = {.id = sqlite3_column_int64(q->stmt, 0),
			.began_at_ms = sqlite3_column_int64(q->stmt, 5),
			.ended_at_ms = sqlite3_column_int64(q->stmt, 6)};
	(void)snprintf(j.app, sizeof j.app, "%s", db_text(q, 1));
	(void)snprintf(j.kind, sizeof j.kind, "%s", db_text(q, 2));
	(void)snprintf(j.state, sizeof j.state, "%s", db_text(q, 3));
	(void)snprintf(j.step, sizeof j.step, "%s", db_text(q, 4));
	(void)snprintf(j.error, sizeof j.error, "%s", db_text(q, 7));
	(void)snprintf(j.options, sizeof j.options, "%s", db_text(q, 8));
	(void)snprintf(j.error_code, sizeof j.error_code, "%s", db_text(q, 9));
	*ret_job = j;
}

bool job_newest(struct db *db, const char *app, const char *kind, const char *state, struct job *ret_job,
		struct err *err)
{
	struct db_query q;
	bool is_ended = state != NULL && strcmp(state, "ended") == 0;
	db_query(db, &q,
		 "select " COLUMNS " from job where app is ? and kind = ?"
		 " and (? is null or state = ? or (? = 'ended' and state in ('done', 'failed', 'interrupted')))"
		 " order by id desc limit 1",
		 "sssss", app, kind, state, is_ended ? "" : state, state != NULL ? state : "");
	struct job j = {0};
	if (db_row(&q)) read_job(&q, &j);
	if (!db_end(&q, err)) return false;
	*ret_job = j;
	return true;
}

bool job_failed_in_a_row(struct db *db, const char *app, const char *kind, enum err_code code, int *ret_count,
			 struct err *err)
{
	struct db_query q;
	const char *word = err_code_word(code);
	db_query(db, &q,
		 "select count(*) from job where app is ? and kind = ? and id > coalesce((select max(id) from job"
		 " where app is ? and kind = ? and (state <> 'failed' or error_code is not ?)), 0)",
		 "sssss", app, kind, app, kind, word);
	int count = db_row(&q) ? sqlite3_column_int(q.stmt, 0) : 0;
	if (!db_end(&q, err)) return false;
	*ret_count = count;
	return true;
}

static bool prune(struct db *db, const char *app, const char *kind, struct err *err)
{
	return db_run(db, NULL, err,
		      "delete from job where app is ? and kind = ? and state in ('done', 'failed', 'interrupted')"
		      " and id not in (select id from job where app is ? and kind = ? order by id desc limit ?)",
		      "ssssi", app, kind, app, kind, (int64_t)JOBS_KEPT);
}

bool job_begin(struct db *db, const char *app, const char *kind, const json_t *options, int64_t *ret_id,
	       struct err *err)
{
	struct job running;
	char *text = options != NULL ? json_text(options) : NULL;
	int64_t id = 0;
	if (!db_begin(db, err)) {
		free(text);
		return false;
	}
	bool ok = job_newest(db, app, kind, "running", &running, err);
	if (ok && running.id != 0)
		ok = err_set(err, ERR_CONFLICT, "a %s %s%s runs already (job %lld); wait for it", kind,
			     app != NULL ? "of " : "", app != NULL ? app : "", (long long)running.id);
	ok = ok && prune(db, app, kind, err) &&
	     db_run(db, NULL, err,
		    "insert into job (app, kind, state, options, began_at) values (?, ?, 'running', ?, ?)", "sssi", app,
		    kind, text != NULL ? text : "{}", home_now_ms(db));
	free(text);
	struct db_query q;
	if (ok) {
		db_query(db, &q, "select last_insert_rowid()", "");
		if (db_row(&q)) id = sqlite3_column_int64(q.stmt, 0);
		ok = db_end(&q, err);
	}
	if (!ok) {
		db_rollback(db);
		return false;
	}
	if (!db_commit(db, err)) return false;
	*ret_id = id;
	return true;
}

bool job_step(struct db *db, int64_t id, const char *step, struct err *err)
{
	return db_run(db, NULL, err, "update job set step = ? where id = ?", "si", step, id);
}

bool job_end(struct db *db, int64_t id, const char *state, const struct err *error, const json_t *result,
	     struct err *err)
{
	char *text = result != NULL ? json_text(result) : NULL;
	bool ok = db_run(db, NULL, err,
			 "update job set state = ?, ended_at = ?, error_code = ?, error_message = ?, result = ?"
			 " where id = ?",
			 "sisssi", state, home_now_ms(db), error != NULL ? err_code_word(error->code) : NULL,
			 error != NULL ? error->msg : NULL, text, id);
	free(text);
	return ok;
}

bool job_keep(struct db *db, int64_t id, const json_t *result, struct err *err)
{
	char *text = json_text(result);
	bool ok = db_run(db, NULL, err, "update job set result = ? where id = ?", "si", text, id);
	free(text);
	return ok;
}

bool job_get(struct db *db, int64_t id, struct job *ret_job, struct err *err)
{
	struct db_query q;
	struct job j = {0};
	db_query(db, &q, "select " COLUMNS " from job where id = ?", "i", id);
	if (db_row(&q)) read_job(&q, &j);
	if (!db_end(&q, err)) return false;
	if (j.id == 0) return err_set(err, ERR_NOT_FOUND, "there is no job %lld", (long long)id);
	*ret_job = j;
	return true;
}

static json_t *time_json(int64_t wall_ms)
{
	char text[CLOCK_ISO8601_SIZE];
	if (wall_ms == 0) return json_null();
	clock_iso8601(wall_ms, text);
	return json_string(text);
}

json_t *job_result(struct db *db, int64_t id)
{
	struct db_query q;
	struct err ignored;
	json_t *result = NULL;
	db_query(db, &q, "select result from job where id = ? and result is not null", "i", id);
	if (db_row(&q)) (void)json_parse(str_from(db_text(&q, 0)), &result, &ignored);
	(void)db_end(&q, &ignored);
	return result;
}

bool job_json(struct db *db, int64_t id, json_t **ret_json, struct err *err)
{
	struct job j;
	json_t *options = NULL, *result = NULL;
	if (!job_get(db, id, &j, err) || !json_parse(str_from(j.options), &options, err)) return false;
	result = job_result(db, id);
	*ret_json = json_pack("{s:I, s:s*, s:s, s:s, s:s, s:o, s:o, s:o, s:o, s:o}", "id", (json_int_t)j.id, "app",
			      j.app[0] != '\0' ? j.app : NULL, "kind", j.kind, "state", j.state, "step", j.step,
			      "began_at", time_json(j.began_at_ms), "ended_at", time_json(j.ended_at_ms), "options",
			      options, "result", result != NULL ? result : json_null(), "error",
			      j.error[0] != '\0' ? json_string(j.error) : json_null());
	return true;
}

bool job_each(struct db *db, const char *state, bool (*each)(void *arg, const struct job *job, struct err *err),
	      void *arg, struct err *err)
{
	struct db_query q;
	struct job *jobs = calloc(EACH_MAX, sizeof *jobs);
	if (jobs == NULL) abort();
	int count = 0;
	db_query(db, &q, "select " COLUMNS " from job where state = ? order by id limit ?", "si", state,
		 (int64_t)EACH_MAX);
	while (count < EACH_MAX && db_row(&q)) read_job(&q, &jobs[count++]);
	bool ok = db_end(&q, err);
	for (int i = 0; ok && i < count; i++) ok = each(arg, &jobs[i], err);
	free(jobs);
	return ok;
}
