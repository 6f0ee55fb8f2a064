/* SPDX-License-Identifier: Apache-2.0
 *
 * freehold db APP branch: copies of the database, each one of its own. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/db.h"
#include "cli/job.h"
#include "cli/name.h"
#include "cli/screen.h"
#include "cli/table.h"
#include "cli/text.h"
#include "codec/json.h"

#define REST_SIZE 128

const char *const db_branch_verbs[] = {"create", "list", "psql", "url", "reset", "delete", NULL};

static bool spell(const char *name, const char *more, char ret_rest[REST_SIZE], struct err *err)
{
	bool is_plain = name[0] != '\0' && strlen(name) <= 60 &&
			strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == strlen(name);
	if (!is_plain) return err_set(err, ERR_INVALID, "\"%.60s\" is no name for a branch: a-z, 0-9 and -", name);
	(void)snprintf(ret_rest, REST_SIZE, "/branches/%s%s", name, more);
	return true;
}

/* "full", "schema", "5% sample", "1000 rows a table" */
static void what_of(const json_t *branch, char ret_text[64])
{
	const char *kind = json_str(branch, "kind", "?"), *sample = json_str(branch, "sample", NULL);
	if (sample == NULL)
		(void)snprintf(ret_text, 64, "%.20s", strcmp(kind, "schema") == 0 ? "schema only" : kind);
	else
		(void)snprintf(ret_text, 64, strchr(sample, '%') != NULL ? "%.20s of each table" : "%.20s rows a table",
			       sample);
}

static bool list(const struct db_words *w, struct err *err)
{
	static const char *const columns[] = {"BRANCH", "WHAT", "MADE", "SIZE", "KEPT UNTIL", "STATE", NULL};
	json_t *answer JSON_CLEANUP = NULL;
	struct buf out BUF_CLEANUP;
	struct view v = cli_view(w->cli, &out);
	struct table t TABLE_CLEANUP;
	table_init(&t, columns);
	if (!db_ask(w, NULL, "/branches", NULL, &answer, err)) return false;
	if (w->cli->is_json) {
		cli_put_json(w->cli, answer);
		return true;
	}
	const json_t *branches = json_object_get(answer, "branches");
	if (json_array_size(branches) == 0)
		buf_printf(&out, "%s has no branches. Make one: freehold db %s branch create NAME\n", w->app, w->app);
	t.right_aligned = 1 << 3;
	for (size_t i = 0; i < json_array_size(branches); i++) {
		const json_t *b = json_array_get(branches, i);
		char what[64], ago[TEXT_SHORT_SIZE], size[TEXT_SHORT_SIZE], until[16];
		what_of(b, what);
		text_ago(ago, v.now_ms - json_int(b, "age_ms", 0), v.now_ms);
		text_size(size, (uint64_t)json_int(b, "bytes", 0));
		(void)snprintf(until, sizeof until, "%.10s", json_str(b, "expires_at", "deleted"));
		table_cell(&t, TONE_STRONG, json_str(b, "name", ""));
		table_cell(&t, TONE_PLAIN, what);
		table_cell(&t, TONE_DIM, ago);
		table_cell(&t, TONE_PLAIN, size);
		table_cell(&t, TONE_PLAIN, until);
		table_cell(&t, TONE_PLAIN, json_str(b, "state", ""));
	}
	if (json_array_size(branches) > 0) table_render(&t, &v.look, 0, &out);
	screen_write(buf_view(&out));
	return true;
}

/* What --sample, --schema-only and --days say; what is not said is not there. */
static bool fill(const struct db_words *w, json_t *body, struct err *err)
{
	const char *sample = cli_value(w->cli, "sample");
	bool is_schema = cli_has(w->cli, "schema-only"), is_full = cli_has(w->cli, "full");
	int64_t days = 0;
	if ((sample != NULL) + is_schema + is_full > 1)
		return err_set(err, ERR_INVALID, "a branch is one of --full, --schema-only and --sample");
	if (sample != NULL) json_object_set_new(body, "sample", json_string(sample));
	if (sample != NULL || is_schema || is_full)
		json_object_set_new(body, "kind",
				    json_string(sample != NULL ? "sample"
						: is_schema    ? "schema"
							       : "full"));
	const char *given = cli_value(w->cli, "days");
	if (given != NULL && !str_to_int(str_from(given), &days))
		return err_set(err, ERR_INVALID, "--days is a number of days, 0 to keep it: not \"%.40s\"", given);
	if (given != NULL) json_object_set_new(body, "days", json_integer(days));
	return true;
}

static void put_made(const struct db_words *w, const json_t *job, bool is_reset)
{
	const json_t *b = json_object_get(job, "result");
	const char *name = json_str(b, "name", "?"), *until = json_str(b, "expires_at", NULL);
	char what[64], size[TEXT_SHORT_SIZE], took[TEXT_SHORT_SIZE];
	struct buf out BUF_CLEANUP;
	buf_init(&out, VIEW_BYTES_MAX);
	what_of(b, what);
	text_size(size, (uint64_t)json_int(b, "bytes", 0));
	text_duration(took, json_int(b, "ms", 0));
	buf_printf(&out, "Branch %s of %s %s (%s), %s, in %s.\n", name, w->app,
		   is_reset ? "is as the live database is now" : "is there", what, size, took);
	if (json_object_get(b, "rows") != NULL)
		buf_printf(&out,
			   "%" PRId64 " rows of %" PRId64 " tables, %" PRId64
			   " of them because another one refers to them.\n",
			   json_int(b, "rows", 0), json_int(b, "tables", 0), json_int(b, "referred", 0));
	buf_printf(&out, "  A shell in it:            freehold db %s branch psql %s\n", w->app, name);
	buf_printf(&out, "  For a program here:       %s\n", json_str(b, "url", ""));
	if (until != NULL) buf_printf(&out, "  It goes by itself on      %.10s (--days 0 keeps it)\n", until);
	buf_printf(&out, "  When it is done with:     freehold db %s branch delete %s\n", w->app, name);
	screen_write(buf_view(&out));
}

