/* SPDX-License-Identifier: Apache-2.0 */
#include "api/followers.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/worker.h"
#include "base/log.h"
#include "move/following.h"

#define AGAIN_MS 5000

struct follower {
	struct daemon *d;
	struct follower *next;
	char app[LAYOUT_APP_NAME_MAX + 1];
	pid_t pid;
	bool is_told;
};

static void on_timer_closed(uv_handle_t *handle)
{
	free(handle);
}

static void on_again(uv_timer_t *timer)
{
	struct follower *f = timer->data;
	follower_start(f->d, f->app);
	free(f);
	uv_close((uv_handle_t *)timer, on_timer_closed);
}

static void start_later(struct follower *f)
{
	uv_timer_t *timer = calloc(1, sizeof *timer);
	if (timer == NULL) abort();
	timer->data = f;
	(void)uv_timer_init(&f->d->loop, timer);
	(void)uv_timer_start(timer, on_again, AGAIN_MS, 0);
	uv_unref((uv_handle_t *)timer);
}

static void on_ended(void *arg, bool is_ok, struct str output)
{
	struct follower *f = arg, **at = &f->d->followers;
	struct err ignored;
	(void)output;
	while (*at != NULL && *at != f) at = &(*at)->next;
	if (*at != NULL) *at = f->next;
	/* After a stop whoever had the app for himself starts it again. */
	if (f->is_told && worker_check_not_ending(f->d, f->app, &ignored)) f->is_told = false;
	if (f->is_told || !following_is_due(&f->d->flow, f->app)) {
		free(f);
		return;
	}
	if (!is_ok) log_warn("%s: what follows the source of its move ended; starting it again", f->app);
	start_later(f);
}

void follower_start(struct daemon *d, const char *app)
{
	struct err err;
	for (const struct follower *f = d->followers; f != NULL; f = f->next)
		if (strcmp(f->app, app) == 0) return;
	if (!following_is_due(&d->flow, app) || !worker_check_not_ending(d, app, &err)) return;
	struct follower *f = calloc(1, sizeof *f);
	if (f == NULL) abort();
	f->d = d;
	(void)snprintf(f->app, sizeof f->app, "%s", app);
	if (!worker_start_known(d, (const char *const[]){"--move-follow", app, NULL}, on_ended, f, &f->pid, &err)) {
		log_error("%s: %s", app, err.msg);
		start_later(f);
		return;
	}
	f->next = d->followers;
	d->followers = f;
}

void follower_stop(struct daemon *d, const char *app)
{
	for (struct follower *f = d->followers; f != NULL; f = f->next) {
		if (strcmp(f->app, app) != 0) continue;
		f->is_told = true;
		(void)kill(f->pid, SIGTERM);
	}
}
