/* SPDX-License-Identifier: Apache-2.0 */
#include "api/pool_talk.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/app_parts.h"
#include "base/clock.h"
#include "base/log.h"
#include "owndb/server_role.h"
#include "pg/console.h"
#include "release/release.h"

#define LOOK_MS 3000
#define HOLD_MS 5000
#define LET_GO_EACH_MS 20
#define LET_GO_TRIES 3000

bool pool_runs(struct daemon *d, const char *app)
{
	char unit[UNIT_NAME_SIZE];
	parts_unit_name(app, POOL_PART, unit);
	return supervisor_is_running(d->supervisor, unit);
}

/* Asking. */

struct look {
	pool_look_done done;
	void *arg;
};

static int64_t number(const PGresult *rows, int row, const char *column)
{
	int at = PQfnumber(rows, column);
	return at >= 0 ? strtoll(PQgetvalue(rows, row, at), NULL, 10) : 0;
}

static bool is_of(const PGresult *rows, int row, const char *column, const char *value)
{
	int at = PQfnumber(rows, column);
	return at >= 0 && strcmp(PQgetvalue(rows, row, at), value) == 0;
}

static void read_pools(const PGresult *rows, struct pool_seen *seen)
{
	for (int i = 0; i < PQntuples(rows); i++) {
		if (!is_of(rows, i, "database", OWNDB_DATABASE) || !is_of(rows, i, "user", OWNDB_SERVER_ROLE)) continue;
		seen->active_servers = number(rows, i, "sv_active");
		seen->active_clients = seen->active_servers;
		seen->waiting = number(rows, i, "cl_waiting");
		seen->clients = number(rows, i, "cl_active") + seen->waiting;
		seen->servers = seen->active_servers + number(rows, i, "sv_idle") + number(rows, i, "sv_used") +
				number(rows, i, "sv_tested") + number(rows, i, "sv_login");
		seen->longest_wait_ms = number(rows, i, "maxwait") * 1000 + number(rows, i, "maxwait_us") / 1000;
	}
}

static void read_stats(const PGresult *rows, struct pool_seen *seen)
{
	for (int i = 0; i < PQntuples(rows); i++) {
		if (!is_of(rows, i, "database", OWNDB_DATABASE)) continue;
		seen->transactions = number(rows, i, "total_xact_count");
		seen->queries = number(rows, i, "total_query_count");
		seen->waited_us = number(rows, i, "total_wait_time");
	}
}

static void on_looked(void *arg, PGresult *const *results, int count, const struct err *err)
{
	struct look *l = arg;
	struct pool_seen seen = {0};
	if (err == NULL && count == 2) {
		read_pools(results[0], &seen);
		read_stats(results[1], &seen);
	}
	l->done(l->arg, err == NULL ? &seen : NULL, err);
	free(l);
}

void pool_look(struct daemon *d, const char *app, pool_look_done done, void *arg)
{
	static const char *const commands[] = {"show pools", "show stats", NULL};
	char conninfo[POOL_CONNINFO_SIZE];
	struct err err;
	if (!pool_runs(d, app)) {
		(void)err_set(&err, ERR_UNAVAILABLE, "the pool of %s does not run", app);
		done(arg, NULL, &err);
		return;
	}
	if (!pool_conninfo(&d->flow, app, conninfo, &err)) {
		done(arg, NULL, &err);
		return;
	}
	struct look *l = calloc(1, sizeof *l);
	if (l == NULL) abort();
	*l = (struct look){done, arg};
	pg_console_run(&d->loop, conninfo, commands, LOOK_MS, on_looked, l);
}

/* Its settings. */

static int64_t live_release(struct daemon *d, const char *app)
{
	char dir[FILE_PATH_SIZE];
	struct err ignored;
	int64_t live = 0;
	if (!layout_app(&d->flow.layout, app, "", dir, &ignored) || !release_live(dir, &live, &ignored)) return 0;
	return live;
}

void pool_reload(struct daemon *d, const char *app)
{
	struct parts parts;
	struct unit_spec spec;
	struct err err;
	char unit[UNIT_NAME_SIZE];
	struct arena *arena = arena_new(APP_PARTS_ARENA_BYTES);
	parts_unit_name(app, POOL_PART, unit);
	if (app_part_spec(d, app, POOL_PART, &parts, arena, &spec, &err))
		supervisor_signal(d->supervisor, unit, SIGHUP);
	else
		log_error("%s: %s", unit, err.msg);
	arena_free(arena);
}

struct ending {
	struct daemon *d;
	char app[LAYOUT_APP_NAME_MAX + 1];
	supervisor_done done;
	void *arg;
};

