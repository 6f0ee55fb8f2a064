/* SPDX-License-Identifier: Apache-2.0
 *
 * Addresses of the old project that stand in rows, in jobs and in functions. */
#include <stdio.h>
#include <string.h>

#include "codec/json.h"
#include "owndb/import.h"

/* A project's address at its host; a reference is twenty letters. In PostgreSQL's regular expressions. */
#define OLD_URL "https?://[a-z0-9]{20}\\.(supabase\\.(co|in|red)|functions\\.supabase\\.co)"
#define PLACES_MAX 500

/* Columns of the app's tables that hold text. */
static const char columns_sql[] =
    "select format('%I.%I', n.nspname, c.relname), quote_ident(a.attname), format_type(a.atttypid, a.atttypmod)"
    " from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace"
    " join pg_type t on t.oid = a.atttypid where c.relkind = 'r' and a.attnum > 0 and not a.attisdropped and "
    "a.attgenerated = ''"
    " and t.typname in ('text', 'varchar', 'json', 'jsonb', '_text', '_varchar')"
    " and (n.nspname not in ('pg_catalog', 'information_schema', 'auth', 'storage', 'extensions', 'vault', 'net', "
    "'realtime',"
    " 'supabase_migrations', 'freehold', 'freehold_auth', 'pgmq') and n.nspname not like 'pg\\_%'"
    " and n.nspname not like 'freehold%' and (n.nspname <> 'cron' or (c.relname = 'job' and a.attname = 'command')))"
    " order by 1, 2";

static const char functions_sql[] =
    "select format('function %s', p.oid::regprocedure), (regexp_match(p.prosrc, $1))[1] from pg_proc p join "
    "pg_namespace n"
    " on n.oid = p.pronamespace where n.nspname not in ('pg_catalog', 'information_schema', 'extensions', 'freehold', "
    "'auth',"
    " 'storage', 'realtime', 'cron', 'net', 'vault', 'pgmq', 'freehold_auth') and p.prosrc ~ $1";

static void note(struct import *im, const char *where, const char *count, const char *sample, bool is_replaced)
{
	json_t *list = json_object_get(im->report, "old_urls");
	if (json_array_size(list) >= PLACES_MAX) return;
	json_array_append_new(list, json_pack("{s:s, s:I, s:s, s:b}", "where", where, "rows",
					      (json_int_t)strtoll(count, NULL, 10), "sample", sample, "rewritten",
					      is_replaced));
}

/* All names come quoted from the catalogue; the address and its pattern are parameters. */
static bool look_at(struct import *im, struct pg_conn *conn, const char *table, const char *column, const char *type,
		    const char *to, struct err *err)
{
	char sql[2048], where[600];
	const char *params[] = {"(" OLD_URL ")", to};
	PGresult *found PG_RESULT_CLEANUP = NULL;
	(void)snprintf(
	    sql, sizeof sql,
	    "select count(*), coalesce(min((regexp_match(%s::text, $1))[1]), '') from only %s where %s::text ~ $1",
	    column, table, column);
	if (!pg_conn_exec(conn, sql, 1, params, &found, NULL, err)) return false;
	if (strcmp(PQgetvalue(found, 0, 0), "0") == 0) return true;
	(void)snprintf(where, sizeof where, "%s.%s", table, column);
	note(im, where, PQgetvalue(found, 0, 0), PQgetvalue(found, 0, 1), to != NULL);
	if (to == NULL) return true;
	(void)snprintf(sql, sizeof sql,
		       "update only %s set %s = regexp_replace(%s::text, $1, $2, 'g')::%s where %s::text ~ $1", table,
		       column, column, type, column);
	return pg_conn_exec(conn, sql, 2, params, NULL, NULL, err) ||
	       err_wrap(err, "replace the old address in %s", where);
}

static bool look_at_functions(struct import *im, struct pg_conn *conn, struct err *err)
{
	const char *pattern = "(" OLD_URL ")";
	PGresult *rows PG_RESULT_CLEANUP = NULL;
	if (!pg_conn_exec(conn, functions_sql, 1, &pattern, &rows, NULL, err)) return false;
	for (int i = 0; i < PQntuples(rows); i++) note(im, PQgetvalue(rows, i, 0), "1", PQgetvalue(rows, i, 1), false);
	return true;
}

bool import_urls(struct import *im, const char *to, struct err *err)
{
	struct pg_conn *conn = NULL;
	PGresult *columns PG_RESULT_CLEANUP = NULL;
	json_object_set_new(im->report, "old_urls", json_array());
	bool ok = import_connect(im, OWNDB_MIGRATOR, OWNDB_DATABASE, &conn, err) &&
		  pg_conn_exec(conn, "set session_replication_role = replica", 0, NULL, NULL, NULL, err) &&
		  pg_conn_exec(conn, columns_sql, 0, NULL, &columns, NULL, err);
	for (int i = 0; ok && i < PQntuples(columns); i++)
		ok = look_at(im, conn, PQgetvalue(columns, i, 0), PQgetvalue(columns, i, 1), PQgetvalue(columns, i, 2),
			     to, err);
	ok = ok && look_at_functions(im, conn, err);
	pg_conn_close(conn);
	size_t places = json_array_size(json_object_get(im->report, "old_urls"));
	if (ok && places > 0)
		import_say(im, "the old project's address stands in %zu places%s", places,
			   to != NULL ? "; rows and jobs were rewritten" : "");
	return ok;
}
