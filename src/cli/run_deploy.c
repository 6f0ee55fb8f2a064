/* SPDX-License-Identifier: Apache-2.0
 *
 * freehold deploy:
 *
 *     identify ──▶ send ──▶ follow ──▶ say how it ended
 *                    │        └── Ctrl-C: detached, the deployment goes on
 *                    └── Ctrl-C: nothing was deployed */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/db.h"
#include "cli/name.h"
#include "cli/progress.h"
#include "cli/report.h"
#include "cli/run.h"
#include "cli/screen.h"
#include "codec/json.h"

#define OUT_MAX (4 * 1024 * 1024)
#define TEXT_MAX 1024
#define SILENCE_MS 10000 /* without an event: then the deployment is asked for, in case its end was lost */

struct deploying {
	const struct cli *cli;
	struct daemon daemon;
	struct source_facts facts;
	char app[NAME_APP_SIZE];
	int64_t number;
	struct interrupt interrupt;
	bool is_interrupted;
	int64_t began_ms; /* of sending */
	uint64_t sent_bytes;
	uint64_t total_bytes;
	unsigned frame;
	int64_t heard_ms; /* of the last event */
	struct progress progress;
};

/* The display lives on a terminal that shows words, not JSON. */
static bool has_display(const struct deploying *d)
{
	return d->cli->look.is_terminal && !d->cli->is_json;
}

static void say(const struct deploying *d, const char *text)
{
	if (d->cli->is_json) return;
	screen_write(str_from(text));
}

static bool choose_app(struct deploying *d, const char *typed, struct err *err)
{
	const char *app = cli_value(d->cli, "app");
	char text[SOURCE_TEXT_SIZE + TEXT_MAX];
	if (app != NULL) {
		if (!name_check_app(app, err)) return false;
		(void)snprintf(d->app, sizeof d->app, "%s", app);
	} else if (!name_from_source(d->facts.kind == SOURCE_GIT ? typed : d->facts.from, d->app, err))
		return false;
	(void)snprintf(text, sizeof text, "Deploying %s from %s%s\n", d->app, d->facts.from,
		       app == NULL ? "\n(named after it; --app NAME chooses another name)" : "");
	say(d, text);
	return true;
}

static void deployments_path(const struct deploying *d, struct buf *path)
{
	buf_printf(path, "/v1/apps/%s/deployments?from=", d->app);
	daemon_escape(path, d->facts.from);
	for (size_t i = 0; i < d->cli->given_count; i++) {
		if (strcmp(d->cli->given[i].spec->name, "accept") != 0) continue;
		buf_puts(path, "&accept=");
		daemon_escape(path, d->cli->given[i].value);
	}
	if (cli_has(d->cli, "network")) buf_puts(path, "&network=1");
	if (cli_has(d->cli, "postgres")) {
		buf_puts(path, "&postgres=");
		daemon_escape(path, cli_value(d->cli, "postgres"));
	}
}

static bool on_send_tick(void *arg, uint64_t sent_bytes)
{
	struct deploying *d = arg;
	d->sent_bytes = sent_bytes;
	d->is_interrupted |= interrupt_came(&d->interrupt);
	if (has_display(d)) {
		struct buf live BUF_CLEANUP;
		struct look look = look_of(STDOUT_FILENO);
		buf_init(&live, OUT_MAX);
		progress_upload(&look, sent_bytes, d->total_bytes, clock_now_ms() - d->began_ms, d->frame++, &live);
		screen_draw(STR(""), buf_view(&live));
	}
	return !d->is_interrupted;
}

/* One line that stays, as the steps that follow have it. */
static void say_sent(struct deploying *d, const struct source *source)
{
	char left_out[128];
	if (d->cli->is_json) return;
	struct buf out BUF_CLEANUP;
	buf_init(&out, OUT_MAX);
	source_left_out(source, left_out);
	progress_sent(&d->cli->look, d->sent_bytes, source_file_count(source), clock_now_ms() - d->began_ms, left_out,
		      &out);
	if (has_display(d))
		screen_draw(buf_view(&out), STR(""));
	else
		screen_write(buf_view(&out));
}

static bool send_source(struct deploying *d, const char *path, json_t **ret_deployment, struct err *err)
{
	struct source *source;
	struct daemon_sender sender = {.on_tick = on_send_tick, .arg = d};
	if (!source_open(&d->facts, &source, err)) return false;
	d->total_bytes = source_total_bytes(source);
	d->began_ms = clock_now_ms();
	bool ok = daemon_send(&d->daemon, path, source, &sender, ret_deployment, err);
	if (has_display(d)) screen_draw(STR(""), STR(""));
	if (ok && *ret_deployment != NULL) say_sent(d, source);
	source_close(source);
	return ok;
}

