/* SPDX-License-Identifier: Apache-2.0 */
#include "api/app_parts.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/pool_talk.h"
#include "app/functions.h"
#include "app/parts.h"
#include "app/pin.h"
#include "app/pool.h"
#include "base/log.h"
#include "release/release.h"
#include "upkeep/branch.h"
#include "upkeep/restore.h"

#define THAW_DEADLINE_MS 10000

int app_parts(struct daemon *d, const char *app, char ret_parts[APP_PARTS_MAX][PART_NAME_SIZE])
{
	char dir[FILE_PATH_SIZE];
	struct err ignored;
	int64_t live = 0;
	int count = 0;
	bool is_elsewhere = false;
	if (!elsewhere_is(&d->flow, app, &is_elsewhere, &ignored) || !is_elsewhere)
		(void)snprintf(ret_parts[count++], PART_NAME_SIZE, "postgres");
	(void)snprintf(ret_parts[count++], PART_NAME_SIZE, "backend");
	bool has_live = layout_app(&d->flow.layout, app, "", dir, &ignored) && release_live(dir, &live, &ignored);
	if (has_live && pool_is_wanted(&d->flow, app, live))
		(void)snprintf(ret_parts[count++], PART_NAME_SIZE, "%s", POOL_PART);
	if (has_live && web_is_there(dir, live)) web_part_name(live, ret_parts[count++]);
	if (functions_is_there(dir, live)) functions_part_name(live, ret_parts[count++]);
	return count;
}

int app_parts_old(struct daemon *d, const char *app, char parts[APP_PARTS_MAX][PART_NAME_SIZE], int count)
{
	char dir[FILE_PATH_SIZE];
	struct err ignored;
	int64_t live = 0, numbers[RELEASES_MAX];
	int releases = 0, added = 0;
	if (!layout_app(&d->flow.layout, app, "", dir, &ignored) || !release_live(dir, &live, &ignored) ||
	    !release_list(dir, numbers, &releases, &ignored))
		return 0;
	/* Of an earlier release, or until the end of what it serves. */
	if (!pool_is_wanted(&d->flow, app, live))
		(void)snprintf(parts[count + added++], PART_NAME_SIZE, "%s", POOL_PART);
	for (int i = 0; i < releases && count + added + 1 < APP_PARTS_MAX; i++) {
		if (numbers[i] == live) continue;
		if (web_is_there(dir, numbers[i])) web_part_name(numbers[i], parts[count + added++]);
		if (functions_is_there(dir, numbers[i])) functions_part_name(numbers[i], parts[count + added++]);
	}
	return added;
}

int app_parts_branches(struct daemon *d, const char *app, char parts[APP_PARTS_MAX][PART_NAME_SIZE], int count)
{
	struct branch list[BRANCHES_MAX];
	struct err err;
	int branches = 0, added = 0;
	if (!branch_list(&d->flow, app, list, &branches, &err)) log_error("%s: %s", app, err.msg);
	for (int i = 0; i < branches && count + added < APP_PARTS_MAX; i++)
		(void)snprintf(parts[count + added++], PART_NAME_SIZE, BRANCH_PART "%s", list[i].name);
	return added;
}

/* The branch's name, or NULL: it is none. */
static const char *branch_of_part(const char *part)
{
	return strncmp(part, BRANCH_PART, strlen(BRANCH_PART)) == 0 ? part + strlen(BRANCH_PART) : NULL;
}

bool app_part_is_known(const char *part)
{
	return branch_of_part(part) != NULL || strcmp(part, "postgres") == 0 || strcmp(part, "backend") == 0 ||
	       strcmp(part, POOL_PART) == 0 || strcmp(part, RESTORE_COPY_PART) == 0 || web_part_release(part) > 0 ||
	       functions_part_release(part) > 0;
}

