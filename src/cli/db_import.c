/* SPDX-License-Identifier: Apache-2.0
 *
 * freehold db import: another database in the place of the app's own. */
#include <stdio.h>
#include <string.h>

#include "cli/db.h"
#include "cli/db_import.h"
#include "cli/follow.h"
#include "cli/screen.h"
#include "cli/table.h"
#include "cli/text.h"
#include "codec/json.h"

#define URL_MAX 2048
#define TABLES_SHOWN 30
#define OUT_MAX (4u << 20)

static const struct {
	const char *option, *member;
} flags[] = {{"make-roles", "make_roles"}, {"accept-errors", "accept_errors"},
	     {"replace", "replace"},       {"rewrite-urls", "rewrite_urls"},
	     {"check", "check"},           {"resume", "resume"},
	     {"files", "files"},           {"drop-missing", "drop_missing"}};
#define FLAG_COUNT (sizeof flags / sizeof *flags)

static bool is_address(const char *word)
{
	return strncmp(word, "postgres://", 11) == 0 || strncmp(word, "postgresql://", 13) == 0;
}

static bool read_major(const struct cli *cli, int64_t *ret_major, struct err *err)
{
	const char *text = cli_value(cli, "postgres");
	*ret_major = 0;
	return text == NULL || cli_number(text, "PostgreSQL", ret_major, err);
}

/* A move asks for the address to be kept. */
static bool post_options(const struct db_words *w, const char *url, bool is_move, json_t **ret_answer, struct err *err)
{
	json_t *body JSON_CLEANUP = json_object();
	int64_t major, limit_mb = 0;
	if (is_move) json_object_set_new(body, "move", json_true());
	if (cli_has(w->cli, "no-follow")) json_object_set_new(body, "follow", json_false());
	if (cli_value(w->cli, "slot-limit") != NULL) {
		if (!cli_number(cli_value(w->cli, "slot-limit"), "megabytes", &limit_mb, err)) return false;
		json_object_set_new(body, "slot_limit_mb", json_integer(limit_mb));
	}
	if (!read_major(w->cli, &major, err)) return false;
	for (size_t i = 0; i < FLAG_COUNT; i++)
		if (cli_has(w->cli, flags[i].option)) json_object_set_new(body, flags[i].member, json_true());
	if (major != 0) json_object_set_new(body, "postgres", json_integer(major));
	if (url != NULL) json_object_set_new(body, "url", json_string(url));
	if (is_move && url == NULL) return db_ask(w, "POST", "/move/finish", body, ret_answer, err);
	if (w->count == 0 && !cli_has(w->cli, "resume")) json_object_set_new(body, "files_only", json_true());
	return db_ask(w, "POST", "/import", body, ret_answer, err);
}

static bool send_file(const struct db_words *w, const char *file, json_t **ret_answer, struct err *err)
{
	struct buf path BUF_CLEANUP;
	int64_t major;
	buf_init(&path, DAEMON_PATH_SIZE);
	if (!read_major(w->cli, &major, err) || !cli_app_path(&path, w->app, "/db/import?source=", err)) return false;
	daemon_escape(&path, file);
	for (size_t i = 0; i < FLAG_COUNT; i++)
		if (cli_has(w->cli, flags[i].option)) buf_printf(&path, "&%s=1", flags[i].member);
	if (major != 0) buf_printf(&path, "&postgres=%lld", (long long)major);
	return follow_send(w->cli, buf_cstr(&path), file, ret_answer, err);
}

/* The password is in an address: typed unseen, it is in no history of a shell. */
static bool ask_address(struct buf *ret_url, struct err *err)
{
	struct buf typed BUF_CLEANUP;
	buf_init(&typed, URL_MAX);
	if (!cli_read_value(STR("the address of the source (postgresql://...)"), &typed, err)) return false;
	buf_str(ret_url, str_trim(buf_view(&typed)));
	return is_address(buf_cstr(ret_url)) || err_set(err, ERR_INVALID, "an address begins with postgresql://");
}

