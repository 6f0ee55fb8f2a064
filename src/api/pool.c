/* SPDX-License-Identifier: Apache-2.0
 *
 * Routes about an app's pool of connections. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/pool_talk.h"
#include "api/routes.h"
#include "base/clock.h"
#include "codec/json.h"
#include "owndb/pooler.h"
#include "release/release.h"
#include "store/pool_use.h"

#define HISTORY_MS ((int64_t)24 * 3600 * 1000)
#define WEEK_MS (7 * HISTORY_MS)

struct asked {
	struct http_request *req;
	struct daemon *d;
	char app[LAYOUT_APP_NAME_MAX + 1];
	json_t *answer;
};

static const char *size_from(const struct pool *pool)
{
	if (pool->wished_size > 0) return "owner";
	if (pool->mode == POOL_SESSION) return "limit";
	return pool->demand > 0 ? "measured" : "start";
}

/* What the owner may want to do about it; NULL: nothing. */
static json_t *advice(const struct pool *pool, const struct pool_use *week, const char *app)
{
	double waited = (double)week->wait_ms / 1000;
	if (!pool->is_on || week->wait_ms < 100) return json_null();
	if (pool->wished_size > 0 && week->demand > pool->wished_size)
		return json_sprintf(
		    "Clients have waited for up to %.1f s; measured use would make it larger: freehold db %s "
		    "pool size=auto.",
		    waited, app);
	if (pool->size >= pool->limit)
		return json_sprintf(
		    "Clients have waited for up to %.1f s, and the pool is as large as PostgreSQL allows: "
		    "make slow queries faster (freehold db %s slow), or allow more (freehold set %s "
		    "postgres.max_connections=N).",
		    waited, app, app);
	return json_sprintf(
	    "Clients have waited for up to %.1f s. Where it is not the processor that they waited for "
	    "(transactions that stay open while something else is asked), more help: freehold db %s pool "
	    "size=%d.",
	    waited, app, pool->size * 2 < pool->limit ? pool->size * 2 : pool->limit);
}

static bool describe(struct daemon *d, const char *app, json_t **ret_answer, struct err *err)
{
	struct parts parts;
	struct pool pool;
	struct pool_use week;
	char dir[FILE_PATH_SIZE], version[32], unit[UNIT_NAME_SIZE];
	int64_t live = 0, now_ms = clock_wall_ms();
	json_t *history = json_array();
	if (!parts_open(&d->flow, app, &parts, err) || !pool_find(&d->flow, &parts, now_ms, &pool, err) ||
	    !layout_app(&d->flow.layout, app, "", dir, err) || !release_live(dir, &live, err) ||
	    !pool_use_list(d->flow.db, app, now_ms - HISTORY_MS, history, err) ||
	    !pool_use_peak(d->flow.db, app, now_ms - WEEK_MS, &week, err)) {
		json_decref(history);
		return false;
	}
	bool is_wanted = pool_is_wanted(&d->flow, app, live);
	if (pool.is_on && !is_wanted)
		(void)snprintf(pool.why_off, sizeof pool.why_off,
			       "its live release has no server that uses DATABASE_URL");
	parts_unit_name(app, POOL_PART, unit);
	(void)snprintf(version, sizeof version, "%d.%d.%d", pool.version / 10000, pool.version / 100 % 100,
		       pool.version % 100);
	*ret_answer = json_pack(
	    "{s:b, s:s?, s:o, s:s, s:s, s:s?, s:b, s:i, s:s, s:i, s:{s:I, s:I, s:I, s:I, s:I}, s:o, s:o}", "on",
	    is_wanted && pool.is_on, "why_off", pool.why_off[0] != '\0' ? pool.why_off : NULL, "process",
	    supervisor_json(d->supervisor, unit, POOL_PART), "mode", pool_mode_word(pool.mode), "mode_from",
	    pool.wish == POOL_AUTO ? "version" : "owner", "pgbouncer", pool.version > 0 ? version : NULL,
	    "keeps_prepared", pool.mode == POOL_SESSION || pool.version >= POOLER_PREPARES, "size", pool.size,
	    "size_from", size_from(&pool), "limit", pool.limit, "week", "clients", (json_int_t)week.clients, "active",
	    (json_int_t)week.active, "waiting", (json_int_t)week.waiting, "demand", (json_int_t)week.demand, "wait_ms",
	    (json_int_t)week.wait_ms, "advice", advice(&pool, &week, app), "history", history);
	return true;
}

static void on_looked(void *arg, const struct pool_seen *seen, const struct err *err)
{
	struct asked *a = arg;
	if (err == NULL) {
		double average_ms =
		    seen->transactions > 0 ? (double)seen->waited_us / 1000 / (double)seen->transactions : 0;
		json_object_set_new(a->answer, "clients",
				    json_pack("{s:I, s:I, s:I, s:I}", "connected", (json_int_t)seen->clients, "active",
					      (json_int_t)seen->active_clients, "idle",
					      (json_int_t)(seen->clients - seen->active_clients - seen->waiting),
					      "waiting", (json_int_t)seen->waiting));
		json_object_set_new(a->answer, "servers",
				    json_pack("{s:I, s:I, s:I}", "connected", (json_int_t)seen->servers, "active",
					      (json_int_t)seen->active_servers, "idle",
					      (json_int_t)(seen->servers - seen->active_servers)));
		json_object_set_new(
		    a->answer, "wait",
		    json_pack("{s:I, s:f}", "longest_ms", (json_int_t)seen->longest_wait_ms, "average_ms", average_ms));
		json_object_set_new(a->answer, "since_start",
				    json_pack("{s:I, s:I}", "transactions", (json_int_t)seen->transactions, "queries",
					      (json_int_t)seen->queries));
	} else if (json_bool(a->answer, "on", false)) {
		json_object_set_new(a->answer, "error", json_string(err->msg));
	}
	reply_json(a->req, 200, a->answer);
	free(a);
}

static void answer(struct daemon *d, const char *app, struct http_request *req)
{
	struct err err;
	struct asked *a = calloc(1, sizeof *a);
	if (a == NULL) abort();
	*a = (struct asked){.req = req, .d = d};
	(void)snprintf(a->app, sizeof a->app, "%s", app);
	if (describe(d, app, &a->answer, &err)) {
		pool_look(d, app, on_looked, a);
		return;
	}
	reply_error(req, &err);
	free(a);
}

void route_pool(struct route_call *c)
{
	answer(c->d, c->app, c->req);
}

static void on_renewed(void *arg, const struct err *err)
{
	struct asked *a = arg;
	if (err == NULL)
		answer(a->d, a->app, a->req);
	else
		reply_error(a->req, err);
	free(a);
}

void route_pool_put(struct route_call *c)
{
	struct parts parts;
	struct err err;
	json_t *body = body_json(c->req);
	if (body == NULL) return;
	bool ok = parts_open(&c->d->flow, c->app, &parts, &err) && pool_set(&c->d->flow, &parts, body, &err);
	json_decref(body);
	if (!ok) {
		reply_error(c->req, &err);
		return;
	}
	struct asked *a = calloc(1, sizeof *a);
	if (a == NULL) abort();
	*a = (struct asked){.req = c->req, .d = c->d};
	(void)snprintf(a->app, sizeof a->app, "%s", c->app);
	pool_renew(c->d, c->app, on_renewed, a);
}

/* A newer PgBouncer, fetched beside the machine's own. */
void route_pool_fetch_post(struct route_call *c)
{
	route_begin_job(c, "pgbouncer", json_object());
}
