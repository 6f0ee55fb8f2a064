/* SPDX-License-Identifier: Apache-2.0
 *
 * freehold db APP restore | drill */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/db.h"
#include "cli/job.h"
#include "cli/screen.h"
#include "cli/table.h"
#include "cli/text.h"
#include "codec/json.h"

static bool begin(const struct db_words *w, const char *rest, const json_t *body, json_t **ret_job, struct err *err)
{
	json_t *begun JSON_CLEANUP = NULL;
	return db_ask(w, "POST", rest, body, &begun, err) && job_follow(w->cli, begun, ret_job, err);
}

static void count_cell(struct table *t, const json_t *row, const char *key, enum tone tone)
{
	char text[32] = "none";
	const json_t *value = json_object_get(row, key);
	if (json_is_integer(value))
		(void)snprintf(text, sizeof text, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
	table_cell(t, tone, text);
}

/* What is in the copy beside what is live. */
void db_put_differences(const struct cli *cli, const json_t *job, struct buf *out)
{
	static const char *const columns[] = {"TABLE", "ROWS THEN", "ROWS NOW", "NEWEST THEN", "NEWEST NOW", NULL};
	const json_t *result = json_object_get(job, "result"), *list = json_object_get(result, "differences"),
		     *source = json_object_get(result, "source");
	buf_printf(out, "From backup %s", json_str(source, "backup", "?"));
	if (json_str(source, "to", NULL) != NULL)
		buf_printf(out, ", as it was at %.19s UTC", json_str(source, "to", ""));
	if (json_str(source, "point", NULL) != NULL)
		buf_printf(out, ", as it was at %s", json_str(source, "point", ""));
	int64_t tables = json_int(result, "tables", 0);
	buf_printf(out, ": %" PRId64 " table%s", tables, tables == 1 ? "" : "s");
	if (json_array_size(list) == 0) {
		buf_puts(out, list != NULL ? ", with the same rows as now.\n" : ".\n");
		return;
	}
	buf_printf(out, ", of which %zu differ%s from now:\n", json_array_size(list),
		   json_array_size(list) == 1 ? "s" : "");
	struct table t TABLE_CLEANUP;
	table_init(&t, columns);
	t.right_aligned = 1 << 1 | 1 << 2;
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *row = json_array_get(list, i);
		table_cell(&t, TONE_STRONG, json_str(row, "table", ""));
		count_cell(&t, row, "rows", TONE_PLAIN);
		count_cell(&t, row, "live_rows", TONE_PLAIN);
		table_cell(&t, TONE_DIM, json_str(row, "newest", ""));
		table_cell(&t, TONE_DIM, json_str(row, "live_newest", ""));
	}
	table_render(&t, &cli->look, 2, out);
}

static void put_copy(const struct db_words *w, const json_t *job)
{
	struct buf out BUF_CLEANUP;
	buf_init(&out, VIEW_BYTES_MAX);
	db_put_differences(w->cli, job, &out);
	buf_printf(&out,
		   "\nNothing was changed. The copy can be read:\n  psql -h %s -U postgres postgres\n"
		   "Switch the app over to it:      freehold db %s restore --copy\n"
		   "Bring rows of one table back:   freehold db %s restore --table NAME [--where SQL]\n"
		   "Let go of it:                   freehold db %s restore --forget\n",
		   json_str(json_object_get(job, "result"), "socket_dir", "?"), w->app, w->app, w->app);
	screen_write(buf_view(&out));
}

static void put_restored(const struct db_words *w, const json_t *job, const char *what)
{
	struct buf out BUF_CLEANUP;
	buf_init(&out, VIEW_BYTES_MAX);
	if (json_object_get(json_object_get(job, "result"), "source") != NULL) db_put_differences(w->cli, job, &out);
	buf_printf(&out,
		   "%s %s What it replaced is kept: freehold db %s restore --undo brings it back, --forget lets go of "
		   "it.\n",
		   w->app, what, w->app);
	screen_write(buf_view(&out));
}

static bool is_agreed(const struct db_words *w, const char *question)
{
	char answer[16];
	if (cli_has(w->cli, "yes") || w->cli->is_json || !screen_can_ask()) return true;
	return screen_ask(question, false, answer, sizeof answer) && (answer[0] == 'y' || answer[0] == 'Y');
}

static bool waiting_copy(const struct db_words *w, json_t *body, struct err *err)
{
	json_t *answer JSON_CLEANUP = NULL;
	if (!db_ask(w, NULL, "/restore", NULL, &answer, err)) return false;
	int64_t id = json_int(json_object_get(answer, "copy"), "id", 0);
	if (id == 0)
		return err_set(err, ERR_NOT_FOUND,
			       "%s has no copy to switch over to; make one: freehold db %s restore --to "
			       "TIME --inspect",
			       w->app, w->app);
	json_object_set_new(body, "copy", json_integer(id));
	return true;
}

