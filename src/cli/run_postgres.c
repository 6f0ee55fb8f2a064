/* SPDX-License-Identifier: Apache-2.0
 *
 * freehold postgres: PostgreSQL that Freehold fetched itself, and its newer editions. */
#include <stdio.h>
#include <string.h>

#include "cli/db.h"
#include "cli/job.h"
#include "cli/run.h"
#include "cli/screen.h"
#include "codec/json.h"

#define OUT_MAX (1u << 18)

static bool ask(struct cli *cli, json_t **ret_answer, struct err *err)
{
	return cli_ask(cli, NULL, "/v1/postgres", NULL, ret_answer, err);
}

static void put_package(const json_t *one, const char *package, const char *what, struct buf *out)
{
	const char *version = json_str(json_object_get(one, "packages"), package, NULL);
	if (version != NULL) buf_printf(out, "  %-11s %s\n", what, version);
}

static void put_newer(const json_t *one, struct buf *out)
{
	const json_t *newer = json_object_get(one, "newer");
	json_t *package;
	size_t i;
	if (json_int(one, "looked_at_ms", 0) == 0) {
		buf_puts(out, "  newer       not looked yet: freehold postgres look\n");
		return;
	}
	if (json_array_size(newer) == 0) {
		buf_puts(out, "  newer       none, when it was looked at last\n");
		return;
	}
	json_array_foreach(newer, i, package)
	    buf_printf(out, "  %-11s %s %s (here: %s)\n", i == 0 ? "newer" : "", json_str(package, "package", ""),
		       json_str(package, "to", ""), json_str(package, "from", "not noted"));
	buf_puts(out, "  get it      freehold postgres update\n");
}

static void put_uses(const json_t *one, struct buf *out)
{
	json_t *use;
	size_t i;
	json_array_foreach(json_object_get(one, "uses"), i, use)
	{
		const char *app = json_str(use, "app", "");
		buf_printf(out, "  %-11s %s of %s", i == 0 ? "runs" : "", json_str(use, "part", ""), app);
		if (json_bool(use, "is_behind", false))
			buf_printf(out, ", an earlier edition: freehold db %s renew", app);
		buf_puts(out, "\n");
	}
}

static bool show(struct cli *cli, struct err *err)
{
	json_t *answer JSON_CLEANUP = NULL, *one;
	struct buf out BUF_CLEANUP;
	size_t i;
	char package[48];
	buf_init(&out, OUT_MAX);
	if (!ask(cli, &answer, err)) return false;
	if (cli->is_json) {
		cli_put_json(cli, answer);
		return true;
	}
	const json_t *list = json_object_get(answer, "fetched");
	if (json_array_size(list) == 0)
		buf_puts(&out,
			 "Nothing was fetched: all PostgreSQL here is this machine's own, which apt upgrade brings "
			 "up to date.\n");
	json_array_foreach(list, i, one)
	{
		const char *name = json_str(one, "name", "");
		bool is_alone = strcmp(name, "pgbouncer") == 0;
		(void)snprintf(package, sizeof package, "postgresql-%.20s", name);
		buf_printf(&out, "%s%s%s\n", i > 0 ? "\n" : "", is_alone ? "PgBouncer" : "PostgreSQL ",
			   is_alone ? "" : name);
		put_package(one, package, "PostgreSQL", &out);
		put_package(one, "pgbouncer", "PgBouncer", &out);
		put_package(one, "pgbackrest", "pgBackRest", &out);
		put_newer(one, &out);
		if (json_is_integer(json_object_get(one, "before")))
			buf_puts(&out, "  before      is kept: freehold postgres back\n");
		put_uses(one, &out);
	}
	screen_write(buf_view(&out));
	return true;
}

static bool begin(struct cli *cli, const char *what, json_t **ret_job, struct err *err)
{
	json_t *begun JSON_CLEANUP = NULL, *body JSON_CLEANUP = json_pack("{s:s}", "do", what);
	return cli_ask(cli, "POST", "/v1/postgres", body, &begun, err) && job_follow(cli, begun, ret_job, err);
}

static bool renew(struct cli *cli, const char *app, struct err *err)
{
	struct buf path BUF_CLEANUP, line BUF_CLEANUP;
	json_t *begun JSON_CLEANUP = NULL, *job JSON_CLEANUP = NULL, *body JSON_CLEANUP = json_object();
	buf_init(&path, 1024), buf_init(&line, 1024);
	if (!cli_app_path(&path, app, "/db/renew", err) || !cli_ask(cli, "POST", buf_cstr(&path), body, &begun, err) ||
	    !job_follow(cli, begun, &job, err))
		return false;
	const json_t *result = json_object_get(job, "result");
	size_t count = json_array_size(json_object_get(result, "parts"));
	if (cli->is_json) return true;
	if (count == 0)
		buf_printf(&line, "%s runs the current edition already.\n", app);
	else if (json_object_get(result, "away_ms") != NULL)
		buf_printf(&line, "%s: PostgreSQL was away for %lld ms.\n", app,
			   (long long)json_int(result, "away_ms", 0));
	else
		buf_printf(&line, "%s: %zu of its processes were started anew.\n", app, count);
	screen_write(buf_view(&line));
	return true;
}

/* One app after the other: the first that does not start its database stops it. */
static bool renew_all(struct cli *cli, struct err *err)
{
	json_t *answer JSON_CLEANUP = NULL, *apps JSON_CLEANUP = json_object(), *one, *use;
	size_t i, k;
	const char *app;
	if (!ask(cli, &answer, err)) return false;
	json_array_foreach(json_object_get(answer, "fetched"), i, one)
	    json_array_foreach(json_object_get(one, "uses"), k, use) if (json_bool(use, "is_behind", false))
		json_object_set_new(apps, json_str(use, "app", ""), json_true());
	json_object_foreach(apps, app, one) if (!renew(cli, app, err)) return err_wrap(err, "renew %s", app);
	return true;
}

static bool change(struct cli *cli, const char *what, struct err *err)
{
	json_t *job JSON_CLEANUP = NULL;
	if (!begin(cli, what, &job, err)) return false;
	bool is_changed = json_array_size(json_object_get(json_object_get(job, "result"), "changed")) > 0;
	if (!cli->is_json && !is_changed) screen_write(STR("There is no newer edition.\n"));
	if (!cli_has(cli, "later")) return renew_all(cli, err);
	if (!cli->is_json && is_changed)
		screen_write(STR("Each app has it from the next start of its PostgreSQL on: freehold db APP renew\n"));
	return true;
}

bool run_postgres(struct cli *cli, int *ret_status, struct err *err)
{
	json_t *job JSON_CLEANUP = NULL;
	const char *word = cli->word_count > 0 ? cli->words[0] : "list";
	*ret_status = 0;
	if (strcmp(word, "list") == 0) return show(cli, err);
	if (strcmp(word, "look") == 0) return begin(cli, "look", &job, err) && (cli->is_json || show(cli, err));
	if (strcmp(word, "update") == 0 || strcmp(word, "back") == 0) return change(cli, word, err);
	return err_set(err, ERR_INVALID, "freehold postgres has no word %.40s; it has list, look, update, back", word);
}

bool db_renew(const struct db_words *w, int *ret_status, struct err *err)
{
	(void)ret_status;
	return renew(w->cli, w->app, err);
}
