/* SPDX-License-Identifier: Apache-2.0 */
#include "store/deployment.h"

#include <stdio.h>

#include "base/clock.h"

#define LIST_MAX 200

static bool insert_steps(struct db *db, const char *app, int64_t number, const char *const *steps, int count,
			 struct err *err)
{
	for (int i = 0; i < count; i++)
		if (!db_run(db, NULL, err,
			    "insert into step (app, number, position, name, state) values (?, ?, ?, ?, 'waiting')",
			    "siis", app, number, (int64_t)i, steps[i]))
			return false;
	return true;
}

static bool one_number(struct db *db, const char *sql, const char *app, int64_t *ret_number, struct err *err)
{
	struct db_query q;
	int64_t number = 0;
	db_query(db, &q, sql, "s", app);
	if (db_row(&q)) number = sqlite3_column_int64(q.stmt, 0);
	if (!db_end(&q, err)) return false;
	*ret_number = number;
	return true;
}

bool deployment_newest(struct db *db, const char *app, int64_t *ret_number, struct err *err)
{
	return one_number(db, "select max(number) from deployment where app = ?", app, ret_number, err);
}

bool deployment_running(struct db *db, const char *app, int64_t *ret_number, struct err *err)
{
	return one_number(db, "select number from deployment where app = ? and state = 'running'", app, ret_number,
			  err);
}

bool deployment_begin(struct db *db, const char *app, const char *source, const char *options, const char *const *steps,
		      int step_count, int64_t *ret_number, struct err *err)
{
	if (!db_begin(db, err)) return false;
	int64_t running = 0, newest = 0;
	bool ok = deployment_running(db, app, &running, err) && deployment_newest(db, app, &newest, err);
	if (ok && running > 0)
		ok = err_set(err, ERR_CONFLICT,
			     "%s is being deployed already (deployment %lld); wait for it, or watch it with: freehold "
			     "logs %s --build %lld",
			     app, (long long)running, app, (long long)running);
	ok = ok &&
	     db_run(db, NULL, err,
		    "insert into deployment (app, number, state, source, options, began_at) values (?, ?, 'running', "
		    "?, ?, ?)",
		    "sissi", app, newest + 1, source, options, clock_wall_ms()) &&
	     insert_steps(db, app, newest + 1, steps, step_count, err);
	if (!ok) {
		db_rollback(db);
		return false;
	}
	if (!db_commit(db, err)) return false;
	*ret_number = newest + 1;
	return true;
}

bool deployment_set_live(struct db *db, const char *app, int64_t number, struct err *err)
{
	return db_run(db, NULL, err,
		      "update deployment set state = 'superseded' where app = ? and state = 'live' and number <> ?",
		      "si", app, number) &&
	       db_run(db, NULL, err, "update deployment set state = 'live' where app = ? and number = ?", "si", app,
		      number);
}

bool deployment_end(struct db *db, const char *app, int64_t number, const char *state, const struct err *error,
		    struct err *err)
{
	if (!db_begin(db, err)) return false;
	/* A repository's address may hold a password, and nobody needs it any more. */
	bool ok = db_run(db, NULL, err,
			 "update deployment set state = ?, ended_at = ?, error_code = ?, error_message = ?, options = "
			 "json_remove(options, '$.git') where app = ? and number = ?",
			 "sisssi", state, clock_wall_ms(), error != NULL ? err_code_word(error->code) : NULL,
			 error != NULL ? error->msg : NULL, app, number);
	/* A full disk may have kept a step's end out of the journal; it is over now in any case. */
	ok = ok && db_run(db, NULL, err,
			  "update step set state = case ? when 'live' then 'done' else 'failed' end where app = ? and "
			  "number = ? and state = 'running'",
			  "ssi", state, app, number);
	if (ok && strcmp(state, "live") == 0) ok = deployment_set_live(db, app, number, err);
	if (ok) return db_commit(db, err);
	db_rollback(db);
	return false;
}

bool deployment_set_commit(struct db *db, const char *app, int64_t number, const char *commit_id, struct err *err)
{
	return db_run(db, NULL, err, "update deployment set commit_id = ? where app = ? and number = ?", "ssi",
		      commit_id, app, number);
}

bool deployment_set_report(struct db *db, const char *app, int64_t number, const char *report, struct err *err)
{
	return db_run(db, NULL, err, "update deployment set report = ? where app = ? and number = ?", "ssi", report,
		      app, number);
}

