/* SPDX-License-Identifier: Apache-2.0 */
#include "api/address.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/app_parts.h"
#include "api/worker.h"
#include "app/signin.h"
#include "base/log.h"
#include "codec/json.h"
#include "release/release.h"
#include "store/deployment.h"

struct follower {
	struct daemon *d;
	char app[LAYOUT_APP_NAME_MAX + 1]; /* the last one that was looked at */
	bool is_found;
};

/* What is built into a release, as its facts say; releases of before that was written down have none. */
static bool is_elsewhere(const char *app_dir, int64_t number, const char *url)
{
	struct err ignored;
	json_t *facts JSON_CLEANUP = NULL;
	if (!release_facts(app_dir, number, &facts, &ignored)) return false;
	const char *origin = json_str(json_object_get(facts, "bind"), "origin", NULL);
	return origin != NULL && strcmp(origin, url) != 0;
}

static bool is_stale(const struct daemon *d, const char *app)
{
	char dir[FILE_PATH_SIZE], url[EDGE_HOST_SIZE];
	int64_t numbers[RELEASES_MAX], running = 0;
	int count = 0;
	struct err err;
	edge_app_url(&d->flow.edge, app, url);
	if (!deployment_running(d->flow.db, app, &running, &err) || running != 0 ||
	    !layout_app(&d->flow.layout, app, "", dir, &err) || !release_list(dir, numbers, &count, &err))
		return false;
	while (count-- > 0)
		if (is_elsewhere(dir, numbers[count], url)) return true;
	return false;
}

/* Apps come in the order of their names. */
static bool look(void *arg, const struct app *app, struct err *err)
{
	struct follower *f = arg;
	(void)err;
	if (f->is_found || strcmp(app->name, f->app) <= 0 || !is_stale(f->d, app->name)) return true;
	(void)snprintf(f->app, sizeof f->app, "%s", app->name);
	f->is_found = true;
	return true;
}

static void next(struct follower *f);

static void not_followed(const struct follower *f, const char *why)
{
	log_error("%s has another address, but its pages have the former one still (%.300s); deploy it again", f->app,
		  why);
}

static void on_restarted(void *arg, const struct err *err)
{
	struct follower *f = arg;
	if (err != NULL) log_error("%s: %s", f->app, err->msg);
	next(f);
}

static void on_bound(void *arg, bool is_ok, struct str output)
{
	struct follower *f = arg;
	json_t *answer JSON_CLEANUP = NULL;
	struct app app;
	struct err err;
	if (!is_ok) {
		bool is_read = json_parse(output, &answer, &err);
		not_followed(f, is_read ? json_str(answer, "message", "") : "the process that writes it died");
	} else if (app_get(f->d->flow.db, f->app, &app, &err) && strcmp(app.state, "running") == 0) {
		/* Its server and its functions read theirs when they start; the backend has it since signin_apply. */
		daemon_restart_servers(f->d, f->app, on_restarted, f);
		return;
	}
	next(f);
}

static void next(struct follower *f)
{
	char url[EDGE_HOST_SIZE];
	struct err err;
	f->is_found = false;
	if (!app_each(f->d->flow.db, look, f, &err)) log_error("%s", err.msg);
	if (!f->is_found) {
		free(f);
		return;
	}
	edge_app_url(&f->d->flow.edge, f->app, url);
	log_info("%s is at %s now; its pages are written anew", f->app, url);
	if (signin_apply(&f->d->flow, f->app, &err) && worker_bind(f->d, f->app, on_bound, f, &err)) return;
	not_followed(f, err.msg);
	next(f);
}

void address_follow(struct daemon *d)
{
	struct follower *f = calloc(1, sizeof *f);
	if (f == NULL) abort();
	f->d = d;
	next(f);
}