static void on_held_to_end(void *arg, const struct err *err)
{
	struct ending *e = arg;
	char unit[UNIT_NAME_SIZE];
	(void)err;
	parts_unit_name(e->app, POOL_PART, unit);
	supervisor_stop(e->d->supervisor, unit, e->done, e->arg);
	free(e);
}

void pool_renew(struct daemon *d, const char *app, supervisor_done done, void *arg)
{
	struct parts parts;
	struct app now;
	struct err err;
	char door[FILE_PATH_SIZE];
	if (!app_get(d->flow.db, app, &now, &err) || !parts_open(&d->flow, app, &parts, &err)) {
		done(arg, &err);
		return;
	}
	bool is_wanted = strcmp(now.state, "running") == 0 && pool_is_wanted(&d->flow, app, live_release(d, app));
	if (is_wanted && pool_runs(d, app)) {
		/* Another program (a newer PgBouncer) is another process; else it is told to read its settings. */
		daemon_start_part_of(d, app, POOL_PART, false, done, arg);
		if (pool_runs(d, app)) pool_reload(d, app);
		return;
	}
	/* New connections go the new way first. */
	if (!pool_door(&d->flow, &parts, door, &err)) {
		done(arg, &err);
		return;
	}
	if (is_wanted) {
		daemon_start_part_of(d, app, POOL_PART, false, done, arg);
		return;
	}
	struct ending *e = calloc(1, sizeof *e);
	if (e == NULL) abort();
	*e = (struct ending){.d = d, .done = done, .arg = arg};
	(void)snprintf(e->app, sizeof e->app, "%s", app);
	pool_hold(d, app, on_held_to_end, e);
}

/* Holding. */

struct hold {
	supervisor_done done;
	void *arg;
	bool is_quiet;
};

static void on_held(void *arg, PGresult *const *results, int count, const struct err *err)
{
	struct hold *h = arg;
	(void)results, (void)count;
	if (err != NULL && !h->is_quiet) log_warn("hold a pool: %s", err->msg);
	if (h->done != NULL) h->done(h->arg, NULL);
	free(h);
}

static bool command(struct daemon *d, const char *app, const char *const *commands, supervisor_done done, void *arg)
{
	char conninfo[POOL_CONNINFO_SIZE];
	struct err err;
	if (!pool_runs(d, app) || !pool_conninfo(&d->flow, app, conninfo, &err)) return false;
	struct hold *h = calloc(1, sizeof *h);
	if (h == NULL) abort();
	*h = (struct hold){done, arg, done == NULL};
	pg_console_run(&d->loop, conninfo, commands, HOLD_MS, on_held, h);
	return true;
}

void pool_hold(struct daemon *d, const char *app, supervisor_done done, void *arg)
{
	static const char *const commands[] = {"pause", NULL};
	struct parts parts;
	struct pool pool;
	struct err ignored;
	bool can_wait = pool_runs(d, app) && parts_open(&d->flow, app, &parts, &ignored) &&
			pool_find(&d->flow, &parts, clock_wall_ms(), &pool, &ignored) && pool.mode == POOL_TRANSACTION;
	if (can_wait && command(d, app, commands, done, arg)) return;
	done(arg, NULL);
}

/* PostgreSQL's socket accepts before it lets anyone in, and a login that is turned away makes PgBouncer turn away who
 * comes next. */
struct letting {
	struct daemon *d;
	char app[LAYOUT_APP_NAME_MAX + 1];
	uv_timer_t timer;
	int tries;
};

static void on_letting_closed(uv_handle_t *handle)
{
	free(handle->data);
}

static void on_let_go(uv_timer_t *timer)
{
	/* PgBouncer calls it an error when nothing is held, as at most starts. */
	static const char *const commands[] = {"resume", NULL};
	struct letting *l = timer->data;
	struct parts parts;
	struct err ignored;
	bool is_over = ++l->tries > LET_GO_TRIES || !pool_runs(l->d, l->app) ||
		       !parts_open(&l->d->flow, l->app, &parts, &ignored) || owndb_is_ready(&parts.owndb);
	if (!is_over) return;
	(void)command(l->d, l->app, commands, NULL, NULL);
	uv_close((uv_handle_t *)timer, on_letting_closed);
}

void pool_let_go(struct daemon *d, const char *app)
{
	if (!pool_runs(d, app)) return;
	struct letting *l = calloc(1, sizeof *l);
	if (l == NULL) abort();
	l->d = d;
	(void)snprintf(l->app, sizeof l->app, "%s", app);
	(void)uv_timer_init(&d->loop, &l->timer);
	l->timer.data = l;
	(void)uv_timer_start(&l->timer, on_let_go, 0, LET_GO_EACH_MS);
	uv_unref((uv_handle_t *)&l->timer);
}
