/* SPDX-License-Identifier: Apache-2.0
 *
 * freehold logs: what an app's processes wrote, or what one deployment printed. */
#include <inttypes.h>
#include <string.h>

#include "cli/progress.h"
#include "cli/run.h"
#include "cli/screen.h"
#include "cli/text.h"
#include "codec/json.h"

#define LINE_MAX_BYTES (1024 * 1024)
#define LINES_MAX 100000

struct watching {
	const struct cli *cli;
	struct progress progress; /* of a build: its events without the display that moves */
	bool is_build;
	bool is_one_source;
};

static void put_log_line(const struct watching *w, const json_t *line, struct buf *out)
{
	const char *source = json_str(line, "source", "?");
	enum tone tone = strcmp(source, "edge") == 0      ? TONE_DIM
			 : strcmp(source, "backend") == 0 ? TONE_GOOD
							  : TONE_WARN;
	if (!w->is_one_source) {
		struct buf clean BUF_CLEANUP, padded BUF_CLEANUP;
		buf_init(&clean, LINE_MAX_BYTES);
		buf_init(&padded, LINE_MAX_BYTES);
		text_clean(&clean, str_from(source), TEXT_LINE);
		text_pad(&padded, buf_view(&clean), 8);
		look_put_str(out, &w->cli->look, tone, buf_view(&padded));
		buf_puts(out, " | ");
	}
	text_clean(out, str_from(json_str(line, "text", "")), TEXT_LINE);
	buf_putc(out, '\n');
}

static bool on_line(void *arg, struct str line)
{
	struct watching *w = arg;
	json_t *value JSON_CLEANUP = NULL;
	struct buf out BUF_CLEANUP;
	struct err ignored;
	buf_init(&out, LINE_MAX_BYTES + 1024);
	if (str_trim(line).len == 0 || !json_parse(line, &value, &ignored)) return true;
	if (w->cli->is_json) {
		cli_put_json(w->cli, value);
		return true;
	}
	if (w->is_build)
		progress_event(&w->progress, value, &out);
	else
		put_log_line(w, value, &out);
	screen_write(buf_view(&out));
	return true;
}

static bool build_path(const struct cli *cli, struct buf *path, struct err *err)
{
	int64_t number;
	if (!cli_number(cli_value(cli, "build"), "deployment", &number, err)) return false;
	if (!cli_app_path(path, cli->words[0], "/deployments/", err)) return false;
	buf_printf(path, "%" PRId64 "/events%s", number, cli_has(cli, "follow") ? "?follow=1" : "");
	return true;
}

static bool log_path(const struct cli *cli, struct buf *path, struct err *err)
{
	int64_t lines = 200;
	const char *asked = cli_value(cli, "lines");
	if (asked != NULL && (!str_to_int(str_from(asked), &lines) || lines < 0 || lines > LINES_MAX))
		return err_set(err, ERR_INVALID, "--lines takes a number from 0 to %d, not \"%.40s\"", LINES_MAX,
			       asked);
	if (!cli_app_path(path, cli->words[0], "/logs", err)) return false;
	buf_printf(path, "?lines=%" PRId64, lines);
	if (cli_has(cli, "functions")) {
		buf_puts(path, "&functions=1");
		if (cli->word_count > 1) {
			buf_puts(path, "&function=");
			daemon_escape(path, cli->words[1]);
		}
	} else if (cli->word_count > 1)
		return err_set(err, ERR_INVALID,
			       "logs takes one app; a function's log: freehold logs %s --functions %s", cli->words[0],
			       cli->words[1]);
	if (cli_has(cli, "source")) {
		buf_puts(path, "&source=");
		daemon_escape(path, cli_value(cli, "source"));
	}
	if (cli_has(cli, "release")) {
		buf_puts(path, "&release=");
		daemon_escape(path, cli_value(cli, "release"));
	}
	if (cli_has(cli, "follow")) buf_puts(path, "&follow=1");
	return true;
}

bool run_logs(struct cli *cli, int *ret_status, struct err *err)
{
	struct daemon d;
	struct look plain = {.has_utf8 = cli->look.has_utf8};
	struct buf path BUF_CLEANUP;
	struct watching w = {.cli = cli,
			     .is_build = cli_has(cli, "build"),
			     .is_one_source = cli_has(cli, "source") || cli->word_count > 1};
	struct daemon_watcher watcher = {.on_line = on_line, .arg = &w};
	buf_init(&path, DAEMON_PATH_SIZE);
	*ret_status = 0;
	if (!(w.is_build ? build_path(cli, &path, err) : log_path(cli, &path, err)) || !cli_daemon(cli, &d, err))
		return false;
	progress_init(&w.progress, plain);
	bool ok = daemon_follow(&d, buf_cstr(&path), &watcher, err);
	progress_done(&w.progress);
	return ok;
}