static bool begin(const struct db_words *w, bool is_move, json_t **ret_answer, struct err *err)
{
	struct buf url BUF_CLEANUP;
	buf_init(&url, URL_MAX);
	if (!db_import_tell_files(w, err)) return false;
	if (cli_has(w->cli, "resume") || w->count == 0) return post_options(w, NULL, is_move, ret_answer, err);
	if (strcmp(w->words[0], "-") == 0)
		return ask_address(&url, err) && post_options(w, buf_cstr(&url), is_move, ret_answer, err);
	if (is_address(w->words[0])) return post_options(w, w->words[0], is_move, ret_answer, err);
	if (is_move)
		return err_set(err, ERR_INVALID,
			       "a move needs the address of the running source (postgresql://...), or - to type it "
			       "unseen; a dump comes in with: freehold db %s import %s",
			       w->app, w->words[0]);
	return send_file(w, w->words[0], ret_answer, err);
}

static void put_clean(struct buf *out, const char *text)
{
	text_clean(out, str_from(text), TEXT_LINE);
}

static void put_tables(struct cli *cli, const json_t *list, struct buf *out)
{
	static const char *const columns[] = {"TABLE", "ROWS", "CAME", "CONTENTS", NULL};
	struct table t TABLE_CLEANUP;
	char number[32];
	table_init(&t, columns);
	t.right_aligned = 6;
	for (size_t i = 0; i < json_array_size(list) && i < TABLES_SHOWN; i++) {
		const json_t *one = json_array_get(list, i);
		bool is_same = strcmp(json_str(one, "contents", ""), "equal") == 0;
		table_cell(&t, TONE_STRONG, json_str(one, "name", ""));
		(void)snprintf(number, sizeof number, "%lld", (long long)json_int(one, "rows", 0));
		table_cell(&t, TONE_PLAIN, number);
		(void)snprintf(number, sizeof number, "%lld", (long long)json_int(one, "rows_source", 0));
		table_cell(&t, TONE_PLAIN, number);
		table_cell(&t, is_same ? TONE_PLAIN : TONE_BAD, is_same ? "equal" : "DIFFERENT");
	}
	if (json_array_size(list) > 0) table_render(&t, &cli->look, 0, out);
	if (json_array_size(list) > TABLES_SHOWN)
		buf_printf(out, "and %zu more (--json shows all)\n", json_array_size(list) - TABLES_SHOWN);
}

/* One line each, under a heading. */
static void put_list(struct buf *out, const char *heading, const json_t *list, const char *first, const char *second)
{
	if (json_array_size(list) == 0) return;
	buf_printf(out, "\n%s\n", heading);
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *one = json_array_get(list, i);
		buf_puts(out, "  ");
		put_clean(out, json_is_string(one) ? json_string_value(one) : json_str(one, first, ""));
		const char *more = json_is_string(one) || second == NULL ? "" : json_str(one, second, "");
		if (more[0] != '\0') buf_puts(out, ": "), put_clean(out, more);
		buf_putc(out, '\n');
	}
}

static void put_report(const struct db_words *w, const json_t *end, struct buf *out)
{
	const json_t *r = json_object_get(end, "report");
	buf_putc(out, '\n');
	put_tables(w->cli, json_object_get(r, "tables"), out);
	bool is_trial = strcmp(json_str(end, "state", ""), "checked") == 0;
	put_list(
	    out,
	    is_trial
		? "Tables that are here now and not in what would come: they would be gone for the app, which may need "
		  "them (the database as it is now would be set aside)"
		: "Tables that were here and are not in what came: they are in the database that was set aside",
	    json_object_get(r, "gone"), "", NULL);
	put_list(out, "Extensions", json_object_get(r, "extensions"), "name", "as");
	put_list(out, "Owners that are not here; what they owned belongs to postgres",
		 json_object_get(r, "owners_mapped"), "", NULL);
	put_list(out, "Roles that were made, without a right to log in", json_object_get(r, "made_roles"), "", NULL);
	put_list(out, "Left out", json_object_get(r, "left_out"), "what", "why");
	put_list(out, "Errors that do no harm", json_object_get(r, "harmless"), "error", "why");
	put_list(out, "Errors", json_object_get(r, "errors"), "error", "about");
	db_import_put_files(json_object_get(r, "files"), out);
	put_list(out, "Secrets in the vault, encrypted anew", json_object_get(r, "secrets"), "", NULL);
	put_list(out,
		 "Secrets of the vault that could not come, since their key is in no dump: import from the running "
		 "project, or set them anew (vault.create_secret)",
		 json_object_get(r, "secrets_left"), "", NULL);
	put_list(out, "The old project's address stands in", json_object_get(r, "old_urls"), "where", "sample");
}

