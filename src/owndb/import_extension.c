/* SPDX-License-Identifier: Apache-2.0
 *
 * Extensions that a dump asks for. */
#include <stdio.h>
#include <string.h>

#include "owndb/extension.h"
#include "owndb/import.h"
#include "owndb/sqltext.h"

struct wanted {
	char name[64], schema[64];
};

static bool plain(struct str token, char ret_name[64])
{
	if (token.len > 1 && token.ptr[0] == '"') token = str_sub(token, 1, token.len - 1);
	if (token.len == 0 || token.len > 63) return false;
	for (size_t i = 0; i < token.len; i++)
		if (strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-", token.ptr[i]) == NULL)
			return false;
	(void)snprintf(ret_name, 64, "%.*s", STR_FMT(token));
	return true;
}

/* CREATE EXTENSION IF NOT EXISTS name WITH SCHEMA schema; */
static bool read_statement(struct str statement, struct wanted *ret_wanted)
{
	static const char *const front[] = {"CREATE", "EXTENSION", "IF", "NOT", "EXISTS"};
	struct wanted w = {.schema = "extensions"};
	struct str token;
	for (size_t i = 0; i < 5; i++)
		if (!sqltext_next(&statement, &token) || !str_eq_nocase(token, str_from(front[i]))) return false;
	if (!sqltext_next(&statement, &token) || !plain(token, w.name)) return false;
	while (sqltext_next(&statement, &token))
		if (str_eq_nocase(token, STR("SCHEMA")) &&
		    (!sqltext_next(&statement, &token) || !plain(token, w.schema)))
			return false;
	*ret_wanted = w;
	return true;
}

static void note(struct import *im, const struct wanted *w, const char *as, const char *why)
{
	if (json_object_get(im->report, "extensions") == NULL)
		json_object_set_new(im->report, "extensions", json_array());
	json_t *one = json_pack("{s:s, s:s}", "name", w->name, "as", as);
	if (why != NULL) json_object_set_new(one, "note", json_string(why));
	json_array_append_new(json_object_get(im->report, "extensions"), one);
}

static bool is_available(struct pg_conn *conn, const struct wanted *w, bool *ret_is, struct err *err)
{
	char count[16];
	const char *name = w->name;
	if (!pg_conn_text(conn, "select count(*)::text from pg_available_extensions where name = $1", 1, &name, count,
			  sizeof count, err))
		return false;
	*ret_is = strcmp(count, "0") != 0;
	return true;
}

/* What only the host has in its schema lies in extensions here. */
static bool create(struct pg_conn *conn, const struct wanted *w, struct err *err)
{
	char sql[400];
	bool is_public = !toc_is_managed(str_from(w->schema)) && strcmp(w->schema, "pg_catalog") != 0;
	const char *const params[] = {w->name, is_public ? w->schema : "extensions"};
	if (!pg_conn_text(
		conn,
		"select format('create schema if not exists %2$I; create extension if not exists %1$I with schema %2$I"
		" cascade', $1::text, $2::text)",
		2, params, sql, sizeof sql, err))
		return false;
	/* Its owner is the superuser, so that the app may not change what its functions do. */
	return pg_conn_script(conn, sql, NULL, err);
}

static bool map(struct import *im, struct pg_conn *conn, const struct wanted *w, struct err *err)
{
	const struct extension *known = extension_find(str_from(w->name));
	bool is_there = false;
	if (known != NULL && known->way == EXTENSION_STAND_IN) {
		note(im, w, "Freehold's own", known->note);
		return true;
	}
	if (strcmp(w->name, "plpgsql") == 0) return true;
	if (!is_available(conn, w, &is_there, err)) return false;
	if (is_there) {
		note(im, w, "itself", known != NULL ? known->note : NULL);
		return create(conn, w, err) || err_wrap(err, "extension %s", w->name);
	}
	note(im, w, "missing", NULL);
	if (im->accepts_errors) return true;
	return err_set(
	    err, ERR_UNAVAILABLE,
	    "the dump wants the extension %s, which PostgreSQL %d does not have here; %s, or leave it out and what "
	    "depends on it with --accept-errors",
	    w->name, im->major,
	    im->major < 17 && strcmp(w->name, "vector") == 0 ? "import with --postgres 17, which brings it"
							     : "install its package and begin again");
}

bool import_extension(struct import *im, struct str statement, struct err *err)
{
	struct wanted w;
	struct pg_conn *conn = NULL;
	if (!read_statement(statement, &w))
		return err_set(err, ERR_INVALID, "the dump wants an extension in a way that is not understood: %.*s",
			       STR_FMT(str_sub(statement, 0, 200)));
	bool ok = import_connect(im, OWNDB_SUPERUSER, OWNDB_DATABASE, &conn, err) && map(im, conn, &w, err);
	pg_conn_close(conn);
	return ok;
}
