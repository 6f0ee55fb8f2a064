/* SPDX-License-Identifier: Apache-2.0 */
#include "api/pool_watch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/pool_talk.h"
#include "base/clock.h"
#include "base/log.h"
#include "owndb/pool_size.h"
#include "store/pool_use.h"

#define LOOK_EACH_MS 5000
#define HOUR_MS ((int64_t)3600 * 1000)

/* What is remembered of one app's pool between two looks. */
struct watched {
	struct watched *next;
	char app[LAYOUT_APP_NAME_MAX + 1];
	struct pool_use peak; /* of this hour */
	int64_t hour;
	bool is_dirty, was_waiting, is_looking;
};

struct pool_watch {
	uv_timer_t timer;
	struct daemon *d;
	struct watched *list;
};

static struct watched *watched_of(struct pool_watch *w, const char *app)
{
	for (struct watched *at = w->list; at != NULL; at = at->next)
		if (strcmp(at->app, app) == 0) return at;
	struct watched *one = calloc(1, sizeof *one);
	if (one == NULL) abort();
	(void)snprintf(one->app, sizeof one->app, "%s", app);
	one->next = w->list;
	w->list = one;
	return one;
}

static void grow(int64_t *inout, int64_t value, bool *inout_is_dirty)
{
	if (value <= *inout) return;
	*inout = value;
	*inout_is_dirty = true;
}

/* A demand beyond what was known may make the pool larger; a new hour may let an old demand go. */
static void save(struct daemon *d, struct watched *one, int64_t now_ms)
{
	struct err err;
	struct parts parts;
	struct pool before, after;
	bool is_sized =
	    parts_open(&d->flow, one->app, &parts, &err) && pool_find(&d->flow, &parts, now_ms, &before, &err);
	if (!pool_use_add(d->flow.db, one->app, now_ms, &one->peak, &err)) {
		log_error("%s: %s", one->app, err.msg);
		return;
	}
	one->is_dirty = false;
	if (!is_sized || !pool_find(&d->flow, &parts, now_ms, &after, &err) || after.size == before.size) return;
	log_info("%s: its pool has %d connections to PostgreSQL now, it had %d", one->app, after.size, before.size);
	pool_reload(d, one->app);
}

static void take(struct daemon *d, struct watched *one, const struct pool_seen *seen)
{
	int64_t now_ms = clock_wall_ms(), hour = now_ms / HOUR_MS;
	if (hour != one->hour) {
		one->hour = hour;
		one->peak = (struct pool_use){0};
	}
	/* One look may fall on a moment; two in a row are want. */
	bool is_want = seen->waiting > 0 && one->was_waiting;
	one->was_waiting = seen->waiting > 0;
	grow(&one->peak.clients, seen->clients, &one->is_dirty);
	grow(&one->peak.active, seen->active_servers, &one->is_dirty);
	grow(&one->peak.waiting, seen->waiting, &one->is_dirty);
	grow(&one->peak.wait_ms, seen->longest_wait_ms, &one->is_dirty);
	grow(&one->peak.demand, pool_size_demand(seen->active_servers, is_want ? seen->waiting : 0), &one->is_dirty);
	if (one->is_dirty) save(d, one, now_ms); /* a peak rises a few times an hour */
}

struct looking {
	struct daemon *d;
	char app[LAYOUT_APP_NAME_MAX + 1];
};

static void on_seen(void *arg, const struct pool_seen *seen, const struct err *err)
{
	struct looking *l = arg;
	struct pool_watch *w = l->d->pool_watch;
	if (w != NULL) {
		struct watched *one = watched_of(w, l->app);
		one->is_looking = false;
		if (err == NULL) take(l->d, one, seen);
	}
	free(l);
}

static bool look_at(void *arg, const struct app *app, struct err *err)
{
	struct pool_watch *w = arg;
	(void)err;
	if (!pool_runs(w->d, app->name)) return true;
	struct watched *one = watched_of(w, app->name);
	if (one->is_looking) return true;
	struct looking *l = calloc(1, sizeof *l);
	if (l == NULL) abort();
	l->d = w->d;
	(void)snprintf(l->app, sizeof l->app, "%s", app->name);
	one->is_looking = true;
	pool_look(w->d, app->name, on_seen, l);
	return true;
}

static void on_timer(uv_timer_t *timer)
{
	struct pool_watch *w = timer->data;
	struct err err;
	if (!app_each(w->d->flow.db, look_at, w, &err)) log_error("look at the pools: %s", err.msg);
}

void pool_watch_start(struct daemon *d)
{
	struct pool_watch *w = calloc(1, sizeof *w);
	if (w == NULL) abort();
	w->d = d;
	(void)uv_timer_init(&d->loop, &w->timer);
	w->timer.data = w;
	(void)uv_timer_start(&w->timer, on_timer, LOOK_EACH_MS, LOOK_EACH_MS);
	d->pool_watch = w;
}

static void on_closed(uv_handle_t *handle)
{
	struct pool_watch *w = handle->data;
	while (w->list != NULL) {
		struct watched *one = w->list;
		w->list = one->next;
		free(one);
	}
	free(w);
}

void pool_watch_stop(struct daemon *d)
{
	if (d->pool_watch == NULL) return;
	uv_close((uv_handle_t *)&d->pool_watch->timer, on_closed);
	d->pool_watch = NULL;
}