bool deployment_step(struct db *db, const char *app, int64_t number, int position, const char *state,
		     int64_t duration_ms, const char *detail, struct err *err)
{
	if (!db_begin(db, err)) return false;
	bool ok = db_run(db, NULL, err,
			 "update step set state = ?1, began_at = case when ?1 = 'running' then ?2 else began_at end,"
			 " duration_ms = case when ?3 < 0 then duration_ms else ?3 end, detail = coalesce(?4, detail)"
			 " where app = ?5 and number = ?6 and position = ?7",
			 "siissii", state, clock_wall_ms(), duration_ms, detail, app, number, (int64_t)position);
	if (ok && strcmp(state, "running") == 0)
		ok = db_run(db, NULL, err,
			    "update deployment set step = (select name from step s where s.app = ?1 and s.number = ?2 "
			    "and s.position = ?3)"
			    " where app = ?1 and number = ?2",
			    "sii", app, number, (int64_t)position);
	if (ok) return db_commit(db, err);
	db_rollback(db);
	return false;
}

bool deployment_step_state(struct db *db, const char *app, int64_t number, int position, char ret_state[16],
			   struct err *err)
{
	struct db_query q;
	db_query(db, &q, "select state from step where app = ? and number = ? and position = ?", "sii", app, number,
		 (int64_t)position);
	bool found = db_row(&q);
	if (found) (void)snprintf(ret_state, 16, "%s", db_text(&q, 0));
	if (!db_end(&q, err)) return false;
	return found ||
	       err_set(err, ERR_NOT_FOUND, "deployment %lld of %s has no step %d", (long long)number, app, position);
}

static void set_text(json_t *o, const char *key, struct db_query *q, int column)
{
	bool is_null = sqlite3_column_type(q->stmt, column) == SQLITE_NULL;
	json_object_set_new(o, key, is_null ? json_null() : json_string(db_text(q, column)));
}

static void set_time(json_t *o, const char *key, struct db_query *q, int column)
{
	int64_t at_ms = sqlite3_column_int64(q->stmt, column);
	char text[CLOCK_ISO8601_SIZE];
	clock_iso8601(at_ms, text);
	json_object_set_new(o, key, at_ms == 0 ? json_null() : json_string(text));
}

static void set_number(json_t *o, const char *key, struct db_query *q, int column)
{
	bool is_null = sqlite3_column_type(q->stmt, column) == SQLITE_NULL;
	json_object_set_new(o, key, is_null ? json_null() : json_integer(sqlite3_column_int64(q->stmt, column)));
}

#define DEPLOYMENT_COLUMNS                                                                                             \
	"app, number, state, step, source, commit_id, began_at, ended_at, ended_at - began_at, error_code, "           \
	"error_message, report"

static json_t *read_deployment(struct db_query *q)
{
	json_t *d = json_object();
	set_text(d, "app", q, 0);
	set_number(d, "number", q, 1);
	set_text(d, "state", q, 2);
	set_text(d, "step", q, 3);
	set_text(d, "from", q, 4);
	set_text(d, "commit", q, 5);
	set_time(d, "began_at", q, 6);
	set_time(d, "ended_at", q, 7);
	set_number(d, "duration_ms", q, 8);
	json_t *error = json_null();
	if (sqlite3_column_type(q->stmt, 9) != SQLITE_NULL) {
		error = json_object();
		set_text(error, "code", q, 9);
		set_text(error, "message", q, 10);
	}
	json_object_set_new(d, "error", error);
	return d;
}

static bool steps_json(struct db *db, const char *app, int64_t number, json_t *ret_steps, struct err *err)
{
	struct db_query q;
	db_query(db, &q,
		 "select name, state, began_at, duration_ms, detail from step where app = ? and number = ? order by "
		 "position",
		 "si", app, number);
	while (db_row(&q)) {
		json_t *s = json_object();
		set_text(s, "name", &q, 0);
		set_text(s, "state", &q, 1);
		set_time(s, "began_at", &q, 2);
		set_number(s, "duration_ms", &q, 3);
		set_text(s, "detail", &q, 4);
		json_array_append_new(ret_steps, s);
	}
	return db_end(&q, err);
}

