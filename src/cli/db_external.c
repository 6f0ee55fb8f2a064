/* SPDX-License-Identifier: Apache-2.0
 *
 * freehold db external: a database that is kept elsewhere, for an app that has none of its own. */
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "cli/db.h"
#include "cli/screen.h"
#include "cli/text.h"
#include "codec/json.h"
#include "codec/url.h"
#include "os/file.h"

#define URL_MAX 2200
#define OUT_MAX (64u * 1024)
#define AUTHORITY_BYTES_MAX (600u * 1024)

#define ROOT_KEYWORD "sslrootcert="

/* Takes sslrootcert=FILE out of the address, as RDS's pages write it. ret_file is empty where there is none. */
static bool take_root_file(struct str url, struct buf *ret_url, struct buf *ret_file, struct err *err)
{
	struct str rest, piece, address, file = {0};
	struct arena *arena = arena_new(2 * URL_MAX);
	bool ok = true;
	bool has_query = str_cut(url, '?', &address, &rest);
	char next = '?';
	buf_str(ret_url, has_query ? address : url);
	while (has_query && str_next(&rest, '&', &piece)) {
		if (str_has_prefix(piece, STR(ROOT_KEYWORD))) {
			ok = ok && url_decode(arena, str_sub(piece, strlen(ROOT_KEYWORD), piece.len), &file, err);
		} else {
			buf_putc(ret_url, next);
			buf_str(ret_url, piece);
			next = '&';
		}
	}
	buf_str(ret_file, file);
	arena_free(arena);
	return ok;
}

/* "system" is libpq's word, "public" ours, for the authorities that the machine trusts. */
static bool put_authority(const char *file, json_t *body, struct err *err)
{
	struct buf pem BUF_CLEANUP;
	buf_init(&pem, AUTHORITY_BYTES_MAX);
	if (strcmp(file, "system") != 0 && strcmp(file, "public") != 0) {
		if (!file_read(file, &pem, err)) return err_wrap(err, "the file of the database's authority");
		if (pem.len == 0) return err_set(err, ERR_INVALID, "%.200s is empty", file);
	}
	json_t *text = json_stringn(buf_cstr(&pem), pem.len);
	if (text == NULL) return err_set(err, ERR_INVALID, "%.200s is no text: it must be PEM (.pem, .crt)", file);
	json_object_set_new(body, "authority", text);
	return true;
}

static bool put_address(struct str url, json_t *body, struct err *err)
{
	struct buf address BUF_CLEANUP, file BUF_CLEANUP;
	buf_init(&address, URL_MAX);
	buf_init(&file, URL_MAX);
	if (!take_root_file(url, &address, &file, err)) return false;
	json_object_set_new(body, "url", json_stringn(buf_cstr(&address), address.len));
	return file.len == 0 || put_authority(buf_cstr(&file), body, err);
}

bool db_external_give(const struct cli *cli, const char *app, const char *word, json_t **ret_answer, struct err *err)
{
	struct buf typed BUF_CLEANUP, path BUF_CLEANUP;
	json_t *body JSON_CLEANUP = json_object();
	buf_init(&typed, URL_MAX);
	buf_init(&path, DAEMON_PATH_SIZE);
	bool is_typed = word != NULL && strcmp(word, "-") == 0;
	if (is_typed && !cli_read_value(STR("the database's address (postgresql://...)"), &typed, err)) return false;
	struct str url = is_typed ? str_trim(buf_view(&typed)) : word != NULL ? str_from(word) : STR("");
	return (word == NULL || put_address(url, body, err)) &&
	       (!cli_has(cli, "database-ca") || put_authority(cli_value(cli, "database-ca"), body, err)) &&
	       cli_app_path(&path, app, "/db/external", err) &&
	       cli_ask(cli, "PUT", buf_cstr(&path), body, ret_answer, err);
}

/* "by TLS, its certificate is proved by an authority of yours" */
static const char *tls_words(const json_t *there)
{
	const char *proof = json_str(there, "proof", "");
	if (!json_bool(there, "tls", false)) return "WITHOUT TLS";
	if (strcmp(proof, "channel_binding") == 0) return "by TLS, proved by channel binding";
	if (strcmp(proof, "certificate") != 0) return "by TLS, who answers is NOT PROVED";
	return json_bool(there, "authority", false) ? "by TLS, proved by its certificate and your authority"
						    : "by TLS, proved by its certificate";
}

void db_external_put(const json_t *there, struct buf *out)
{
	const json_t *one;
	size_t i;
	buf_puts(out, "  database elsewhere: ");
	text_clean(out, str_from(json_str(there, "at", "?")), TEXT_LINE);
	buf_printf(out, ", PostgreSQL %s, %s\n", json_str(there, "version", "?"), tls_words(there));
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
	bool gives = w->count > 0 || cli_has(w->cli, "database-ca");
	bool ok = gives ? db_external_give(w->cli, w->app, w->count > 0 ? w->words[0] : NULL, &answer, err)
			: db_ask(w, NULL, "/external", NULL, &answer, err);
	if (!ok) return false;
	if (w->cli->is_json) {
		cli_put_json(w->cli, answer);
		return true;
	}
	buf_printf(&out, "%s\n", w->app);
	db_external_put(answer, &out);
	if (gives) buf_printf(&out, "Its next deployment prepares it: freehold deploy PATH --app %s\n", w->app);
	screen_write(buf_view(&out));
	return true;
}
