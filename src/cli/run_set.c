/* SPDX-License-Identifier: Apache-2.0
 *
 * freehold set: how an app's server is run. */
#include <stdio.h>
#include <string.h>

#include "cli/run.h"
#include "cli/screen.h"
#include "codec/json.h"

static void put_time(struct buf *out, const char *name, int64_t ms, const char *about)
{
	if (ms % 60000 == 0 && ms > 0)
		buf_printf(out, "  %-10s %lldm", name, (long long)ms / 60000);
	else
		buf_printf(out, "  %-10s %llds", name, (long long)ms / 1000);
	buf_printf(out, "\t%s\n", about);
}

static void put_settings(struct buf *out, const json_t *s)
{
	put_time(out, "warm", json_int(s, "warm_ms", 0),
		 "how long an earlier release's server is kept, so that going back need not boot");
	put_time(out, "drain", json_int(s, "drain_ms", 0),
		 "how long streams and requests of an earlier release may go on");
	buf_printf(out, "  %-10s %lldM\twhat the server may use; above it is ended and started anew\n", "memory",
		   (long long)json_int(s, "memory_bytes", 0) >> 20);
	buf_printf(out, "  %-10s %lld\thow many processes of it run side by side\n", "instances",
		   (long long)json_int(s, "instances", 1));
	buf_printf(out, "  %-10s %s\topen tabs keep asking the release they were loaded from, while it is warm\n",
		   "pin", json_bool(s, "pin", false) ? "on" : "off");
}

static bool collect(const struct cli *cli, json_t *body, struct err *err)
{
	for (size_t i = 1; i < cli->word_count; i++) {
		struct str name, value;
		if (!str_cut(str_from(cli->words[i]), '=', &name, &value))
			return err_set(err, ERR_INVALID,
				       "\"%.64s\" has no value: write for example freehold set %s memory=1G",
				       cli->words[i], cli->words[0]);
		json_object_setn_new(body, name.ptr, name.len, json_stringn(value.ptr, value.len));
	}
	return true;
}

bool run_set(struct cli *cli, int *ret_status, struct err *err)
{
	struct buf path BUF_CLEANUP;
	struct buf out BUF_CLEANUP;
	json_t *answer JSON_CLEANUP = NULL, *body JSON_CLEANUP = json_object();
	bool is_change = cli->word_count > 1;
	buf_init(&path, DAEMON_PATH_SIZE), buf_init(&out, VIEW_BYTES_MAX);
	*ret_status = 0;
	if (!cli_app_path(&path, cli->words[0], "/settings", err) || !collect(cli, body, err) ||
	    !cli_ask(cli, is_change ? "PUT" : NULL, buf_cstr(&path), is_change ? body : NULL, &answer, err))
		return false;
	if (cli->is_json)
		cli_put_json(cli, answer);
	else
		put_settings(&out, answer);
	if (!cli->is_json && is_change)
		buf_printf(&out,
			   "warm, drain and pin hold from the next switch on, memory and instances from the next "
			   "start: freehold restart %s\n",
			   cli->words[0]);
	screen_write(buf_view(&out));
	return true;
}
