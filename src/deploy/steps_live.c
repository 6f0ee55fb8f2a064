/* SPDX-License-Identifier: Apache-2.0
 *
 * From a release on disk to the one that visitors get: start, verify, promote, watch. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/daemon.h"
#include "app/functions.h"
#include "app/live.h"
#include "app/pause.h"
#include "app/pin.h"
#include "app/pool.h"
#include "app/signin.h"
#include "app/sweep.h"
#include "app/web.h"
#include "base/clock.h"
#include "deploy/step.h"
#include "edge/port.h"
#include "edge/tls.h"
#include "release/release.h"

#define VERIFY_DEADLINE_MS 10000
#define WATCH_REQUESTS 20
#define RELEASES_KEPT 10

/* Its server asks its backend by the app's own address, which visitors do not have before it is live. */
static bool let_server_in(struct deploy *d, const char *target, struct err *err)
{
	char host[EDGE_HOST_SIZE];
	edge_app_host(d->parts.app.name, host);
	return d->live_before != 0 || (edge_certificate_ensure(&d->f->edge, host, clock_wall_ms(), err) &&
				       edge_inside_set(&d->f->edge, host, target, err));
}

static bool keep_server_out(struct deploy *d, struct err *err)
{
	char host[EDGE_HOST_SIZE];
	edge_app_host(d->parts.app.name, host);
	return edge_inside_unset(&d->f->edge, host, err);
}

bool step_start(struct deploy *d, struct err *err)
{
	char host[EDGE_HOST_SIZE], target[FILE_PATH_SIZE];
	bool has_server = web_is_there(d->parts.dir, d->number);
	web_private_host(d->parts.app.name, d->number, host);
	if (!parts_write_backend_config(d->f, &d->parts, err)) return false;
	if (!daemon_start_part(d->f, d->parts.app.name, "backend", err)) return false;
	if (!release_link_assets(d->parts.dir, d->number, json_object_get(d->release, "assets"), err)) return false;
	if (!file_path(target, err, "../../apps/%s/releases/%lld", d->parts.app.name, (long long)d->number))
		return false;
	pause_here("start", "backend");
	bool asks_itself = has_server || functions_is_there(d->parts.dir, d->number);
	if (asks_itself && !let_server_in(d, target, err)) return false;
	if (has_server && !web_start(d->f, d->parts.app.name, d->number, err)) return false;
	if (!functions_start(d->f, d->parts.app.name, d->number, err)) return false;
	pause_here("start", "server");
	step_detail(d, has_server ? "PostgreSQL, the backend and the app's server answer"
				  : "PostgreSQL and the backend answer");
	return edge_host_set(&d->f->edge, host, target, err);
}

/* Of an app that was not running nothing may go on running. */
bool step_start_undo(struct deploy *d, struct err *err)
{
	int64_t live = 0;
	if (!web_unlook(d->f, d->parts.app.name, d->number, err) || !release_live(d->parts.dir, &live, err))
		return false;
	if (live != d->number && web_is_there(d->parts.dir, d->number) &&
	    !web_stop(d->f, d->parts.app.name, d->number, err))
		return false;
	if (live != d->number && !functions_stop(d->f, d->parts.app.name, d->number, err)) return false;
	if (live == 0 && !keep_server_out(d, err)) return false;
	if (live != 0 && live != d->number && !live_restore_assets(d->parts.dir, live, err)) return false;
	if (strcmp(d->state_before, "running") == 0) return true;
	return daemon_stop_part(d->f, d->parts.app.name, POOL_PART, err) &&
	       daemon_stop_part(d->f, d->parts.app.name, "backend", err);
}

static bool expect(struct deploy *d, const char *host, const char *path, long status, struct buf *ret_body,
		   struct err *err)
{
	long got = 0;
	if (!edge_get(&d->f->edge, host, path, VERIFY_DEADLINE_MS, &got, ret_body, err))
		return err_wrap(err, "%s through the edge", path);
	if (got == status) return true;
	return err_set(err, ERR_FAILED,
		       "release %lld answered %ld instead of %ld for %s, so it was not put live; the edge's log says "
		       "more: %s/logs/edge.log",
		       (long long)d->number, got, status, path, d->f->layout.home);
}

/* What a visitor's browser would do first: the page, the first of its assets, and whether the backend answers. */
static bool look_at_all(struct deploy *d, struct err *err)
{
	char host[EDGE_HOST_SIZE], asset[2048];
	struct buf page BUF_CLEANUP;
	bool has_server = web_is_there(d->parts.dir, d->number);
	buf_init(&page, 1 << 20);
	web_private_host(d->parts.app.name, d->number, host);
	if (has_server && !web_look(d->f, d->parts.app.name, d->number, err)) return false;
	if (!has_server && !expect(d, host, "/", 200, &page, err)) return false;
	if (!has_server && page.len == 0)
		return err_set(err, ERR_FAILED, "release %lld answers with an empty page", (long long)d->number);
	const char *first = json_string_value(json_array_get(json_object_get(d->release, "assets"), 0));
	(void)snprintf(asset, sizeof asset, "/%s", first != NULL ? first : "");
	if (first != NULL && !expect(d, host, asset, 200, NULL, err)) return false;
	if (!expect(d, host, "/auth/v1/health", 200, NULL, err)) return false;
	step_detail(d, "the page, its assets and the backend answer under a private name");
	return edge_host_unset(&d->f->edge, host, err);
}

