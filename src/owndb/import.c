/* SPDX-License-Identifier: Apache-2.0
 *
 * The cluster, and a whole project's dump put into it. */
#include "owndb/import.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "codec/json.h"
#include "owndb/copy.h"
#include "owndb/import_archive.h"
#include "owndb/prelude.h"
#include "owndb/restore_error.h"
#include "owndb/tool.h"

#define CONNECT_DEADLINE_MS 10000
#define HARMLESS_SHOWN 50

void import_say(const struct import *im, const char *fmt, ...)
{
	char text[1024];
	va_list args;
	va_start(args, fmt);
	(void)vsnprintf(text, sizeof text, fmt, args);
	va_end(args);
	if (im->on_line != NULL) im->on_line(im->arg, text);
}

bool import_connect(const struct import *im, const char *role, const char *database, struct pg_conn **ret_conn,
		    struct err *err)
{
	char conninfo[1024] = "";
	if (!pg_conninfo_add(conninfo, sizeof conninfo, "host", im->clone.db.socket_dir, err) ||
	    !pg_conninfo_add(conninfo, sizeof conninfo, "port", "5432", err) ||
	    !pg_conninfo_add(conninfo, sizeof conninfo, "dbname", database, err) ||
	    !pg_conninfo_add(conninfo, sizeof conninfo, "user", role, err) ||
	    !pg_conninfo_add(conninfo, sizeof conninfo, "application_name", "freehold", err) ||
	    !pg_conninfo_add(conninfo, sizeof conninfo, "client_encoding", "UTF8", err) ||
	    !pg_conninfo_add(conninfo, sizeof conninfo, "options", "-c search_path=pg_catalog -c timezone=UTC", err) ||
	    !pg_conn_open(conninfo, CONNECT_DEADLINE_MS, ret_conn, err))
		return false;
	pg_conn_set_deadline(*ret_conn, 0);
	return true;
}

/* A file of rows alone needs the tables that are live. */
static bool wants_live_schema(const struct import *im)
{
	return im->kind == DUMP_TEXT && !im->scan->has_schema && !im->scan->has_host_schema;
}

bool import_begin(struct import *im, struct err *err)
{
	struct pg_conn *conn = NULL;
	if (wants_live_schema(im) && !im->has_live)
		return err_set(
		    err, ERR_CONFLICT,
		    "the file holds rows and no tables, and the app has no database yet to put them into; deploy the "
		    "app first");
	if (!clone_open(&im->clone, im->live, im->clones_dir, err)) return false;
	im->is_open = true;
	im->clone.db.bin_dir = im->bin_dir;
	im->clone.db.major = im->major;
	import_say(im, "a new PostgreSQL %d beside the live one", im->major);
	bool ok = wants_live_schema(im)
		      ? copy_schema(im->live, &im->clone, im->cache_dir, err)
		      : owndb_create(&im->clone.db, im->cache_dir, err) && clone_start(&im->clone, err);
	ok = ok && owndb_prelude(&im->clone.db, NULL, err);
	/* The owner of the app's things may put rows in past triggers, here and only here. */
	ok = ok && import_connect(im, OWNDB_SUPERUSER, OWNDB_DATABASE, &conn, err) &&
	     pg_conn_exec(conn, "grant set on parameter session_replication_role to " OWNDB_MIGRATOR, 0, NULL, NULL,
			  NULL, err);
	pg_conn_close(conn);
	return ok || err_wrap(err, "make a cluster to import into");
}

static void add(json_t *report, const char *key, json_t *value)
{
	if (json_object_get(report, key) == NULL) json_object_set_new(report, key, json_array());
	json_array_append_new(json_object_get(report, key), value);
}

static json_t *text_of(struct str s)
{
	json_t *text = json_stringn(s.ptr, s.len);
	return text != NULL ? text : json_string("(not readable)");
}

/* The same harmless thing once, with how often. */
static void add_harmless(json_t *report, const struct restore_error *e)
{
	json_t *list = json_object_get(report, "harmless"), *one;
	size_t i;
	json_array_foreach(list, i, one)
	{
		if (strcmp(json_str(one, "why", ""), e->harmless) != 0) continue;
		json_object_set_new(one, "count", json_integer(json_int(one, "count", 1) + 1));
		return;
	}
	if (json_array_size(list) < HARMLESS_SHOWN)
		add(report, "harmless",
		    json_pack("{s:o, s:s, s:i}", "error", text_of(e->message), "why", e->harmless, "count", 1));
}

static void add_error(json_t *report, const struct restore_error *e)
{
	json_t *one = json_pack("{s:o, s:o, s:o}", "error", text_of(e->message), "about", text_of(e->about),
				"statement", text_of(e->statement));
	if (e->line.len > 0) json_object_set_new(one, "line", text_of(e->line));
	if (e->advice != NULL) json_object_set_new(one, "advice", json_string(e->advice));
	add(report, "errors", one);
}

