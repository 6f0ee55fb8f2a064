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
	put_time(out, "boot", json_int(s, "boot_ms", 0),
		 "how long it may take to begin to listen, and three times its first page");
	buf_printf(out, "  %-10s %s\topen tabs keep asking the release they were loaded from, while it is warm\n",
		   "pin", json_bool(s, "pin", false) ? "on" : "off");
}

#define POSTGRES "postgres."

/* Those of PostgreSQL are asked elsewhere, and by their own names. */
static bool collect(const struct cli *cli, json_t *server, json_t *postgres, struct err *err)
{
	for (size_t i = 1; i < cli->word_count; i++) {
		struct str name, value;
		if (!str_cut(str_from(cli->words[i]), '=', &name, &value))
			return err_set(err, ERR_INVALID,
				       "\"%.64s\" has no value: write for example freehold set %s memory=1G",
				       cli->words[i], cli->words[0]);
		bool is_postgres = str_has_prefix(name, STR(POSTGRES));
		if (is_postgres) name = str_sub(name, sizeof POSTGRES - 1, name.len);
		json_object_setn_new(is_postgres ? postgres : server, name.ptr, name.len,
				     json_stringn(value.ptr, value.len));
	}
	return true;
}

static bool ask(struct cli *cli, const char *rest, const json_t *body, json_t **ret_answer, struct err *err)
{
	struct buf path BUF_CLEANUP;
	buf_init(&path, DAEMON_PATH_SIZE);
	return cli_app_path(&path, cli->words[0], rest, err) &&
	       cli_ask(cli, body != NULL ? "PUT" : NULL, buf_cstr(&path), body, ret_answer, err);
}

static void put_postgres(struct buf *out, const struct cli *cli, const json_t *answer)
{
	const json_t *at_start = json_object_get(answer, "at_start");
	const char *name;
	json_t *value;
	json_object_foreach(json_object_get(answer, "set"), name, value)
	    buf_printf(out, "  " POSTGRES "%s\t%s\n", name, json_string_value(value));
	if (json_object_size(json_object_get(answer, "set")) == 0)
		buf_puts(out, "No setting of PostgreSQL is yours now; all are Freehold's.\n");
	bool has_at_once = false;
	for (size_t i = 1; i < cli->word_count; i++) {
		struct str given = str_from(cli->words[i] + sizeof POSTGRES - 1), rest;
		bool waits = false;
		(void)str_cut(given, '=', &given, &rest);
		for (size_t k = 0; k < json_array_size(at_start); k++)
			waits |= str_eq(given, str_from(json_string_value(json_array_get(at_start, k))));
		if (waits) continue;
		buf_printf(out, "%s%.*s", has_at_once ? ", " : "", (int)given.len, given.ptr);
		has_at_once = true;
	}
	if (has_at_once) buf_puts(out, " holds at once, for what is asked from now on.\n");
	for (size_t i = 0; i < json_array_size(at_start); i++)
		buf_printf(out, "%s holds from the database's next start: freehold stop %s, freehold start %s\n",
			   json_string_value(json_array_get(at_start, i)), cli->words[0], cli->words[0]);
}

bool run_set(struct cli *cli, int *ret_status, struct err *err)
{
	struct buf out BUF_CLEANUP;
	json_t *answer JSON_CLEANUP = NULL, *server JSON_CLEANUP = json_object(),
		       *postgres JSON_CLEANUP = json_object();
	buf_init(&out, VIEW_BYTES_MAX);
	*ret_status = 0;
	if (!collect(cli, server, postgres, err)) return false;
	bool is_server = json_object_size(server) > 0, is_postgres = json_object_size(postgres) > 0;
	if (is_server && is_postgres)
		return err_set(err, ERR_INVALID, "set what is PostgreSQL's (postgres.NAME) in a command of its own");
	if (!ask(cli, is_postgres ? "/db/settings" : "/settings",
		 is_postgres ? postgres
		 : is_server ? server
			     : NULL,
		 &answer, err))
		return false;
	if (cli->is_json) {
		cli_put_json(cli, answer);
		return true;
	}
	if (is_postgres)
		put_postgres(&out, cli, answer);
	else
		put_settings(&out, answer);
	if (is_server)
		buf_printf(&out,
			   "warm, drain and pin hold from the next switch on, memory, instances and boot from the next "
			   "start: freehold restart %s\n",
			   cli->words[0]);
	screen_write(buf_view(&out));
	return true;
}