static bool send_git(const struct deploying *d, const char *path, json_t **ret_deployment, struct err *err)
{
	json_t *body JSON_CLEANUP = json_object();
	json_object_set_new(body, "git", json_string(d->facts.git_url));
	return daemon_ask(&d->daemon, "POST", path, body, ret_deployment, err);
}

/* Looked at before anything is sent. */
static bool give_database(const struct deploying *d, struct err *err)
{
	json_t *there JSON_CLEANUP = NULL;
	char text[TEXT_MAX];
	if (!cli_has(d->cli, "database")) return true;
	if (!db_external_give(d->cli, d->app, cli_value(d->cli, "database"), &there, err)) return false;
	(void)snprintf(text, sizeof text, "Its database is elsewhere: %.300s, PostgreSQL %.30s\n",
		       json_str(there, "at", ""), json_str(there, "version", "?"));
	say(d, text);
	return true;
}

/* True with number 0: stopped by Ctrl-C before there was a deployment. */
static bool begin(struct deploying *d, struct err *err)
{
	json_t *deployment JSON_CLEANUP = NULL;
	struct buf path BUF_CLEANUP;
	buf_init(&path, DAEMON_PATH_SIZE);
	deployments_path(d, &path);
	if (!buf_is_ok(&path)) return err_set(err, ERR_LIMIT, "too many or too long --accept");
	bool ok = d->facts.kind == SOURCE_GIT ? send_git(d, buf_cstr(&path), &deployment, err)
					      : send_source(d, buf_cstr(&path), &deployment, err);
	if (!ok) return false;
	d->number = json_int(deployment, "number", 0);
	if (deployment == NULL || d->number > 0) {
		if (deployment != NULL && d->cli->is_json && cli_has(d->cli, "detach"))
			cli_put_json(d->cli, deployment);
		return true;
	}
	return err_set(err, ERR_INTERNAL, "the daemon answered without the number of the deployment");
}

static void draw(struct deploying *d, const struct buf *stays)
{
	struct buf live BUF_CLEANUP;
	buf_init(&live, OUT_MAX);
	d->progress.look.columns = look_of(STDOUT_FILENO).columns; /* the window may have changed */
	progress_live(&d->progress, clock_wall_ms(), d->frame, &live);
	screen_draw(buf_view(stays), buf_view(&live));
}

static bool on_event(void *arg, struct str line)
{
	struct deploying *d = arg;
	json_t *event JSON_CLEANUP = NULL;
	struct buf stays BUF_CLEANUP;
	struct err ignored;
	buf_init(&stays, OUT_MAX);
	if (str_trim(line).len == 0 || !json_parse(line, &event, &ignored)) return true;
	d->heard_ms = clock_now_ms();
	progress_event(&d->progress, event, &stays);
	if (d->cli->is_json)
		cli_put_json(d->cli, event);
	else if (has_display(d))
		draw(d, &stays);
	else
		screen_write(buf_view(&stays));
	return d->progress.end == NULL;
}

/* The stream broke, ended early or is silent: what became of the deployment is asked. */
static void ask_for_end(struct deploying *d)
{
	struct buf path BUF_CLEANUP;
	struct err ignored;
	json_t *deployment = NULL;
	buf_init(&path, DAEMON_PATH_SIZE);
	buf_printf(&path, "/v1/apps/%s/deployments/%" PRId64, d->app, d->number);
	if (!daemon_ask(&d->daemon, NULL, buf_cstr(&path), NULL, &deployment, &ignored)) return;
	if (strcmp(json_str(deployment, "state", "running"), "running") == 0)
		json_decref(deployment);
	else
		d->progress.end = deployment;
}

static bool on_tick(void *arg)
{
	struct deploying *d = arg;
	struct buf nothing BUF_CLEANUP;
	buf_init(&nothing, 1);
	d->is_interrupted |= interrupt_came(&d->interrupt);
	d->frame++;
	if (has_display(d)) draw(d, &nothing);
	if (clock_now_ms() - d->heard_ms > SILENCE_MS) {
		ask_for_end(d);
		d->heard_ms = clock_now_ms();
	}
	return !d->is_interrupted && d->progress.end == NULL;
}