bool app_part_spec(struct daemon *d, const char *app, const char *part, struct parts *parts, struct arena *arena,
		   struct unit_spec *ret_spec, struct err *err)
{
	int64_t release = web_part_release(part);
	if (!parts_open(&d->flow, app, parts, err)) return false;
	if (release > 0) return web_unit(&d->flow, parts, release, arena, ret_spec, err);
	release = functions_part_release(part);
	if (release > 0) return functions_unit(&d->flow, parts, release, arena, ret_spec, err);
	if (branch_of_part(part) != NULL)
		return branch_unit(&d->flow, parts, branch_of_part(part), arena, ret_spec, err);
	if (strcmp(part, RESTORE_COPY_PART) == 0) {
		int64_t job = 0;
		return restore_waiting_copy(&d->flow, app, &job, err) &&
		       restore_copy_unit(&d->flow, parts, job, arena, ret_spec, err);
	}
	if (strcmp(part, POOL_PART) == 0) return pool_unit(&d->flow, parts, arena, ret_spec, err);
	bool is_postgres = strcmp(part, "postgres") == 0, has_address = false;
	if (!is_postgres && (!elsewhere_is_known(&d->flow, app, &has_address, err) ||
			     (has_address && !parts_write_backend_config(&d->flow, parts, err))))
		return false;
	return is_postgres ? parts_postgres_unit(&d->flow, parts, arena, ret_spec, err)
			   : parts_backend_unit(&d->flow, parts, arena, ret_spec, err);
}

/* Servers that are not live any more. */

struct retired {
	struct retired *next;
	struct daemon *d;
	char app[LAYOUT_APP_NAME_MAX + 1];
	char unit[UNIT_NAME_SIZE];
	int64_t release;
	uv_timer_t timer;
};

static void on_retired_closed(uv_handle_t *handle)
{
	free(handle->data);
}

static void retired_remove(struct retired *r)
{
	for (struct retired **at = &r->d->retired; *at != NULL; at = &(*at)->next)
		if (*at == r) {
			*at = r->next;
			break;
		}
	uv_close((uv_handle_t *)&r->timer, on_retired_closed);
}

static struct retired *retired_find(struct daemon *d, const char *unit)
{
	for (struct retired *r = d->retired; r != NULL; r = r->next)
		if (strcmp(r->unit, unit) == 0) return r;
	return NULL;
}

/* Tabs that keep it get the live one from here on: first this, then its end. */
static void let_go(struct daemon *d, const char *app, int64_t release)
{
	struct err err;
	if (release > 0 && !pin_let_go(&d->flow, app, release, &err)) log_error("%s: %s", app, err.msg);
}

static void on_warm_over(uv_timer_t *timer)
{
	struct retired *r = timer->data;
	let_go(r->d, r->app, r->release);
	log_info("%s: was kept warm long enough", r->unit);
	supervisor_stop(r->d->supervisor, r->unit, NULL, NULL);
	retired_remove(r);
}

bool daemon_retire_part_of(struct daemon *d, const char *app, const char *part, struct err *err)
{
	struct web_settings settings;
	char unit[UNIT_NAME_SIZE];
	parts_unit_name(app, part, unit);
	if (!web_settings_get(&d->flow, app, &settings, err)) return false;
	if (retired_find(d, unit) != NULL) return true;
	/* Functions are started again in a moment; there is nothing to be kept warm for. */
	if (settings.warm_ms == 0 || functions_part_release(part) > 0) {
		let_go(d, app, web_part_release(part));
		supervisor_stop(d->supervisor, unit, NULL, NULL);
		return true;
	}
	struct retired *r = calloc(1, sizeof *r);
	if (r == NULL) abort();
	r->d = d;
	r->next = d->retired;
	d->retired = r;
	(void)snprintf(r->app, sizeof r->app, "%s", app);
	(void)snprintf(r->unit, sizeof r->unit, "%s", unit);
	r->release = web_part_release(part);
	(void)uv_timer_init(&d->loop, &r->timer);
	r->timer.data = r;
	(void)uv_timer_start(&r->timer, on_warm_over, (uint64_t)settings.warm_ms, 0);
	/* One that open tabs keep serves them, and is not frozen. */
	if (!settings.is_pinned) supervisor_signal(d->supervisor, unit, SIGUSR1);
	return true;
}

