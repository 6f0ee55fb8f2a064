/* SPDX-License-Identifier: Apache-2.0 */
#include "api/app_query.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/parts.h"
#include "codec/json.h"
#include "pg/pool.h"

#define CONNECT_MS 4000
#define CONNINFO_SIZE (FILE_PATH_SIZE > ELSEWHERE_CONNINFO_SIZE ? FILE_PATH_SIZE + 200 : ELSEWHERE_CONNINFO_SIZE)

struct query {
	struct http_request *req;
	struct pg_pool *pool;
	struct pg_call call;
	struct pg_statement statement;
	const char *params[APP_QUERY_PARAMS_MAX];
	const char *none;
	json_t *extra;
	void (*finish)(json_t *answer); /* NULL: nothing is added */
};

static bool explain(struct pg_call *call, struct err *err)
{
	struct pg_error error = {0};
	pg_error_from_result(&error, call->results[call->failed], NULL);
	if (strcmp(error.sqlstate, "42P01") == 0 || strcmp(error.sqlstate, "3F000") == 0 ||
	    strcmp(error.sqlstate, "42883") == 0)
		return err_set(
		    err, ERR_UNAVAILABLE,
		    "the app's database was made by an earlier Freehold; the next deployment brings it up to date");
	return pg_error_set(err, &error);
}

static bool take(struct query *q, json_t **ret_answer, struct err *err)
{
	struct pg_call *call = &q->call;
	if (call->err.code != ERR_NONE) {
		*err = call->err;
		if (strstr(err->msg, "\"extensions.pg_stat_statements\" does not exist") != NULL ||
		    strstr(err->msg, "pg_stat_statements must be loaded") != NULL)
			return err_set(err, ERR_UNAVAILABLE,
				       "what queries cost is not counted where this database is: the extension "
				       "pg_stat_statements is missing; as an administrator there: create extension "
				       "pg_stat_statements with schema extensions");
		return err_wrap(err, "the app's database");
	}
	if (call->failed >= 0) return explain(call, err);
	const PGresult *rows = call->results[0];
	if (PQntuples(rows) == 0 || PQgetisnull(rows, 0, 0))
		return err_set(err, ERR_NOT_FOUND, "there is no %s", q->none);
	return json_parse(str_from(PQgetvalue(rows, 0, 0)), ret_answer, err);
}

static void on_done(void *arg, struct pg_call *call)
{
	struct query *q = arg;
	struct err err;
	json_t *answer = NULL;
	if (take(q, &answer, &err)) {
		if (q->extra != NULL) (void)json_object_update(answer, q->extra);
		if (q->finish != NULL) q->finish(answer);
		reply_json(q->req, 200, answer);
	} else {
		reply_error(q->req, &err);
	}
	pg_call_clear(call);
	json_decref(q->extra);
	pg_pool_stop(q->pool, free, q);
}

static bool find_elsewhere(const struct elsewhere *e, const char *role, char ret_conninfo[CONNINFO_SIZE],
			   struct err *err)
{
	const struct owndb_elsewhere there = elsewhere_address(e);
	char conninfo[ELSEWHERE_CONNINFO_SIZE];
	if (!owndb_elsewhere_conninfo(&there, ELSEWHERE_AS_OWNER, role, "-c search_path=pg_catalog", conninfo, err))
		return false;
	(void)snprintf(ret_conninfo, CONNINFO_SIZE, "%s", conninfo);
	return true;
}

static bool find_database(struct route_call *c, const char *user, const char *role, char ret_conninfo[CONNINFO_SIZE],
			  struct err *err)
{
	char dir[FILE_PATH_SIZE], socket[FILE_PATH_SIZE];
	struct app app;
	struct elsewhere elsewhere;
	if (!app_get(c->d->flow.db, c->app, &app, err) || !elsewhere_get(&c->d->flow, c->app, &elsewhere, err))
		return false;
	if (elsewhere.is && strcmp(app.state, "new") != 0) return find_elsewhere(&elsewhere, role, ret_conninfo, err);
	if (elsewhere.is)
		return err_set(
		    err, ERR_CONFLICT,
		    "nothing of %s is live, and its first deployment prepares its database: freehold deploy FOLDER "
		    "--app %s",
		    c->app, c->app);
	if (!layout_app_run(&c->d->flow.layout, c->app, "postgres", dir, err) ||
	    !file_path(socket, err, "%s/.s.PGSQL.5432", dir))
		return false;
	if (!file_exists(socket) && strcmp(app.state, "new") == 0)
		return err_set(err, ERR_CONFLICT,
			       "the database of %s does not run yet: nothing of %s is live; freehold deploy FOLDER "
			       "--app %s puts it live",
			       c->app, c->app, c->app);
	if (!file_exists(socket))
		return err_set(err, ERR_UNAVAILABLE, "the database of %s does not run; freehold start %s starts it",
			       c->app, c->app);
	/* Nothing that the app made in its schemas may stand in for what the statement means (CVE-2018-1058), and no
	 * statement here needs a superuser. */
	(void)snprintf(ret_conninfo, CONNINFO_SIZE,
		       "host='%s' port=5432 dbname=%s user=%s options='-c search_path=pg_catalog -c role=%s'", dir,
		       OWNDB_DATABASE, user, role);
	return true;
}

void app_query(struct route_call *c, const char *sql, const char *const *params, int param_count, const char *none,
	       json_t *extra)
{
	app_query_as(c, "supabase_auth_admin", sql, params, param_count, none, extra);
}

static void run(struct route_call *c, const char *conninfo, const struct query *given, int param_count)
{
	struct err err;
	struct query *q = malloc(sizeof *q);
	if (q == NULL) abort();
	*q = *given;
	q->req = c->req;
	q->statement.param_count = param_count;
	q->statement.params = q->params;
	q->call = (struct pg_call){
	    .statements = &q->statement, .count = 1, .run_ms = APP_QUERY_MS, .done = on_done, .arg = q};
	q->pool = pg_pool_new(&c->d->loop,
			      &(struct pg_pool_settings){.conninfo = conninfo, .size = 1, .wait_ms = CONNECT_MS});
	if (pg_pool_run(q->pool, &q->call, &err)) return;
	json_decref(q->extra);
	reply_error(c->req, &err);
	pg_pool_stop(q->pool, free, q);
}

void app_query_as(struct route_call *c, const char *role, const char *sql, const char *const *params, int param_count,
		  const char *none, json_t *extra)
{
	char conninfo[CONNINFO_SIZE];
	struct err err;
	struct query q = {.none = none, .extra = extra, .statement = {.sql = sql}};
	if (!find_database(c, OWNDB_SUPERUSER, role, conninfo, &err)) {
		json_decref(extra);
		reply_error(c->req, &err);
		return;
	}
	for (int i = 0; i < param_count; i++)
		q.params[i] = params[i] != NULL ? arena_strdup(http_arena(c->req), params[i]) : NULL;
	run(c, conninfo, &q, param_count);
}

void app_query_then(struct route_call *c, const char *sql, void (*finish)(json_t *answer))
{
	char conninfo[CONNINFO_SIZE];
	struct err err;
	const struct query q = {.none = "database", .finish = finish, .statement = {.sql = sql}};
	if (find_database(c, OWNDB_MIGRATOR, OWNDB_MIGRATOR, conninfo, &err))
		run(c, conninfo, &q, 0);
	else
		reply_error(c->req, &err);
}
