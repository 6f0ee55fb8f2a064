/* SPDX-License-Identifier: Apache-2.0
 *
 * From a release on disk to the one that visitors get: start, verify, promote, watch. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "flow/daemon.h"
#include "flow/live.h"
#include "flow/pause.h"
#include "flow/step.h"
#include "release/release.h"

#define VERIFY_DEADLINE_MS 10000
#define WATCH_REQUESTS 20
#define RELEASES_KEPT 10

/* The private name a release is looked at under before it is live. It is announced nowhere and goes away afterwards; it
 * is no secret. */
static void private_host(const struct deploy *d, char ret_host[EDGE_HOST_SIZE])
{
	(void)snprintf(ret_host, EDGE_HOST_SIZE, "%s.%lld.release.internal", d->parts.app.name, (long long)d->number);
}

bool step_start(struct deploy *d, struct err *err)
{
	char host[EDGE_HOST_SIZE], target[FILE_PATH_SIZE];
	private_host(d, host);
	if (!parts_write_backend_config(d->f, &d->parts, err)) return false;
	/* A backend that runs already has read its configuration; it changes only with the app's keys. */
	if (!daemon_start_part(d->f, d->parts.app.name, "backend", err)) return false;
	if (!release_link_assets(d->parts.dir, d->number, json_object_get(d->release, "assets"), err)) return false;
	if (!file_path(target, err, "../../apps/%s/releases/%lld", d->parts.app.name, (long long)d->number))
		return false;
	step_detail(d, "PostgreSQL and the backend answer");
	return edge_host_set(&d->f->edge, host, target, err);
}

/* Of an app that was not running nothing may go on running. */
bool step_start_undo(struct deploy *d, struct err *err)
{
	char host[EDGE_HOST_SIZE];
	private_host(d, host);
	if (!edge_host_unset(&d->f->edge, host, err)) return false;
	int64_t live = 0;
	if (!release_live(d->parts.dir, &live, err)) return false;
	if (live != 0 && live != d->number && !live_restore_assets(d->parts.dir, live, err)) return false;
	if (strcmp(d->state_before, "running") == 0) return true;
	return daemon_stop_part(d->f, d->parts.app.name, "backend", err);
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
bool step_verify(struct deploy *d, struct err *err)
{
	char host[EDGE_HOST_SIZE], asset[2048];
	struct buf page BUF_CLEANUP;
	buf_init(&page, 1 << 20);
	private_host(d, host);
	if (!expect(d, host, "/", 200, &page, err)) return false;
	if (page.len == 0)
		return err_set(err, ERR_FAILED, "release %lld answers with an empty page", (long long)d->number);
	const char *first = json_string_value(json_array_get(json_object_get(d->release, "assets"), 0));
	(void)snprintf(asset, sizeof asset, "/%s", first != NULL ? first : "");
	if (first != NULL && !expect(d, host, asset, 200, NULL, err)) return false;
	if (!expect(d, host, "/auth/v1/health", 200, NULL, err)) return false;
	step_detail(d, "the page, its assets and the backend answer under a private name");
	return edge_host_unset(&d->f->edge, host, err);
}

bool step_promote(struct deploy *d, struct err *err)
{
	const char *app = d->parts.app.name;
	int64_t began_us = clock_now_us();
	if (!release_promote(d->parts.dir, d->number, err)) return false;
	pause_here("promote", "renamed");
	if (!promotion_add(d->f->db, app, d->live_before, d->number, "deploy", err)) return false;
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
	for (int i = RELEASES_KEPT; i < count; i++)
		if (numbers[i] != d->number && numbers[i] != d->live_before &&
		    !release_remove(d->parts.dir, numbers[i], err))
			return false;
	return true;
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
	for (int i = 0; i < WATCH_REQUESTS; i++)
		if (!expect(d, host, i % 2 == 0 ? "/" : "/auth/v1/health", 200, NULL, err)) return false;
	step_detail(d, "visitors get release %lld; %d requests, none failed", (long long)d->number, WATCH_REQUESTS);
	if (!prune(d, err)) return false;
	pause_here("watch", "pruned");
	return file_remove_tree(d->work_dir, err);
}