void daemon_renew_functions(struct daemon *d, const char *app)
{
	char dir[FILE_PATH_SIZE], part[PART_NAME_SIZE], unit[UNIT_NAME_SIZE];
	struct err err;
	struct parts parts;
	struct unit_spec spec;
	int64_t live = 0;
	if (!layout_app(&d->flow.layout, app, "", dir, &err) || !release_live(dir, &live, &err) ||
	    !functions_is_there(dir, live))
		return;
	functions_part_name(live, part);
	parts_unit_name(app, part, unit);
	struct arena *arena = arena_new(APP_PARTS_ARENA_BYTES);
	if (app_part_spec(d, app, part, &parts, arena, &spec, &err))
		supervisor_signal(d->supervisor, unit, SIGHUP);
	else
		log_error("%s: %s", unit, err.msg);
	arena_free(arena);
}

void daemon_forget_retired(struct daemon *d)
{
	while (d->retired != NULL) retired_remove(d->retired);
}

/* One part. */

static bool thaw(struct daemon *d, const char *unit, supervisor_done done, void *arg)
{
	struct retired *r = retired_find(d, unit);
	if (r == NULL) return false;
	retired_remove(r);
	supervisor_signal(d->supervisor, unit, SIGUSR2);
	supervisor_await(d->supervisor, unit, "serving", THAW_DEADLINE_MS, done, arg);
	return true;
}

/* Around PostgreSQL's stop and start the pool keeps its clients waiting (pool_hold). */
struct held {
	struct daemon *d;
	char app[LAYOUT_APP_NAME_MAX + 1];
	char unit[UNIT_NAME_SIZE];
	supervisor_done done;
	void *arg;
};

static struct held *held_new(struct daemon *d, const char *app, const char *unit, supervisor_done done, void *arg)
{
	struct held *h = calloc(1, sizeof *h);
	if (h == NULL) abort();
	*h = (struct held){.d = d, .done = done, .arg = arg};
	(void)snprintf(h->app, sizeof h->app, "%s", app);
	(void)snprintf(h->unit, sizeof h->unit, "%s", unit);
	return h;
}

static void on_postgres_started(void *arg, const struct err *err)
{
	struct held *h = arg;
	if (err == NULL) pool_let_go(h->d, h->app);
	if (h->done != NULL)
		h->done(h->arg, err);
	else if (err != NULL)
		log_error("%s: %s", h->unit, err->msg);
	free(h);
}

static void on_held_to_stop(void *arg, const struct err *err)
{
	struct held *h = arg;
	(void)err;
	supervisor_stop(h->d->supervisor, h->unit, h->done, h->arg);
	free(h);
}

void daemon_start_part_of(struct daemon *d, const char *app, const char *part, bool gives_up, supervisor_done done,
			  void *arg)
{
	struct err err;
	struct parts parts;
	struct unit_spec spec;
	char unit[UNIT_NAME_SIZE];
	parts_unit_name(app, part, unit);
	if (done != NULL && thaw(d, unit, done, arg)) return;
	struct arena *arena = arena_new(APP_PARTS_ARENA_BYTES);
	bool ok = app_part_spec(d, app, part, &parts, arena, &spec, &err);
	if (ok) spec.gives_up = gives_up;
	if (ok && strcmp(part, "postgres") == 0)
		supervisor_start(d->supervisor, &spec, on_postgres_started, held_new(d, app, unit, done, arg));
	else if (ok)
		supervisor_start(d->supervisor, &spec, done, arg);
	arena_free(arena);
	if (!ok && done != NULL) done(arg, &err);
	if (!ok && done == NULL) log_error("%s/%s: %s", app, part, err.msg);
}

void daemon_stop_part_of(struct daemon *d, const char *app, const char *part, supervisor_done done, void *arg)
{
	char unit[UNIT_NAME_SIZE];
	parts_unit_name(app, part, unit);
	struct retired *r = retired_find(d, unit);
	if (r != NULL) retired_remove(r);
	let_go(d, app, web_part_release(part));
	if (strcmp(part, "postgres") == 0)
		pool_hold(d, app, on_held_to_stop, held_new(d, app, unit, done, arg));
	else
		supervisor_stop(d->supervisor, unit, done, arg);
}

/* Starting and stopping an app is a walk over its parts; the walk owns itself. */

enum walking { WALK_START, WALK_STOP, WALK_RESTART };

