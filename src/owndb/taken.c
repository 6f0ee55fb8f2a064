/* SPDX-License-Identifier: Apache-2.0 */
#include "owndb/taken.h"

#include <stdio.h>

#include "codec/json.h"

#define SQL_BYTES 1024
#define NAME_BYTES 64 /* PostgreSQL's NAMEDATALEN */

/* query_to_xml is how one statement asks each table by its own name. */
static const char look_sql[] =
    "select coalesce(json_object_agg(c.oid::text, json_build_object('schema', n.nspname, 'table', c.relname,"
    " 'has_rows', (xpath('/row/has/text()', query_to_xml(format('select exists (select from %I.%I) as has', n.nspname,"
    " c.relname), false, true, '')))[1]::text = 'true',"
    " 'columns', (select coalesce(json_object_agg(a.attnum::text, a.attname), '{}') from pg_attribute a"
    "  where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''))), '{}')"
    " from pg_class c join pg_namespace n on n.oid = c.relnamespace"
    " where c.relkind in ('r', 'p') and c.relpersistence = 'p' and n.nspname !~ '^pg_'"
    " and n.nspname not in ('information_schema', 'supabase_migrations')";

bool taken_look(const struct owndb *db, json_t **ret_tables, struct err *err)
{
	struct pg_conn *conn = NULL;
	PGresult *rows PG_RESULT_CLEANUP = NULL;
	bool ok =
	    owndb_connect(db, OWNDB_SUPERUSER, &conn, err) && pg_conn_exec(conn, look_sql, 0, NULL, &rows, NULL, err);
	pg_conn_close(conn);
	return ok && json_parse(str_from(PQgetvalue(rows, 0, 0)), ret_tables, err);
}

bool taken_ask(struct pg_conn *conn, const json_t *taken, enum taken_state *ret_state, struct err *err)
{
	const char *const names[] = {json_str(taken, "schema", ""), json_str(taken, "table", ""),
				     json_str(taken, "column", "")};
	char sql[SQL_BYTES], text[16] = "";
	*ret_state = TAKEN_UNKNOWN;
	if (!pg_conn_text(
		conn,
		"select coalesce((select format('select exists (select from %I.%I%s)::text', n.nspname, c.relname,"
		"  case when $3 = '' then '' else format(' where %I is not null', $3) end)"
		" from pg_class c join pg_namespace n on n.oid = c.relnamespace"
		" where n.nspname = $1 and c.relname = $2 and c.relkind in ('r', 'p') and ($3 = '' or exists ("
		"  select from pg_attribute a where a.attrelid = c.oid and a.attname = $3 and a.attnum > 0"
		"  and not a.attisdropped))), '')",
		3, names, sql, sizeof sql, err))
		return false;
	if (sql[0] == '\0') return true;
	if (!pg_conn_text(conn, sql, 0, NULL, text, sizeof text, err)) return false;
	*ret_state = text[0] == 't' ? TAKEN_HAS_VALUES : TAKEN_EMPTY;
	return true;
}

static bool add(struct pg_conn *conn, const json_t *table, const char *column, const char *what, json_t *taken,
		struct err *err)
{
	const char *schema = json_str(table, "schema", ""), *name = json_str(table, "table", "");
	bool has_column = column[0] != '\0';
	enum taken_state state;
	json_t *one = json_pack("{s:o, s:s, s:s, s:s, s:o}", "name",
				json_sprintf("%s.%s%s%s", schema, name, has_column ? "." : "", column), "schema",
				schema, "table", name, "column", column, "what",
				json_sprintf("%s %s%s%s", what, column, has_column ? " of " : "", name));
	bool ok = taken_ask(conn, one, &state, err);
	if (ok && state != TAKEN_HAS_VALUES) json_array_append(taken, one);
	json_decref(one);
	return ok;
}

static bool compare_columns(struct pg_conn *conn, const json_t *table, const json_t *now, json_t *taken,
			    struct err *err)
{
	const char *number;
	json_t *name;
	json_object_foreach(json_object_get(table, "columns"), number, name)
	{
		if (json_object_get(json_object_get(now, "columns"), number) == NULL &&
		    !add(conn, table, json_string_value(name), "drops the column", taken, err))
			return false;
	}
	return true;
}

bool taken_compare(const struct owndb *db, const json_t *before, const json_t *after, json_t **ret_taken,
		   struct err *err)
{
	struct pg_conn *conn = NULL;
	json_t *taken = json_array(), *table;
	const char *number;
	bool ok = owndb_connect(db, OWNDB_SUPERUSER, &conn, err);
	json_object_foreach((json_t *)(uintptr_t)before, number, table)
	{
		const json_t *now = json_object_get(after, number);
		if (!ok) break;
		if (now == NULL)
			ok = add(conn, table, "", "drops the table", taken, err);
		else if (json_bool(table, "has_rows", false) && !json_bool(now, "has_rows", false))
			ok = add(conn, table, "", "empties the table", taken, err);
		else
			ok = compare_columns(conn, table, now, taken, err);
	}
	pg_conn_close(conn);
	if (ok)
		*ret_taken = taken;
	else
		json_decref(taken);
	return ok;
}