static bool follow(struct deploying *d, struct err *err)
{
	struct buf path BUF_CLEANUP;
	struct daemon_watcher watcher = {.on_line = on_event, .on_tick = on_tick, .arg = d};
	struct err why = {0};
	d->heard_ms = clock_now_ms();
	buf_init(&path, DAEMON_PATH_SIZE);
	buf_printf(&path, "/v1/apps/%s/deployments/%" PRId64 "/events?follow=1", d->app, d->number);
	bool ok = daemon_follow(&d->daemon, buf_cstr(&path), &watcher, &why);
	if (has_display(d)) screen_draw(STR(""), STR(""));
	if (d->is_interrupted || d->progress.end != NULL) return true;
	ask_for_end(d);
	if (d->progress.end != NULL) return true;
	return err_set(err, ERR_UNAVAILABLE,
		       "%s before deployment %" PRId64
		       " of %s had ended; see how it went with: freehold deployments %s "
		       "%" PRId64,
		       ok ? "the daemon stopped telling" : why.msg, d->number, d->app, d->app, d->number);
}

static int say_failure(struct deploying *d)
{
	const json_t *end = d->progress.end, *error = json_object_get(end, "error");
	struct buf out BUF_CLEANUP, tail BUF_CLEANUP, path BUF_CLEANUP;
	struct look look = look_of(STDERR_FILENO);
	json_t *app JSON_CLEANUP = NULL;
	struct err ignored;
	buf_init(&out, OUT_MAX);
	buf_init(&tail, OUT_MAX);
	buf_init(&path, DAEMON_PATH_SIZE);
	buf_printf(&path, "/v1/apps/%s", d->app);
	(void)daemon_ask(&d->daemon, NULL, buf_cstr(&path), NULL, &app, &ignored);
	if (has_display(d) && strcmp(d->progress.tail_step, json_str(end, "step", "")) == 0)
		progress_tail(&d->progress, &tail);
	if (d->cli->is_json)
		report_error(&look, json_str(error, "message", "the deployment ended without saying why"), &out);
	else
		report_failure(&look, end, buf_cstr(&tail), app, &out);
	(void)fputs(buf_cstr(&out), stderr);
	return json_is_object(error) ? err_code_exit_status(err_code_from_word(json_str(error, "code", ""))) : 1;
}

static int say_end(struct deploying *d)
{
	const char *state = json_str(d->progress.end, "state", "");
	if (strcmp(state, "live") != 0 && strcmp(state, "superseded") != 0) return say_failure(d);
	if (d->cli->is_json) return 0;
	struct buf out BUF_CLEANUP;
	buf_init(&out, OUT_MAX);
	report_success(&d->cli->look, d->progress.end, &out);
	screen_write(buf_view(&out));
	return 0;
}

static int say_stopped(const struct deploying *d)
{
	struct buf out BUF_CLEANUP;
	buf_init(&out, OUT_MAX);
	if (d->number == 0)
		buf_puts(&out, "\nStopped while sending. Nothing was deployed and nothing has changed.\n");
	else
		report_detached(d->app, d->number, &out);
	(void)fputs(buf_cstr(&out), stderr);
	return EXIT_INTERRUPTED;
}

static bool deploy(struct deploying *d, int *ret_status, struct err *err)
{
	char text[TEXT_MAX];
	if (!begin(d, err)) return false;
	if (d->number > 0 && cli_has(d->cli, "detach")) {
		(void)snprintf(text, sizeof text,
			       "Deployment %" PRId64 " of %s has begun. Follow it: freehold logs %s --build %" PRId64
			       " -f\n",
			       d->number, d->app, d->app, d->number);
		say(d, text);
		return true;
	}
	if (d->number > 0 && !follow(d, err)) return false;
	*ret_status = d->progress.end != NULL ? say_end(d) : say_stopped(d);
	return true;
}

bool run_deploy(struct cli *cli, int *ret_status, struct err *err)
{
	struct deploying d = {.cli = cli};
	*ret_status = 0;
	if (!source_identify(cli->words[0], &d.facts, err) || !choose_app(&d, cli->words[0], err)) return false;
	if (!cli_daemon(cli, &d.daemon, err) || !give_database(&d, err) || !interrupt_begin(&d.interrupt, err))
		return false;
	progress_init(&d.progress, cli->look);
	bool ok = deploy(&d, ret_status, err);
	progress_done(&d.progress);
	interrupt_end(&d.interrupt);
	return ok;
}