/* Where an import or a move that failed goes on. */
static bool say_failed(const struct db_words *w, const json_t *end, struct err *err)
{
	const json_t *error = json_object_get(end, "error"), *options = json_object_get(end, "options");
	const char *message = json_str(error, "message", "it was cut off");
	enum err_code code = err_code_from_word(json_str(error, "code", ""));
	if (error == NULL) code = ERR_UNAVAILABLE;
	if (json_bool(options, "move", false))
		return err_set(err, code, "%s\nNothing was changed here. Again: freehold move %s %s", message, w->app,
			       json_bool(options, "hold", false) ? "--finish" : "with the address of the source");
	if (json_bool(options, "files_only", false))
		return err_set(err, code,
			       "%s\nWhat came is in its place, and the database is as it was: freehold db %s import "
			       "--resume goes on",
			       message, w->app);
	if (strcmp(json_str(end, "state", ""), "interrupted") == 0)
		return err_set(
		    err, ERR_UNAVAILABLE,
		    "the import was cut off, nothing was changed; go on with: freehold db %s import --resume", w->app);
	return err_set(err, code,
		       "%s\nNothing was changed here. What was received is kept: freehold db %s import --resume tries "
		       "again, also with other options",
		       message, w->app);
}

/* The app may have been made for this, under a name that was mistyped. */
static void say_left_over(const struct db_words *w, struct err *err)
{
	struct buf path BUF_CLEANUP;
	json_t *app JSON_CLEANUP = NULL;
	struct err said = *err, ignored;
	buf_init(&path, DAEMON_PATH_SIZE);
	if (!cli_app_path(&path, w->app, "", &ignored) || !cli_ask(w->cli, NULL, buf_cstr(&path), NULL, &app, &ignored))
		return;
	if (view_app_is_empty(app))
		(void)err_set(err, said.code,
			      "%s\nThere is an app of this name now, with nothing in it: freehold destroy "
			      "%s takes it away again",
			      said.msg, w->app);
}

static void put_next(const struct db_words *w, const json_t *end, struct buf *out)
{
	const json_t *r = json_object_get(end, "report");
	bool has_old = false;
	if (json_bool(json_object_get(end, "options"), "files_only", false)) return;
	for (size_t i = 0; i < json_array_size(json_object_get(r, "old_urls")); i++)
		has_old |= !json_bool(json_array_get(json_object_get(r, "old_urls"), i), "rewritten", false);
	if (strcmp(json_str(end, "state", ""), "checked") == 0) {
		buf_printf(out, "\nIt would work. Nothing was changed; to do it: freehold db %s import --resume\n",
			   w->app);
		return;
	}
	buf_printf(out, "\nThe database of %s is what came.", w->app);
	if (json_bool(r, "former_elsewhere", false))
		buf_printf(out, " The one elsewhere is as it was; back to it: freehold db %s import --undo", w->app);
	else if (json_bool(r, "former", true))
		buf_printf(out, " The former one is set aside; back to it: freehold db %s import --undo", w->app);
	buf_putc(out, '\n');
	if (!json_bool(r, "deployed", true))
		buf_printf(out, "Nothing of %s is live yet: freehold deploy FOLDER --app %s puts it live.\n", w->app,
			   w->app);
	if (json_int(r, "users", 0) > 0)
		buf_printf(out, "%lld user%s can sign in with the passwords that they have.\n",
			   (long long)json_int(r, "users", 0), json_int(r, "users", 0) == 1 ? "" : "s");
	if (json_int(r, "objects", 0) > 0 && json_object_get(r, "files") == NULL)
		buf_printf(out,
			   "%lld files are known to the storage; a dump holds their names, not their bytes. To bring "
			   "them: freehold db %s import --files https://OLD-PROJECT.supabase.co\n",
			   (long long)json_int(r, "objects", 0), w->app);
	if (has_old && !cli_has(w->cli, "rewrite-urls"))
		buf_puts(
		    out,
		    "Rows that name the old project's address: import again with --rewrite-urls, or change them.\n");
}

