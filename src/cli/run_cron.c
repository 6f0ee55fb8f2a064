/* SPDX-License-Identifier: Apache-2.0
 *
 * freehold cron: the jobs that an app scheduled in its database, and what the database may call. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "cli/name.h"
#include "cli/run.h"
#include "cli/screen.h"
#include "cli/table.h"
#include "cli/text.h"
#include "codec/json.h"

static bool ask(const struct cli *cli, const char *method, const char *rest, json_t *body, json_t **ret_answer,
		struct err *err)
{
	struct buf path BUF_CLEANUP;
	buf_init(&path, DAEMON_PATH_SIZE);
	if (!cli_app_path(&path, cli->words[0], "/cron", err)) return false;
	buf_puts(&path, rest);
	return cli_ask(cli, method, buf_cstr(&path), body, ret_answer, err);
}

static void name_of(const json_t *job, const char *number, char *ret_name, size_t size)
{
	const char *name = json_str(job, "name", "");
	if (name[0] != '\0')
		(void)snprintf(ret_name, size, "%s", name);
	else
		(void)snprintf(ret_name, size, "%lld", (long long)json_int(job, number, 0));
}

static void when(char ret_text[TEXT_SHORT_SIZE], const char *at, int64_t now_ms)
{
	int64_t at_ms;
	ret_text[0] = '\0';
	if (clock_from_iso8601(at, &at_ms)) text_ago(ret_text, at_ms, now_ms);
}

static void put_job(struct table *t, const struct view *v, const json_t *job, bool is_paused)
{
	char name[120], last_at[TEXT_SHORT_SIZE], next[40];
	const json_t *last = json_object_get(job, "last");
	bool is_active = json_bool(job, "active", true),
	     is_failed = strcmp(json_str(last, "status", ""), "failed") == 0;
	name_of(job, "id", name, sizeof name);
	when(last_at, json_str(last, "at", ""), v->now_ms);
	(void)snprintf(next, sizeof next, "%.16s", json_str(job, "next_at", ""));
	table_cell(t, TONE_STRONG, name);
	table_cell(t, TONE_PLAIN, json_str(job, "schedule", ""));
	table_cell(t, is_active && !is_paused ? TONE_PLAIN : TONE_WARN,
		   json_bool(job, "running", false) ? "runs now"
		   : !is_active                     ? "paused"
		   : is_paused                      ? "paused (all are)"
		   : next[0] != '\0'                ? next
						    : "never");
	table_cell(t, TONE_DIM, last_at);
	table_cell(t, is_failed ? TONE_BAD : TONE_PLAIN, json_str(last, "status", ""));
	table_cell(t, TONE_PLAIN, json_str(last, "message", ""));
}

static void put_list(struct cli *cli, const json_t *answer)
{
	static const char *const columns[] = {"JOB", "SCHEDULE", "NEXT (UTC)", "LAST", "STATUS", "WHAT IT SAID", NULL};
	const json_t *jobs = json_object_get(answer, "jobs"), *requests = json_object_get(answer, "requests"),
		     *allow = json_object_get(answer, "allow");
	struct buf out BUF_CLEANUP;
	struct view v = cli_view(cli, &out);
	struct table t TABLE_CLEANUP;
	table_init(&t, columns);
	for (size_t i = 0; i < json_array_size(jobs); i++)
		put_job(&t, &v, json_array_get(jobs, i), json_bool(answer, "paused", false));
	if (json_array_size(jobs) > 0)
		table_render(&t, &cli->look, 0, &out);
	else
		buf_printf(&out, "%s has no scheduled jobs.\n", cli->words[0]);
	if (json_int(requests, "answered", 0) + json_int(requests, "waiting", 0) > 0)
		buf_printf(
		    &out, "Web requests of its database in the last six hours: %lld, %lld of them failed; %lld wait.\n",
		    (long long)json_int(requests, "answered", 0), (long long)json_int(requests, "failed", 0),
		    (long long)json_int(requests, "waiting", 0));
	for (size_t i = 0; i < json_array_size(allow); i++)
		buf_printf(&out, "%s%s%s", i == 0 ? "It may call, although it is not public: " : ", ",
			   json_string_value(json_array_get(allow, i)), i + 1 == json_array_size(allow) ? "\n" : "");
	screen_write(buf_view(&out));
}

static bool list(struct cli *cli, struct err *err)
{
	json_t *answer JSON_CLEANUP = NULL;
	if (!ask(cli, "GET", "", NULL, &answer, err)) return false;
	if (cli->is_json)
		cli_put_json(cli, answer);
	else
		put_list(cli, answer);
	return true;
}

static void put_runs(struct cli *cli, const json_t *answer)
{
	static const char *const columns[] = {"RUN", "JOB", "STARTED", "STATUS", "WHAT IT SAID", NULL};
	const json_t *runs = json_object_get(answer, "runs");
	struct buf out BUF_CLEANUP;
	struct view v = cli_view(cli, &out);
	struct table t TABLE_CLEANUP;
	table_init(&t, columns);
	for (size_t i = 0; i < json_array_size(runs); i++) {
		const json_t *r = json_array_get(runs, i);
		char number[24], name[120], at[TEXT_SHORT_SIZE];
		(void)snprintf(number, sizeof number, "%lld", (long long)json_int(r, "id", 0));
		name_of(r, "job", name, sizeof name);
		when(at, json_str(r, "started_at", ""), v.now_ms);
		table_cell(&t, TONE_DIM, number);
		table_cell(&t, TONE_STRONG, name);
		table_cell(&t, TONE_DIM, at);
		table_cell(&t, strcmp(json_str(r, "status", ""), "failed") == 0 ? TONE_BAD : TONE_PLAIN,
			   json_str(r, "status", ""));
		table_cell(&t, TONE_PLAIN, json_str(r, "message", ""));
	}
	if (json_array_size(runs) > 0)
		table_render(&t, &cli->look, 0, &out);
	else
		buf_puts(&out, "Nothing has run yet.\n");
	screen_write(buf_view(&out));
}

static bool runs(struct cli *cli, struct err *err)
{
	json_t *answer JSON_CLEANUP = NULL;
	struct buf rest BUF_CLEANUP;
	const char *limit = cli_value(cli, "limit");
	buf_init(&rest, 512);
	buf_puts(&rest, "/runs?limit=");
	daemon_escape(&rest, limit != NULL ? limit : "50");
	if (cli->word_count > 2) {
		buf_puts(&rest, "&job=");
		daemon_escape(&rest, cli->words[2]);
	}
	if (!ask(cli, "GET", buf_cstr(&rest), NULL, &answer, err)) return false;
	if (cli->is_json)
		cli_put_json(cli, answer);
	else
		put_runs(cli, answer);
	return true;
}

/* run JOB, pause [JOB], resume [JOB], allow NETWORK, deny NETWORK: one call, one sentence. */
static bool change(struct cli *cli, const char *verb, struct err *err)
{
	bool is_network = strcmp(verb, "allow") == 0 || strcmp(verb, "deny") == 0, is_run = strcmp(verb, "run") == 0;
	const char *what = cli->word_count > 2 ? cli->words[2] : NULL;
	json_t *answer JSON_CLEANUP = NULL, *body JSON_CLEANUP = json_object();
	struct buf out BUF_CLEANUP;
	char rest[32];
	buf_init(&out, 1024);
	if (what == NULL && (is_network || is_run))
		return err_set(err, ERR_INVALID, "say which: freehold cron %s %s %s", cli->words[0], verb,
			       is_run ? "JOB" : "10.0.0.5");
	if (what != NULL) json_object_set_new(body, is_network ? "network" : "job", json_string(what));
	if (is_network) json_object_set_new(body, "allowed", json_boolean(strcmp(verb, "allow") == 0));
	(void)snprintf(rest, sizeof rest, "/%s", is_network ? "allow" : verb);
	if (!ask(cli, "POST", rest, body, &answer, err)) return false;
	if (is_run && !json_bool(answer, "begun", true))
		return err_set(err, ERR_CONFLICT, "%s is paused; freehold cron %s resume %s", what, cli->words[0],
			       what);
	if (cli->is_json) {
		cli_put_json(cli, answer);
		return true;
	}
	if (is_network)
		buf_printf(&out, "%s: the database may %scall it.\n", what, strcmp(verb, "allow") == 0 ? "" : "not ");
	else if (is_run)
		buf_printf(&out, "%s runs now; freehold cron %s runs %s shows how it ended.\n", what, cli->words[0],
			   what);
	else
		buf_printf(&out, "%s: %s\n", what != NULL ? what : "All jobs",
			   strcmp(verb, "pause") == 0 ? "paused" : "on their schedule again");
	screen_write(buf_view(&out));
	return true;
}

bool run_cron(struct cli *cli, int *ret_status, struct err *err)
{
	static const char *const verbs[] = {"list", "runs", "run", "pause", "resume", "allow", "deny", NULL};
	const char *verb = cli->word_count > 1 ? cli->words[1] : "list";
	*ret_status = 0;
	if (strcmp(verb, "list") == 0) return list(cli, err);
	if (strcmp(verb, "runs") == 0) return runs(cli, err);
	for (const char *const *v = verbs + 2; *v != NULL; v++)
		if (strcmp(verb, *v) == 0) return change(cli, verb, err);
	const char *near = name_nearest(verb, verbs);
	return err_set(
	    err, ERR_INVALID,
	    "cron does not know \"%.40s\"%s%s%s: freehold cron APP runs [JOB] | run JOB | pause [JOB] | resume "
	    "[JOB] | allow NETWORK | deny NETWORK",
	    verb, near != NULL ? " (did you mean " : "", near != NULL ? near : "", near != NULL ? "?)" : "");
}