static bool fill(const struct db_words *w, json_t *body, struct err *err)
{
	static const char *const names[] = {"to", "point", "backup"};
	int64_t place = 0;
	int given = 0;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		if (!cli_has(w->cli, names[i])) continue;
		json_object_set_new(body, names[i], json_string(cli_value(w->cli, names[i])));
		given++;
	}
	if (cli_has(w->cli, "place")) {
		if (!cli_number(cli_value(w->cli, "place"), "place", &place, err)) return false;
		json_object_set_new(body, "place", json_integer(place));
	}
	if (cli_has(w->cli, "copy"))
		return given == 0 ? waiting_copy(w, body, err)
				  : err_set(err, ERR_INVALID,
					    "--copy is the copy that was made "
					    "already; it takes no moment");
	return given == 1 ||
	       err_set(err, ERR_INVALID, "restore to where? --to TIME, --point before-N or --backup ID, one of them");
}

static bool bring(const struct db_words *w, struct err *err)
{
	json_t *body JSON_CLEANUP = json_pack("{s:s}", "table", cli_value(w->cli, "table")), *job JSON_CLEANUP = NULL;
	if (cli_has(w->cli, "where")) json_object_set_new(body, "where", json_string(cli_value(w->cli, "where")));
	if (!begin(w, "/restore/bring", body, &job, err)) return false;
	const json_t *result = json_object_get(job, "result");
	char line[512];
	(void)snprintf(line, sizeof line,
		       "%.200s: %" PRId64 " rows in the copy, %" PRId64 " of them were missing and are back%s.\n",
		       json_str(result, "table", ""), json_int(result, "found", 0), json_int(result, "brought", 0),
		       json_bool(result, "table_was_made", false) ? ", with the table" : "");
	if (!w->cli->is_json) screen_write(str_from(line));
	return true;
}

static bool simple(const struct db_words *w, const char *rest, const char *said, struct err *err)
{
	json_t *body JSON_CLEANUP = json_object(), *job JSON_CLEANUP = NULL;
	if (!begin(w, rest, body, &job, err)) return false;
	if (json_bool(json_object_get(job, "result"), "is_forward", false))
		said = "is at what the restore had brought again.";
	if (!w->cli->is_json && said != NULL) put_restored(w, job, said);
	return true;
}

static bool forget(const struct db_words *w, struct err *err)
{
	char line[256];
	if (!simple(w, "/restore/forget", NULL, err)) return false;
	(void)snprintf(line, sizeof line,
		       "The copy of %.40s and what its last restore set aside are gone; --undo has nothing to go back "
		       "to.\n",
		       w->app);
	if (!w->cli->is_json) screen_write(str_from(line));
	return true;
}

bool db_restore(const struct db_words *w, int *ret_status, struct err *err)
{
	json_t *body JSON_CLEANUP = json_object(), *job JSON_CLEANUP = NULL;
	char question[256];
	bool inspects = cli_has(w->cli, "inspect");
	*ret_status = 0;
	if (cli_has(w->cli, "table")) return bring(w, err);
	if (cli_has(w->cli, "undo"))
		return simple(w, "/restore/undo", "is back at what was live before the restore.", err);
	if (cli_has(w->cli, "forget")) return forget(w, err);
	if (!fill(w, body, err)) return false;
	json_object_set_new(body, "inspect", json_boolean(inspects));
	(void)snprintf(
	    question, sizeof question,
	    "Visitors of %.40s get 503 for a moment, then the database as it was then; what was written since is "
	    "set aside. Go on? [y/N] ",
	    w->app);
	if (!inspects && !is_agreed(w, question)) return err_set(err, ERR_CONFLICT, "nothing was changed");
	if (!begin(w, "/restore", body, &job, err)) return false;
	if (w->cli->is_json) return true;
	if (inspects)
		put_copy(w, job);
	else
		put_restored(w, job, "is restored.");
	return true;
}

bool db_drill(const struct db_words *w, int *ret_status, struct err *err)
{
	json_t *body JSON_CLEANUP = json_object(), *job JSON_CLEANUP = NULL;
	char size[TEXT_SHORT_SIZE], took[TEXT_SHORT_SIZE], line[512];
	int64_t place = 0;
	*ret_status = 0;
	if (cli_has(w->cli, "place")) {
		if (!cli_number(cli_value(w->cli, "place"), "place", &place, err)) return false;
		json_object_set_new(body, "place", json_integer(place));
	}
	if (!begin(w, "/drill", body, &job, err)) return false;
	const json_t *r = json_object_get(job, "result");
	text_size(size, (uint64_t)json_int(r, "bytes", 0));
	text_duration(took, json_int(r, "ms", 0));
	(void)snprintf(line, sizeof line,
		       "Proved: %s from %.200s, %s restored in %s; %" PRId64 " tables, %" PRId64
		       " rows, every page and index sound.\n",
		       json_str(r, "backup", "?"), json_str(r, "name", "?"), size, took, json_int(r, "tables", 0),
		       json_int(r, "rows", 0));
	if (!w->cli->is_json) screen_write(str_from(line));
	return true;
}