static bool follow(const struct db_words *w, const char *method, const char *rest, const json_t *body, json_t **ret_job,
		   struct err *err)
{
	json_t *begun JSON_CLEANUP = NULL;
	return db_ask(w, method, rest, body, &begun, err) && job_follow(w->cli, begun, ret_job, err);
}

static bool create(const struct db_words *w, const char *name, struct err *err)
{
	json_t *body JSON_CLEANUP = json_pack("{s:s}", "name", name), *job JSON_CLEANUP = NULL;
	if (!fill(w, body, err) || !follow(w, "POST", "/branches", body, &job, err)) return false;
	if (!w->cli->is_json) put_made(w, job, false);
	return true;
}

static bool is_agreed(const struct db_words *w, const char *name, const char *what)
{
	char question[200], answer[16];
	if (cli_has(w->cli, "yes") || w->cli->is_json || !screen_can_ask()) return true;
	(void)snprintf(question, sizeof question, "What was changed in branch %.40s of %.40s is lost. %s? [y/N] ", name,
		       w->app, what);
	return screen_ask(question, false, answer, sizeof answer) && (answer[0] == 'y' || answer[0] == 'Y');
}

static bool reset(const struct db_words *w, const char *name, struct err *err)
{
	char rest[REST_SIZE];
	json_t *body JSON_CLEANUP = json_object(), *job JSON_CLEANUP = NULL;
	if (!spell(name, "/reset", rest, err) || !fill(w, body, err)) return false;
	if (!is_agreed(w, name, "Renew it")) return err_set(err, ERR_CONFLICT, "nothing was changed");
	if (!follow(w, "POST", rest, body, &job, err)) return false;
	if (!w->cli->is_json) put_made(w, job, true);
	return true;
}

static bool drop(const struct db_words *w, const char *name, struct err *err)
{
	char rest[REST_SIZE], size[TEXT_SHORT_SIZE], line[200];
	json_t *job JSON_CLEANUP = NULL;
	if (!spell(name, "", rest, err)) return false;
	if (!is_agreed(w, name, "Delete it")) return err_set(err, ERR_CONFLICT, "nothing was changed");
	if (!follow(w, "DELETE", rest, NULL, &job, err)) return false;
	text_size(size, (uint64_t)json_int(json_object_get(job, "result"), "bytes", 0));
	(void)snprintf(line, sizeof line, "Branch %.40s of %.40s is gone, and its %s.\n", name, w->app, size);
	if (!w->cli->is_json) screen_write(str_from(line));
	return true;
}

static bool connect_to(const struct db_words *w, const char *verb, const char *name, struct err *err)
{
	char rest[REST_SIZE];
	json_t *where JSON_CLEANUP = NULL;
	struct buf line BUF_CLEANUP;
	buf_init(&line, VIEW_BYTES_MAX);
	if (!spell(name, "", rest, err) || !db_ask(w, NULL, rest, NULL, &where, err)) return false;
	if (strcmp(verb, "psql") == 0) return db_psql_at(w, where, w->words + 2, w->count - 2, err);
	if (w->cli->is_json) {
		cli_put_json(w->cli, where);
		return true;
	}
	buf_printf(&line, "%s\n", json_str(where, "url", ""));
	screen_write(buf_view(&line));
	return true;
}

bool db_branch(const struct db_words *w, int *ret_status, struct err *err)
{
	const char *verb = w->count > 0 ? w->words[0] : "list", *near;
	bool is_known = false, is_list = strcmp(verb, "list") == 0, is_psql = strcmp(verb, "psql") == 0;
	*ret_status = 0;
	for (size_t i = 0; db_branch_verbs[i] != NULL; i++)
		is_known = is_known || strcmp(db_branch_verbs[i], verb) == 0;
	if (!is_known) {
		near = name_nearest(verb, db_branch_verbs);
		return err_set(err, ERR_INVALID,
			       "branch does not know \"%.40s\"%s%s%s; it is: freehold db %.40s branch "
			       "create|list|psql|url|reset|delete NAME",
			       verb, near != NULL ? " (did you mean " : "", near != NULL ? near : "",
			       near != NULL ? "?)" : "", w->app);
	}
	if (is_list && w->count <= 1) return list(w, err);
	if (is_list || w->count < 2 || (w->count > 2 && !is_psql))
		return err_set(err, ERR_INVALID, "it is: freehold db %.40s branch %s%s", w->app, verb,
			       is_list ? "" : " NAME");
	const char *name = w->words[1];
	if (strcmp(verb, "create") == 0) return create(w, name, err);
	if (strcmp(verb, "reset") == 0) return reset(w, name, err);
	if (strcmp(verb, "delete") == 0) return drop(w, name, err);
	return connect_to(w, verb, name, err);
}