bool deployment_json(struct db *db, const char *app, int64_t number, bool is_whole, json_t **ret_json, struct err *err)
{
	struct db_query q;
	json_t *d = NULL;
	db_query(db, &q, "select " DEPLOYMENT_COLUMNS " from deployment where app = ? and number = ?", "si", app,
		 number);
	if (db_row(&q)) {
		d = read_deployment(&q);
		const char *report = db_text(&q, 11);
		json_t *parsed = is_whole && report[0] != '\0' ? json_loads(report, 0, NULL) : NULL;
		if (is_whole) json_object_set_new(d, "report", parsed != NULL ? parsed : json_null());
	}
	bool ok = db_end(&q, err);
	if (ok && d == NULL)
		ok = err_set(err, ERR_NOT_FOUND, "%s has no deployment %lld; freehold deployments %s lists them", app,
			     (long long)number, app);
	json_t *steps = json_array();
	if (ok && is_whole) ok = steps_json(db, app, number, steps, err) && json_object_set(d, "steps", steps) == 0;
	json_decref(steps);
	if (ok)
		*ret_json = d;
	else
		json_decref(d);
	return ok;
}

bool deployment_list_json(struct db *db, const char *app, json_t **ret_list, struct err *err)
{
	struct db_query q;
	json_t *list = json_array();
	db_query(db, &q, "select " DEPLOYMENT_COLUMNS " from deployment where app = ? order by number desc limit ?",
		 "si", app, (int64_t)LIST_MAX);
	while (db_row(&q)) json_array_append_new(list, read_deployment(&q));
	if (!db_end(&q, err)) {
		json_decref(list);
		return false;
	}
	*ret_list = list;
	return true;
}

bool deployment_all_running(struct db *db, json_t **ret_list, struct err *err)
{
	struct db_query q;
	json_t *list = json_array();
	db_query(db, &q, "select app, number from deployment where state = 'running'", "");
	while (db_row(&q)) {
		json_t *d = json_object();
		set_text(d, "app", &q, 0);
		set_number(d, "number", &q, 1);
		json_array_append_new(list, d);
	}
	if (!db_end(&q, err)) {
		json_decref(list);
		return false;
	}
	*ret_list = list;
	return true;
}

bool deployment_info(struct db *db, const char *app, int64_t number, struct deployment_info *ret_info, struct err *err)
{
	struct db_query q;
	db_query(db, &q,
		 "select source, commit_id, state, began_at, options from deployment where app = ? and number = ?",
		 "si", app, number);
	bool found = db_row(&q);
	if (found) {
		struct deployment_info info = {.began_at_ms = sqlite3_column_int64(q.stmt, 3)};
		(void)snprintf(info.source, sizeof info.source, "%s", db_text(&q, 0));
		(void)snprintf(info.commit_id, sizeof info.commit_id, "%s", db_text(&q, 1));
		(void)snprintf(info.state, sizeof info.state, "%s", db_text(&q, 2));
		(void)snprintf(info.options, sizeof info.options, "%s", db_text(&q, 4));
		*ret_info = info;
	}
	if (!db_end(&q, err)) return false;
	return found || err_set(err, ERR_NOT_FOUND, "%s has no deployment %lld; freehold deployments %s lists them",
				app, (long long)number, app);
}

bool promotion_add(struct db *db, const char *app, int64_t from, int64_t to, const char *kind, struct err *err)
{
	return db_run(
	    db, NULL, err,
	    "insert into promotion (app, release_from, release_to, kind, at) values (?, nullif(?, 0), ?, ?, ?)",
	    "siisi", app, from, to, kind, clock_wall_ms());
}

bool promotion_time(struct db *db, const char *app, int64_t release, int64_t *ret_at_ms, struct err *err)
{
	struct db_query q;
	int64_t at_ms = 0;
	db_query(db, &q, "select max(at) from promotion where app = ? and release_to = ?", "si", app, release);
	if (db_row(&q)) at_ms = sqlite3_column_int64(q.stmt, 0);
	if (!db_end(&q, err)) return false;
	*ret_at_ms = at_ms;
	return true;
}

bool promotion_newest(struct db *db, const char *app, int64_t *ret_release, struct err *err)
{
	return one_number(db, "select release_to from promotion where app = ? order by id desc limit 1", app,
			  ret_release, err);
}

bool promotion_before(struct db *db, const char *app, int64_t live, int64_t *ret_release, struct err *err)
{
	struct db_query q;
	int64_t release = 0;
	/* The switch that made it live names its predecessor. */
	db_query(
	    db, &q,
	    "select coalesce(release_from, 0) from promotion where app = ? and release_to = ? order by id desc limit 1",
	    "si", app, live);
	if (db_row(&q)) release = sqlite3_column_int64(q.stmt, 0);
	if (!db_end(&q, err)) return false;
	*ret_release = release;
	return true;
}
