/* SPDX-License-Identifier: Apache-2.0 */
#include "owndb/rows.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "codec/json.h"

#define COUNT_DEADLINE_MS (30 * 60 * 1000)

/* Names are quoted by PostgreSQL itself. */
static const char list_sql[] =
    "select n.nspname || '.' || c.relname,"
    " format('select count(*)::text, %s from only %I.%I',"
    "  coalesce((select format('max(%I)::timestamptz at time zone ''utc''', a.attname) from pg_attribute a"
    "   where a.attrelid = c.oid and not a.attisdropped and a.atttypid in ('timestamptz'::regtype, "
    "'timestamp'::regtype)"
    "   and a.attname in ('created_at', 'updated_at', 'inserted_at', 'createdAt', 'updatedAt')"
    "   order by a.attname = 'created_at' desc, a.attname = 'createdAt' desc, a.attnum limit 1), 'null'),"
    "  n.nspname, c.relname),"
    " (pg_stat_get_tuples_inserted(c.oid) + pg_stat_get_tuples_deleted(c.oid))::text"
    " from pg_class c join pg_namespace n on n.oid = c.relnamespace"
    " where c.relkind = 'r' and c.relpersistence = 'p' and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'"
    " order by 1 limit 2000";

static bool count_one(struct pg_conn *conn, const char *name, const char *sql, const char *changes, json_t *tables,
		      struct err *err)
{
	PGresult *row PG_RESULT_CLEANUP = NULL;
	if (!pg_conn_exec(conn, sql, 0, NULL, &row, NULL, err)) return err_wrap(err, "count %s", name);
	json_t *newest = PQgetisnull(row, 0, 1) ? json_null() : json_string(PQgetvalue(row, 0, 1));
	json_object_set_new(tables, name,
			    json_pack("{s:I, s:o, s:I}", "rows", (json_int_t)strtoll(PQgetvalue(row, 0, 0), NULL, 10),
				      "newest", newest, "changes", (json_int_t)strtoll(changes, NULL, 10)));
	return true;
}

bool owndb_rows(const struct owndb *db, json_t **ret_tables, struct err *err)
{
	struct pg_conn *conn = NULL;
	PGresult *list PG_RESULT_CLEANUP = NULL;
	json_t *tables = json_object();
	bool ok = owndb_connect(db, OWNDB_SUPERUSER, &conn, err);
	if (ok) pg_conn_set_deadline(conn, COUNT_DEADLINE_MS);
	ok = ok && pg_conn_exec(conn, "begin isolation level repeatable read read only", 0, NULL, NULL, NULL, err) &&
	     pg_conn_exec(conn, list_sql, 0, NULL, &list, NULL, err);
	for (int i = 0; ok && i < PQntuples(list); i++)
		ok = count_one(conn, PQgetvalue(list, i, 0), PQgetvalue(list, i, 1), PQgetvalue(list, i, 2), tables,
			       err);
	pg_conn_close(conn);
	if (ok)
		*ret_tables = tables;
	else
		json_decref(tables);
	return ok;
}

static json_t *member(const json_t *table, const char *name)
{
	json_t *value = json_object_get(table, name);
	return value != NULL ? json_incref(value) : json_null();
}

static void put_difference(json_t *list, const char *name, const json_t *copy, const json_t *live)
{
	if (json_int(copy, "rows", -1) == json_int(live, "rows", -1) &&
	    json_equal(json_object_get(copy, "newest"), json_object_get(live, "newest")))
		return;
	json_array_append_new(list, json_pack("{s:s, s:o, s:o, s:o, s:o}", "table", name, "rows", member(copy, "rows"),
					      "live_rows", member(live, "rows"), "newest", member(copy, "newest"),
					      "live_newest", member(live, "newest")));
}

json_t *rows_compare(json_t *copy, json_t *live)
{
	json_t *list = json_array();
	const char *name;
	json_t *table;
	json_object_foreach(copy, name, table) put_difference(list, name, table, json_object_get(live, name));
	json_object_foreach(live, name, table) if (json_object_get(copy, name) == NULL)
	    put_difference(list, name, NULL, table);
	return list;
}

bool rows_check(const json_t *copy, json_t *before, const json_t *after, struct err *err)
{
	const char *name;
	json_t *table;
	json_object_foreach(before, name, table)
	{
		const json_t *later = json_object_get(after, name), *found = json_object_get(copy, name);
		if (later == NULL) continue; /* dropped meanwhile */
		int64_t a = json_int(table, "rows", 0), b = json_int(later, "rows", 0),
			has = json_int(found, "rows", -1),
			moved = json_int(later, "changes", 0) - json_int(table, "changes", 0);
		if (has < 0) return err_set(err, ERR_FAILED, "the table %s is missing in the restored copy", name);
		/* PostgreSQL writes its statistics down with a delay: what both countings saw is certain. */
		int64_t spread = llabs(a - b), slack = moved > spread ? moved : spread;
		if (has < (a < b ? a : b) - (slack - spread) || has > (a > b ? a : b) + (slack - spread))
			return err_set(err, ERR_FAILED,
				       "%s has %" PRId64 " rows in the restored copy and had %" PRId64
				       " when it was made",
				       name, has, a);
	}
	return true;
}