struct walk {
	struct daemon *d;
	char app[LAYOUT_APP_NAME_MAX + 1];
	char parts[APP_PARTS_MAX][PART_NAME_SIZE];
	int count, next;
	enum walking how;
	supervisor_done done;
	void *arg;
};

static void walk_on(void *arg, const struct err *err);

/* With the environment and the settings as they are now. */
static void restart_part(struct walk *w, const char *part)
{
	struct err err;
	struct parts parts;
	struct unit_spec spec;
	char unit[UNIT_NAME_SIZE];
	struct arena *arena = arena_new(APP_PARTS_ARENA_BYTES);
	parts_unit_name(w->app, part, unit);
	bool ok = app_part_spec(w->d, w->app, part, &parts, arena, &spec, &err);
	arena_free(arena);
	if (ok)
		supervisor_restart(w->d->supervisor, unit, walk_on, w);
	else
		walk_on(w, &err);
}

static void walk_step(struct walk *w)
{
	const char *part = w->parts[w->next];
	w->next += w->how == WALK_STOP ? -1 : 1;
	/* It has its settings anew by being told; to end it would cut off whom the server is answering. */
	bool is_pool = w->how == WALK_RESTART && strcmp(part, POOL_PART) == 0;
	if (is_pool) {
		pool_renew(w->d, w->app, walk_on, w);
		return;
	}
	if (w->how == WALK_STOP)
		daemon_stop_part_of(w->d, w->app, part, walk_on, w);
	else if (w->how == WALK_RESTART)
		restart_part(w, part);
	else
		daemon_start_part_of(w->d, w->app, part, false, walk_on, w);
}

static void walk_on(void *arg, const struct err *err)
{
	struct walk *w = arg;
	bool is_over = err != NULL || w->next < 0 || w->next >= w->count;
	if (!is_over) {
		walk_step(w);
		return;
	}
	if (w->done != NULL)
		w->done(w->arg, err);
	else if (err != NULL)
		log_error("%s: %s", w->app, err->msg);
	free(w);
}

static void start_branches(struct daemon *d, const char *app)
{
	char parts[APP_PARTS_MAX][PART_NAME_SIZE];
	int count = app_parts_branches(d, app, parts, 0);
	for (int i = 0; i < count; i++) daemon_start_part_of(d, app, parts[i], false, NULL, NULL);
}

/* Where a restart begins. PostgreSQL never is, and the backend takes new settings by itself (bin/backend/reload.h). */
static int first_restarted(const struct walk *w, bool is_backend_kept)
{
	int first = strcmp(w->parts[0], "postgres") == 0 ? 1 : 0;
	return is_backend_kept ? first + 1 : first;
}

static void walk(struct daemon *d, const char *app, enum walking how, bool is_backend_kept, supervisor_done done,
		 void *arg)
{
	struct walk *w = calloc(1, sizeof *w);
	if (w == NULL) abort();
	*w = (struct walk){.d = d, .how = how, .done = done, .arg = arg};
	(void)snprintf(w->app, sizeof w->app, "%s", app);
	w->count = app_parts(d, app, w->parts);
	if (how == WALK_STOP) w->count += app_parts_old(d, app, w->parts, w->count);
	if (how == WALK_STOP) w->count += app_parts_branches(d, app, w->parts, w->count);
	if (how == WALK_START) start_branches(d, app);
	w->next = how == WALK_STOP ? w->count - 1 : how == WALK_RESTART ? first_restarted(w, is_backend_kept) : 0;
	walk_on(w, NULL);
}

void daemon_start_app(struct daemon *d, const char *app, supervisor_done done, void *arg)
{
	walk(d, app, WALK_START, false, done, arg);
}

void daemon_stop_app(struct daemon *d, const char *app, supervisor_done done, void *arg)
{
	walk(d, app, WALK_STOP, false, done, arg);
}

void daemon_restart_app(struct daemon *d, const char *app, supervisor_done done, void *arg)
{
	walk(d, app, WALK_RESTART, false, done, arg);
}

void daemon_restart_servers(struct daemon *d, const char *app, supervisor_done done, void *arg)
{
	walk(d, app, WALK_RESTART, true, done, arg);
}
