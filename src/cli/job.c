/* SPDX-License-Identifier: Apache-2.0
 *
 * Watching a job: a line a step, and below it how far it is. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/job.h"
#include "cli/screen.h"
#include "cli/step.h"
#include "cli/text.h"
#include "codec/json.h"

#define LINE_MAX_BYTES (256 * 1024)

struct following {
	struct cli *cli;
	json_t *job;
	char step[64];
};

static void put_lines(const struct following *f, const struct buf *lines)
{
	if (f->cli->look.is_terminal)
		screen_draw(buf_view(lines), STR(""));
	else
		screen_write(buf_view(lines));
}

static void put_step(struct following *f, const json_t *event)
{
	struct buf out BUF_CLEANUP;
	const char *state = json_str(event, "state", "");
	char took[TEXT_SHORT_SIZE];
	buf_init(&out, LINE_MAX_BYTES);
	(void)snprintf(f->step, sizeof f->step, "%.60s", step_label(json_str(event, "step", "")));
	if (strcmp(state, "running") == 0) {
		if (f->cli->look.is_terminal) screen_draw(STR(""), str_from(f->step));
		return;
	}
	bool is_done = strcmp(state, "done") == 0;
	text_duration(took, json_int(event, "duration_ms", 0));
	buf_puts(&out, look_mark(&f->cli->look, is_done ? MARK_DONE : MARK_FAILED));
	buf_printf(&out, " %s  %s\n", f->step, took);
	put_lines(f, &out);
}

/* "copying  42 %  31.4 MB/s  12 s left" */
static void put_progress(struct following *f, const json_t *event)
{
	char line[256], rate[TEXT_SHORT_SIZE] = "", left[TEXT_SHORT_SIZE];
	double done = json_number_value(json_object_get(event, "done"));
	int64_t bytes = json_int(event, "bytes_per_s", 0);
	if (bytes > 0) text_size(rate, (uint64_t)bytes);
	text_duration(left, json_int(event, "left_ms", 0));
	(void)snprintf(line, sizeof line, "%s  %.0f %%%s%s%s  %s left", f->step, done * 100, bytes > 0 ? "  " : "",
		       rate, bytes > 0 ? "/s" : "", left);
	if (f->cli->look.is_terminal) screen_draw(STR(""), str_from(line));
}

static void put_note(struct following *f, const json_t *event)
{
	struct buf out BUF_CLEANUP;
	buf_init(&out, LINE_MAX_BYTES);
	buf_puts(&out, look_mark(&f->cli->look, MARK_NOTE));
	buf_putc(&out, ' ');
	text_clean(&out, str_from(json_str(event, "text", "")), TEXT_LINE);
	buf_putc(&out, '\n');
	put_lines(f, &out);
}

static bool on_line(void *arg, struct str line)
{
	struct following *f = arg;
	json_t *event JSON_CLEANUP = NULL;
	struct err ignored;
	if (str_trim(line).len == 0 || !json_parse(line, &event, &ignored)) return true;
	const char *what = json_str(event, "event", "");
	if (f->cli->is_json) cli_put_json(f->cli, event);
	if (strcmp(what, "end") == 0) {
		f->job = json_incref(json_object_get(event, "job"));
		return false;
	}
	if (f->cli->is_json) return true;
	if (strcmp(what, "step") == 0)
		put_step(f, event);
	else if (strcmp(what, "progress") == 0)
		put_progress(f, event);
	else if (strcmp(what, "note") == 0)
		put_note(f, event);
	return true;
}

static bool on_tick(void *arg)
{
	return !interrupt_came(arg);
}

struct watching {
	struct following f;
	struct interrupt interrupt;
};

static bool watch_line(void *arg, struct str line)
{
	struct watching *w = arg;
	return on_line(&w->f, line);
}

static bool watch_tick(void *arg)
{
	struct watching *w = arg;
	return on_tick(&w->interrupt);
}

bool job_follow(struct cli *cli, const json_t *job, json_t **ret_job, struct err *err)
{
	struct daemon d;
	char path[96];
	int64_t id = json_int(job, "id", 0);
	struct watching w = {.f = {.cli = cli}};
	struct daemon_watcher watcher = {.on_line = watch_line, .on_tick = watch_tick, .arg = &w};
	(void)snprintf(path, sizeof path, "/v1/jobs/%" PRId64 "/events?follow=1", id);
	if (!cli_daemon(cli, &d, err) || !interrupt_begin(&w.interrupt, err)) return false;
	bool ok = daemon_follow(&d, path, &watcher, err);
	interrupt_end(&w.interrupt);
	if (cli->look.is_terminal) screen_draw(STR(""), STR(""));
	if (!ok && w.f.job == NULL) return false;
	if (w.f.job == NULL)
		return err_set(err, ERR_CONFLICT, "it goes on without this terminal (job %" PRId64 ")", id);
	const char *state = json_str(w.f.job, "state", "");
	*ret_job = w.f.job;
	if (strcmp(state, "done") == 0 || strcmp(state, "waiting") == 0) return true;
	return err_set(err, ERR_FAILED, "%s", json_str(w.f.job, "error", "it failed without a reason"));
}