/* What was cut off or damaged cannot be accepted: nobody knows what is missing. */
static bool is_damage(const struct restore_error *e)
{
	static const char *const words[] = {
	    "could not read from input file", "found unexpected block", "could not find block",
	    "unexpected end of file",         "out of memory",          "No space left",
	    "could not uncompress",           "could not decompress",   "corrupt"};
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (str_find(e->message, str_from(words[i])) >= 0) return true;
	return false;
}

/* A project as text, read by a role that is no superuser: who owns what, and the host's own furniture, fail there and
 * are of no use here. What follows from a row that is missing is found when rows are counted. */
static bool is_furniture(const struct restore_error *e)
{
	static const char *const words[] = {"must be member of role", "must be able to SET ROLE",
					    "must be owner of",       "permission denied",
					    "already exists",         "must be superuser",
					    "extension \"",           "schema \"net\"",
					    "schema \"vault\"",       "schema \"pgsodium\"",
					    "schema \"graphql\"",     "schema \"cron\"",
					    "schema \"realtime\"",    "schema \"extensions\"",
					    "schema \"pgbouncer\"",   "schema \"supabase_functions\"",
					    "function graphql",       "function cron.",
					    "only the owner",         "role \"supabase",
					    "relation \"net.",        "event trigger \"",
					    "relation \"vault.",      "relation \"realtime.",
					    "Must be superuser"};
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (str_find(e->message, str_from(words[i])) >= 0) return true;
	return false;
}

bool import_judge(struct import *im, struct str said, struct err *err)
{
	struct restore_error e, first = {.message = STR("")};
	size_t real = 0;
	bool has_damage = false;
	while (restore_error_next(&said, &e)) {
		if (im->is_aside && e.harmless == NULL && is_furniture(&e)) continue;
		if (e.harmless != NULL) {
			add_harmless(im->report, &e);
			continue;
		}
		add_error(im->report, &e);
		if (real++ == 0 || (is_damage(&e) && !has_damage)) first = e;
		has_damage |= is_damage(&e);
	}
	if (real == 0 || (im->accepts_errors && !has_damage)) return true;
	return err_set(err, has_damage ? ERR_INVALID : ERR_FAILED, "%s%.*s%s%.*s%s%.*s%s%s%s",
		       first.line.len > 0 ? "the statement up to line " : "", STR_FMT(first.line),
		       first.line.len > 0 ? ": " : "", STR_FMT(str_sub(first.message, 0, 300)),
		       first.about.len > 0 ? " (" : "", STR_FMT(str_sub(first.about, 0, 120)),
		       first.about.len > 0 ? ")" : "", first.advice != NULL ? ": " : "",
		       first.advice != NULL ? first.advice : "");
}

/* Whose names are in the dump and not here. Owners need nobody: what is restored belongs to postgres. */
static bool make_role(struct import *im, const char *role, struct err *err)
{
	struct pg_conn *conn = NULL;
	char create[256];
	if (!import_connect(im, OWNDB_SUPERUSER, OWNDB_DATABASE, &conn, err)) return false;
	bool ok = pg_conn_text(conn, "select format('create role %I nologin', $1::text)", 1, &role, create,
			       sizeof create, err) &&
		  pg_conn_exec(conn, create, 0, NULL, NULL, NULL, err);
	pg_conn_close(conn);
	return ok;
}

bool import_roles(struct import *im, const json_t *missing, struct err *err)
{
	for (size_t i = 0; i < json_array_size(missing); i++) {
		const char *role = json_string_value(json_array_get(missing, i));
		if (!make_role(im, role, err)) return false;
		add(im->report, "made_roles", json_string(role));
	}
	return true;
}

bool import_fill(struct import *im, struct err *err)
{
	return im->kind == DUMP_CUSTOM ? import_archive(im, im->file, err) : import_script(im, err);
}

/* Tables whose rows nobody analyzed are planned as if they were empty. */
bool import_analyze(struct import *im, struct err *err)
{
	struct pg_conn *conn = NULL;
	import_say(im, "statistics for the planner (analyze)");
	bool ok = import_connect(im, OWNDB_SUPERUSER, OWNDB_DATABASE, &conn, err) &&
		  pg_conn_exec(conn, "analyze", 0, NULL, NULL, NULL, err) &&
		  pg_conn_exec(conn, "checkpoint", 0, NULL, NULL, NULL, err);
	pg_conn_close(conn);
	return ok;
}

bool import_settle(struct import *im, bool is_analyzed, struct err *err)
{
	struct pg_conn *conn = NULL;
	bool ok = import_connect(im, OWNDB_SUPERUSER, OWNDB_DATABASE, &conn, err) &&
		  pg_conn_exec(conn, "revoke set on parameter session_replication_role from " OWNDB_MIGRATOR, 0, NULL,
			       NULL, NULL, err) &&
		  pg_conn_exec(conn, "drop database if exists " IMPORT_ASIDE_DATABASE, 0, NULL, NULL, NULL, err);
	ok = ok && (is_analyzed || import_analyze(im, err)) &&
	     pg_conn_exec(conn, "checkpoint", 0, NULL, NULL, NULL, err);
	pg_conn_close(conn);
	return ok;
}

void import_end(struct import *im)
{
	if (im->is_open) clone_close(&im->clone);
	im->is_open = false;
}
