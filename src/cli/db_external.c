/* SPDX-License-Identifier: Apache-2.0
 *
 * freehold db external: a database that is kept elsewhere, for an app that has none of its own. */
#include <stdio.h>
#include <string.h>

#include "cli/db.h"
#include "cli/screen.h"
#include "cli/text.h"
#include "codec/json.h"

#define URL_MAX 2200
#define OUT_MAX (64u * 1024)

bool db_external_give(const struct cli *cli, const char *app, const char *word, json_t **ret_answer, struct err *err)
{
	struct buf typed BUF_CLEANUP, path BUF_CLEANUP;
	buf_init(&typed, URL_MAX);
	buf_init(&path, DAEMON_PATH_SIZE);
	bool is_typed = strcmp(word, "-") == 0;
	if (is_typed && !cli_read_value(STR("the database's address (postgresql://...)"), &typed, err)) return false;
	struct str url = is_typed ? str_trim(buf_view(&typed)) : str_from(word);
	json_t *body JSON_CLEANUP = json_pack("{s:o}", "url", json_stringn(url.ptr, url.len));
	return cli_app_path(&path, app, "/db/external", err) &&
	       cli_ask(cli, "PUT", buf_cstr(&path), body, ret_answer, err);
}

void db_external_put(const json_t *there, struct buf *out)
{
	const json_t *one;
	size_t i;
	buf_puts(out, "  database elsewhere: ");
	text_clean(out, str_from(json_str(there, "at", "?")), TEXT_LINE);
	buf_printf(out, ", PostgreSQL %s%s\n", json_str(there, "version", "?"),
		   json_bool(there, "tls", false) ? ", by TLS" : ", WITHOUT TLS");
	json_array_foreach(json_object_get(there, "missing"), i, one)
	{
		buf_puts(out, "    not promised: ");
		text_clean(out, str_from(json_string_value(one)), TEXT_LINE);
		buf_putc(out, '\n');
	}
}

bool db_external(const struct db_words *w, int *ret_status, struct err *err)
{
	json_t *answer JSON_CLEANUP = NULL;
	struct buf out BUF_CLEANUP;
	(void)ret_status;
	buf_init(&out, OUT_MAX);
	bool ok = w->count > 0 ? db_external_give(w->cli, w->app, w->words[0], &answer, err)
			       : db_ask(w, NULL, "/external", NULL, &answer, err);
	if (!ok) return false;
	if (w->cli->is_json) {
		cli_put_json(w->cli, answer);
		return true;
	}
	buf_printf(&out, "%s\n", w->app);
	db_external_put(answer, &out);
	if (w->count > 0) buf_printf(&out, "Its next deployment prepares it: freehold deploy PATH --app %s\n", w->app);
	screen_write(buf_view(&out));
	return true;
}