/* Where another program answered in the edge's place, its answers say nothing of the release. */
bool step_verify(struct deploy *d, struct err *err)
{
	struct err taken;
	if (look_at_all(d, err)) return true;
	if (!edge_check_ports(&d->f->edge, &taken)) *err = taken;
	return false;
}

bool step_promote(struct deploy *d, struct err *err)
{
	const char *app = d->parts.app.name;
	int64_t began_us = clock_now_us();
	if (!pin_keep(d->f, app, d->live_before, err) || !release_promote(d->parts.dir, d->number, err)) return false;
	pause_here("promote", "renamed");
	if (!promotion_add(d->f->db, app, d->live_before, d->number, "deploy", err)) return false;
	json_object_set_new(d->report, "replaces", json_integer(d->live_before));
	pause_here("promote", "noted");
	if (!live_publish(d->f, app, err) || !app_set_state(d->f->db, app, "running", err)) return false;
	step_detail(d, "switched in %.1f ms", (double)(clock_now_us() - began_us) / 1000);
	return true;
}

bool step_promote_undo(struct deploy *d, struct err *err)
{
	const char *app = d->parts.app.name;
	int64_t live = 0;
	if (!release_live(d->parts.dir, &live, err)) return false;
	if (live == d->number) {
		if (!release_promote(d->parts.dir, d->live_before, err) ||
		    !promotion_add(d->f->db, app, d->number, d->live_before, "undo", err))
			return false;
		pause_here("promote", "back");
		live = d->live_before;
	}
	/* Cut off behind the switch back, it comes here again: what follows is done either way. */
	if (live == 0 && !live_withdraw(d->f, app, err)) return false;
	if (strcmp(d->state_before, "stopped") == 0 && !live_set_stopped(d->f, app, true, err)) return false;
	return app_set_state(d->f->db, app, live == 0 ? "new" : d->state_before, err);
}

/* Old releases go, but the live one, the one before it, and the newest few stay. */
static bool prune(struct deploy *d, struct err *err)
{
	int64_t numbers[RELEASES_MAX];
	int count = 0;
	if (!release_list(d->parts.dir, numbers, &count, err)) return false;
	for (int i = RELEASES_KEPT; i < count; i++) {
		char log[FILE_PATH_SIZE];
		if (numbers[i] == d->number || numbers[i] == d->live_before) continue;
		if (web_is_there(d->parts.dir, numbers[i]) &&
		    (!web_stop(d->f, d->parts.app.name, numbers[i], err) ||
		     !web_log_path(d->f, d->parts.app.name, numbers[i], log, err) || !file_remove_tree(log, err)))
			return false;
		if (!functions_stop(d->f, d->parts.app.name, numbers[i], err)) return false;
		if (!release_remove(d->parts.dir, numbers[i], err)) return false;
	}
	return true;
}

/* Visitors have the new one; what they still have of the old one it finishes. */
static bool retire_before(struct deploy *d, struct err *err)
{
	bool has_server = d->live_before != d->number && web_is_there(d->parts.dir, d->live_before);
	bool has_functions = d->live_before != d->number;
	return (!has_server || web_retire(d->f, d->parts.app.name, d->live_before, err)) &&
	       (!has_functions || functions_retire(d->f, d->parts.app.name, d->live_before, err));
}

/* The new release on its real name. One bad answer and the old one is back. */
bool step_watch(struct deploy *d, struct err *err)
{
	int64_t served = 0;
	if (!live_served_release(d->f, d->parts.app.name, &served, err)) return false;
	if (served != d->number)
		return err_set(err, ERR_FAILED, "visitors get release %lld instead of %lld", (long long)served,
			       (long long)d->number);
	char host[EDGE_HOST_SIZE];
	edge_app_host(d->parts.app.name, host);
	bool has_server = web_is_there(d->parts.dir, d->number);
	for (int i = 0; i < WATCH_REQUESTS; i++) {
		bool is_page = i % 2 == 0;
		if (!(is_page && has_server ? web_ask(d->f, d->parts.app.name, d->number, host, err)
					    : expect(d, host, is_page ? "/" : "/auth/v1/health", 200, NULL, err)))
			return false;
	}
	if (!retire_before(d, err)) return false;
	step_detail(d, "visitors get release %lld; %d requests, none failed", (long long)d->number, WATCH_REQUESTS);
	if (!prune(d, err) || !sweep_tools(d->f, false, err)) return false;
	pause_here("watch", "pruned");
	return signin_settle_export(d->f, d->parts.app.name, err) && file_remove_tree(d->work_dir, err);
}
