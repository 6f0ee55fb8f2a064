/* SPDX-License-Identifier: Apache-2.0
 *
 * Routes about what an app's PostgreSQL is set to. */
#include "app/tuning.h"
#include "api/app_query.h"
#include "api/routes.h"
#include "api/worker.h"
#include "codec/json.h"

/* What is sized, and what the owner set ($1, a JSON object). From postgresql.auto.conf: by `alter system`. */
static const char sql[] =
    "select json_build_object('settings', (select json_agg(json_build_object('name', s.name, 'value', "
    "current_setting(s.name), 'from', case when s.sourcefile like '%auto.conf' then 'alter system' when $1::json -> "
    "s.name is not null then 'owner' when s.source in ('database', 'user', 'database user') then 'alter database' when "
    "s.name = any (string_to_array($2, ',')) then 'machine' else 'default' end, 'at_start', s.context = 'postmaster', "
    "'waits', s.pending_restart, 'about', s.short_desc) order by s.name = any (string_to_array($2, ',')) desc, "
    "array_position(string_to_array($2, ','), s.name), s.name) from pg_settings s where s.name = any "
    "(string_to_array($2, ',')) or $1::json -> s.name is not null or s.sourcefile like '%auto.conf'))::text";

static const char sized[] = "shared_buffers,effective_cache_size,work_mem,maintenance_work_mem,max_wal_size,"
			    "max_connections,max_worker_processes,max_parallel_workers,max_parallel_workers_per_gather,"
			    "autovacuum_max_workers";

void route_tuning(struct route_call *c)
{
	struct parts parts;
	struct err err;
	json_t *facts = NULL;
	if (!parts_open(&c->d->flow, c->app, &parts, &err) || !tuning_json(&c->d->flow, &parts, &facts, &err)) {
		reply_error(c->req, &err);
		return;
	}
	char *owners = json_text(json_object_get(facts, "owners"));
	const char *const params[] = {owners, sized};
	app_query_as(c, OWNDB_MIGRATOR, sql, params, 2, "database", facts);
	free(owners);
}

static void on_set(void *arg, bool is_ok, struct str output)
{
	struct err err;
	json_t *answer = NULL;
	(void)is_ok;
	if (!json_parse(output, &answer, &err)) {
		(void)err_set(&err, ERR_FAILED, "the settings were not changed: the process that does it died");
		reply_error(arg, &err);
		return;
	}
	if (json_object_get(answer, "error") == NULL) {
		reply_json(arg, 200, answer);
		return;
	}
	(void)err_set(&err, (enum err_code)json_int(answer, "error", ERR_INTERNAL), "%s",
		      json_str(answer, "message", ""));
	json_decref(answer);
	reply_error(arg, &err);
}

/* {NAME: VALUE, …}; "" takes one back. */
void route_tuning_put(struct route_call *c)
{
	struct err err;
	struct app app;
	json_t *body = body_json(c->req);
	if (body == NULL) return;
	char *text = json_text(body);
	json_decref(body);
	bool ok = app_get(c->d->flow.db, c->app, &app, &err) && worker_check_not_ending(c->d, c->app, &err) &&
		  worker_start(c->d, (const char *const[]){"--tune", c->app, text, NULL}, on_set, c->req, &err);
	free(text);
	if (!ok) reply_error(c->req, &err);
}
