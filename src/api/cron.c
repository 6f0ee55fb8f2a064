/* SPDX-License-Identifier: Apache-2.0
 *
 * An app's scheduled jobs and the web requests of its database (owndb/prelude/062_jobs.sql). */
#include <stdio.h>
#include <string.h>

#include "api/app_query.h"
#include "api/routes.h"
#include "app/asked.h"
#include "codec/json.h"

#define RUNS_MAX 1000

static const char list_sql[] =
    "select json_build_object("
    "'paused', (select s.is_paused from freehold_jobs.state s), "
    "'requests', json_build_object('waiting', (select count(*) from net.http_request_queue), 'under_way', (select "
    "count(*) "
    "from freehold_jobs.request), 'failed', (select count(*) from net._http_response r where r.error_msg is not null "
    "or "
    "r.status_code >= 400), 'answered', (select count(*) from net._http_response)), "
    "'jobs', coalesce((select json_agg(json_build_object('id', j.jobid, 'name', j.jobname, 'schedule', j.schedule, "
    "'command', left(j.command, 2000), 'username', j.username, 'active', j.active, 'next_at', d.due_at, 'running', "
    "exists "
    "(select from freehold_jobs.run u where u.jobid = j.jobid), 'last', (select json_build_object('status', r.status, "
    "'message', left(r.return_message, 2000), 'at', coalesce(r.start_time, r.end_time)) from cron.job_run_details r "
    "where "
    "r.jobid = j.jobid order by r.runid desc limit 1)) order by j.jobid) from cron.job j left join freehold_jobs.due d "
    "on d.jobid = j.jobid), '[]'))::text";

static const char runs_sql[] =
    "select json_build_object('runs', coalesce(json_agg(x), '[]'::json))::text from (select r.runid as id, r.jobid as "
    "job, "
    "j.jobname as name, r.status, left(r.return_message, 2000) as message, r.start_time as started_at, r.end_time as "
    "ended_at, r.username, left(r.command, 2000) as command from cron.job_run_details r left join cron.job j on "
    "j.jobid = "
    "r.jobid where $1::text is null or j.jobname = $1 or r.jobid::text = $1 order by r.runid desc limit $2::bigint) x";

static const char run_sql[] = "select json_build_object('id', j.jobid, 'name', j.jobname, 'begun', "
			      "freehold_jobs.run_now(j.jobid))::text from cron.job "
			      "j where j.jobname = $1 or j.jobid::text = $1 order by j.jobid limit 1";

/* The whole, or one job. What an UPDATE changed is told by its row. */
static const char pause_all_sql[] = "with done as (select freehold_jobs.pause($1::boolean)) select "
				    "json_build_object('paused', $1::boolean)::text from done";
static const char pause_one_sql[] =
    "with done as (update cron.job j set active = not $1::boolean where j.jobname = $2 or j.jobid::text = $2 returning "
    "j.jobid, j.jobname, j.active) select json_build_object('id', min(jobid), 'name', min(jobname), 'active', "
    "bool_and(active))::text from done having count(*) > 0";

static json_t *allowed(struct route_call *c)
{
	json_t *document JSON_CLEANUP = NULL;
	struct err ignored;
	if (!asked_document(&c->d->flow, c->app, &document, &ignored)) return NULL;
	return json_pack("{s:O, s:O}", "allow", json_object_get(document, "allow"), "projects",
			 json_object_get(document, "projects"));
}

void route_cron(struct route_call *c)
{
	app_query_as(c, "postgres", list_sql, NULL, 0, "job", allowed(c));
}

void route_cron_runs(struct route_call *c)
{
	const char *limit = query_param(c->req, "limit");
	int64_t n = 50;
	struct err err;
	if (limit != NULL && (!str_to_int(str_from(limit), &n) || n < 1 || n > RUNS_MAX)) {
		(void)err_set(&err, ERR_INVALID, "limit is 1 to %d", RUNS_MAX);
		reply_error(c->req, &err);
		return;
	}
	const char *params[] = {query_param(c->req, "job"), arena_printf(http_arena(c->req), "%lld", (long long)n)};
	app_query_as(c, "postgres", runs_sql, params, 2, "run", NULL);
}

/* The member of the body, copied; NULL where it is none. False: answered. */
static bool read_text(struct route_call *c, const char *name, bool is_needed, const char **ret_text, bool *ret_flag)
{
	struct err err;
	json_t *body = body_json(c->req);
	if (body == NULL) return false;
	const char *text = json_str(body, name, NULL);
	*ret_text = text != NULL ? arena_strdup(http_arena(c->req), text) : NULL;
	if (ret_flag != NULL) *ret_flag = json_bool(body, "allowed", true);
	json_decref(body);
	if (*ret_text != NULL || !is_needed) return true;
	(void)err_set(&err, ERR_INVALID, "the body needs \"%s\"", name);
	reply_error(c->req, &err);
	return false;
}

static const char *no_such_job(struct route_call *c, const char *job)
{
	return arena_printf(http_arena(c->req), "job %.60s in %s; freehold cron %s lists those there are", job, c->app,
			    c->app);
}

void route_cron_run(struct route_call *c)
{
	const char *job;
	if (read_text(c, "job", true, &job, NULL))
		app_query_as(c, "postgres", run_sql, &job, 1, no_such_job(c, job), NULL);
}

static void pause_or_resume(struct route_call *c, const char *is_paused)
{
	const char *params[2] = {is_paused, NULL};
	if (!read_text(c, "job", false, &params[1], NULL)) return;
	if (params[1] == NULL)
		app_query_as(c, "postgres", pause_all_sql, params, 1, "job", NULL);
	else
		app_query_as(c, "postgres", pause_one_sql, params, 2, no_such_job(c, params[1]), NULL);
}

void route_cron_pause(struct route_call *c)
{
	pause_or_resume(c, "t");
}

void route_cron_resume(struct route_call *c)
{
	pause_or_resume(c, "f");
}

void route_cron_allow(struct route_call *c)
{
	struct err err;
	const char *network;
	bool is_allowed = true;
	if (!read_text(c, "network", true, &network, &is_allowed)) return;
	struct app app;
	bool ok =
	    app_get(c->d->flow.db, c->app, &app, &err) && asked_allow(&c->d->flow, c->app, network, is_allowed, &err);
	json_t *answer = ok ? allowed(c) : NULL;
	if (answer != NULL)
		reply_json(c->req, 200, answer);
	else
		reply_error(c->req, &err);
}