static bool say_end(const struct db_words *w, const json_t *end, int *ret_status, struct err *err)
{
	struct buf out BUF_CLEANUP;
	const char *state = json_str(end, "state", "");
	bool is_ok = strcmp(state, "done") == 0 || strcmp(state, "checked") == 0;
	buf_init(&out, OUT_MAX);
	if (w->cli->is_json) {
		*ret_status = is_ok ? 0 : 1;
		return true;
	}
	put_report(w, end, &out);
	bool is_move = json_bool(json_object_get(end, "options"), "move", false);
	if (is_ok && is_move && strcmp(state, "done") == 0)
		db_move_put_next(w, end, &out);
	else if (is_ok)
		put_next(w, end, &out);
	screen_write(buf_view(&out));
	if (is_ok || say_failed(w, end, err)) return true;
	say_left_over(w, err);
	return false;
}

static bool undo(const struct db_words *w, struct err *err)
{
	json_t *answer JSON_CLEANUP = NULL;
	json_t *body JSON_CLEANUP = json_object();
	struct buf out BUF_CLEANUP;
	buf_init(&out, 1024);
	if (!db_ask(w, "POST", "/import/undo", body, &answer, err)) return false;
	buf_printf(&out,
		   "The former database of %s is back, and the one that was imported is set aside; the same command "
		   "changes them again.\n",
		   w->app);
	if (w->cli->is_json)
		cli_put_json(w->cli, answer);
	else
		screen_write(buf_view(&out));
	return true;
}

static bool do_it(const struct db_words *w, bool is_move, int *ret_status, struct err *err)
{
	json_t *answer JSON_CLEANUP = NULL, *end JSON_CLEANUP = NULL;
	struct buf events BUF_CLEANUP, state BUF_CLEANUP;
	char what[80];
	buf_init(&events, 512), buf_init(&state, 512);
	if (!begin(w, is_move, &answer, err)) return false;
	if (answer == NULL) {
		*ret_status = EXIT_INTERRUPTED;
		return true;
	}
	(void)snprintf(what, sizeof what, "the %s of %.40s", is_move ? "move" : "import", w->app);
	buf_printf(&events, "/v1/apps/%s/db/import/events?follow=1", w->app);
	buf_printf(&state, "/v1/apps/%s/db/import", w->app);
	const struct follow follow = {buf_cstr(&events), buf_cstr(&state), what};
	if (!follow_events(w->cli, &follow, &end, err)) return false;
	if (end != NULL) return say_end(w, end, ret_status, err);
	(void)fprintf(stderr, "\nThe %s goes on without this terminal.\n", is_move ? "move" : "import");
	*ret_status = EXIT_INTERRUPTED;
	return true;
}

bool db_import_move(const struct db_words *w, int *ret_status, struct err *err)
{
	return do_it(w, true, ret_status, err);
}

bool db_import(const struct db_words *w, int *ret_status, struct err *err)
{
	if (cli_has(w->cli, "undo")) return undo(w, err);
	if (w->count == 0 && !cli_has(w->cli, "resume") && !cli_has(w->cli, "files"))
		return err_set(err, ERR_INVALID,
			       "say from where: freehold db %s import FILE, FOLDER, postgresql://..., or - to type an "
			       "address unseen; or --files for the files of its storage alone",
			       w->app);
	if (w->count > 0 && (cli_has(w->cli, "table") || db_csv_is(w->words[0]))) return db_csv(w, ret_status, err);
	return do_it(w, false, ret_status, err);
}
