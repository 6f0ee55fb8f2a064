/* SPDX-License-Identifier: Apache-2.0
 *
 * What is done while writing stands still at the source: all of it in as few questions as can be. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codec/json.h"
#include "owndb/common_columns.h"
#include "owndb/stream.h"
#include "owndb/twin.h"

#define SQL_MAX_BYTES (64u << 20)

static const char session_sql[] = "set datestyle = iso; set intervalstyle = postgres; set extra_float_digits = 3;"
				  "set bytea_output = hex; set row_security = off; set search_path = pg_catalog";

static bool is_in(const json_t *names, const char *name)
{
	for (size_t i = 0; i < json_array_size(names); i++)
		if (strcmp(json_string_value(json_array_get(names, i)), name) == 0) return true;
	return false;
}

static bool is_host(const char *name)
{
	struct str schema, rest;
	return str_cut(str_from(name), '.', &schema, &rest) && toc_is_managed(schema);
}

static bool find_one(struct twin_tables *t, struct pg_conn *source, struct pg_conn *ours, const char *name,
		     struct err *err)
{
	struct buf columns BUF_CLEANUP;
	struct twin_table *one = &t->list[t->count];
	buf_init(&columns, COMMON_COLUMNS_MAX_BYTES);
	if (!common_columns(source, ours, name, &columns, err)) return false;
	if (columns.len == 0) return true;
	one->name = arena_strdup(t->arena, name);
	one->columns = arena_strdup(t->arena, buf_cstr(&columns));
	one->is_host = is_host(name);
	if (one->name == NULL || one->columns == NULL) return err_set(err, ERR_LIMIT, "the source has too many tables");
	t->count++;
	return true;
}

/* What is called only here is not there to be compared: columns of both, in the source's order. */
bool twin_tables_find(struct import *im, struct pg_conn *source, const json_t *plan, struct twin_tables *ret_tables,
		      struct err *err)
{
	const json_t *tables = json_object_get(plan, "tables"), *whole = json_object_get(plan, "whole");
	const json_t *loose = json_object_get(plan, "loose");
	size_t room = json_array_size(tables) + json_array_size(whole);
	struct twin_tables t = {.arena = im->arena};
	struct pg_conn *ours = NULL;
	t.list = arena_alloc(im->arena, (room + 1) * sizeof *t.list);
	if (t.list == NULL) return err_set(err, ERR_LIMIT, "the source has too many tables");
	memset(t.list, 0, (room + 1) * sizeof *t.list);
	bool ok = import_connect(im, OWNDB_SUPERUSER, OWNDB_DATABASE, &ours, err);
	for (size_t i = 0; ok && i < room; i++) {
		bool is_whole = i >= json_array_size(tables);
		const json_t *entry =
		    is_whole ? json_array_get(whole, i - json_array_size(tables)) : json_array_get(tables, i);
		const char *name = is_whole ? json_str(entry, "name", "") : json_string_value(entry);
		t.list[t.count].is_whole = is_whole;
		t.list[t.count].is_compared = !is_in(loose, name);
		ok = find_one(&t, source, ours, name, err);
	}
	pg_conn_close(ours);
	if (ok) *ret_tables = t;
	return ok;
}

/* The app's own by their owner: a trigger of theirs may fire always. */
static bool take_one(struct import *im, struct pg_conn *source, const struct twin_table *t, struct err *err)
{
	static const struct stream_words words = {"read it at the source", "write it here"};
	struct pg_conn *ours = NULL;
	size_t room = strlen(t->columns) + strlen(t->name) + 100;
	char *out = malloc(room), *in = malloc(room), *empty = malloc(room);
	if (out == NULL || in == NULL || empty == NULL) abort();
	(void)snprintf(out, room, "copy (select %s from only %s) to stdout", t->columns, t->name);
	(void)snprintf(in, room, "copy %s (%s) from stdin", t->name, t->columns);
	(void)snprintf(empty, room, "delete from only %s", t->name);
	bool ok = import_connect(im, t->is_host ? OWNDB_SUPERUSER : OWNDB_MIGRATOR, OWNDB_DATABASE, &ours, err) &&
		  pg_conn_script(ours, session_sql, NULL, err) &&
		  pg_conn_script(ours, "set session_replication_role = replica; begin", NULL, err) &&
		  pg_conn_script(ours, empty, NULL, err) && stream_rows(source, ours, out, in, &words, err) &&
		  pg_conn_script(ours, "commit", NULL, err);
	pg_conn_close(ours);
	free(out), free(in), free(empty);
	return ok || err_wrap(err, "%s", t->name);
}

/* Where each goes on, of all in one answer. */
static bool take_sequences(struct import *im, struct pg_conn *source, struct err *err)
{
	static const char list_sql[] =
	    "select format('select %L as name, last_value as at, is_called as called from %I.%I', format('%I.%I', "
	    "n.nspname, c.relname), n.nspname, c.relname) from pg_class c join pg_namespace n on n.oid = "
	    "c.relnamespace "
	    "where c.relkind = 'S' and n.nspname !~ '^(pg_|freehold)' and n.nspname not in ('information_schema', "
	    "'realtime', '_realtime', 'net', 'graphql', 'extensions', 'vault', 'pgsodium', 'supabase_functions') and "
	    "case c.relkind when 'S' then has_sequence_privilege(c.oid, 'select') end order by 1";
	static const char set_sql[] =
	    "select setval(to_regclass(s.name), s.at, s.called) from json_to_recordset($1::json) as s(name text, at "
	    "bigint, called boolean) where to_regclass(s.name) is not null";
	PGresult *list PG_RESULT_CLEANUP = NULL, *at PG_RESULT_CLEANUP = NULL;
	struct pg_conn *ours = NULL;
	struct buf sql BUF_CLEANUP;
	buf_init(&sql, SQL_MAX_BYTES);
	if (!pg_conn_exec(source, list_sql, 0, NULL, &list, NULL, err)) return false;
	if (PQntuples(list) == 0) return true;
	buf_puts(&sql, "select json_agg(s)::text from (");
	for (int i = 0; i < PQntuples(list); i++)
		buf_printf(&sql, "%s%s", i > 0 ? " union all " : "", PQgetvalue(list, i, 0));
	buf_puts(&sql, ") s");
	if (!pg_conn_exec(source, buf_cstr(&sql), 0, NULL, &at, NULL, err)) return false;
	const char *const params[] = {PQgetvalue(at, 0, 0)};
	bool ok = import_connect(im, OWNDB_SUPERUSER, OWNDB_DATABASE, &ours, err) &&
		  pg_conn_exec(ours, set_sql, 1, params, NULL, NULL, err);
	pg_conn_close(ours);
	return ok;
}

static bool refresh_views(struct import *im, struct err *err)
{
	static const char sql[] = "select format('refresh materialized view %I.%I', n.nspname, c.relname) from "
				  "pg_class c join pg_namespace n "
				  "on n.oid = c.relnamespace where c.relkind = 'm' and c.relispopulated order by c.oid";
	PGresult *list PG_RESULT_CLEANUP = NULL;
	struct pg_conn *ours = NULL;
	bool ok = import_connect(im, OWNDB_MIGRATOR, OWNDB_DATABASE, &ours, err) &&
		  pg_conn_script(ours, "set search_path = ''", NULL, err) &&
		  pg_conn_exec(ours, sql, 0, NULL, &list, NULL, err);
	for (int i = 0; ok && i < PQntuples(list); i++)
		ok = pg_conn_exec(ours, PQgetvalue(list, i, 0), 0, NULL, NULL, NULL, err);
	pg_conn_close(ours);
	return ok;
}

bool twin_take_whole(struct import *im, struct pg_conn *source, const struct twin_tables *tables, struct err *err)
{
	for (size_t i = 0; i < tables->count; i++) {
		if (!tables->list[i].is_whole) continue;
		import_say(im, "all of %s", tables->list[i].name);
		if (!take_one(im, source, &tables->list[i], err)) return false;
	}
	return take_sequences(im, source, err) && refresh_views(im, err);
}

/* Sums that do not depend on the order of rows, made where the rows are: what travels is one line a table. */
static void put_sums(const struct twin_tables *tables, struct buf *sql)
{
	size_t said = 0;
	for (size_t i = 0; i < tables->count; i++) {
		const struct twin_table *t = &tables->list[i];
		if (!t->is_compared) continue;
		buf_printf(sql,
			   "%sselect %zu as n, count(*), coalesce(sum(hashtextextended(row(%s)::text, 0)::numeric), 0) "
			   "from only %s",
			   said++ > 0 ? " union all " : "", i, t->columns, t->name);
	}
	buf_puts(sql, said > 0 ? " order by n" : "select where false");
}

/* Both count at the same time. */
static bool ask_both(struct pg_conn *source, struct pg_conn *ours, const char *sql, PGresult **ret_theirs,
		     PGresult **ret_ours, struct err *err)
{
	PGconn *raw = pg_conn_raw(source);
	if (PQsendQuery(raw, sql) != 1) return err_set(err, ERR_UNAVAILABLE, "the source: %s", PQerrorMessage(raw));
	bool ok = pg_conn_exec(ours, sql, 0, NULL, ret_ours, NULL, err);
	for (PGresult *r; (r = PQgetResult(raw)) != NULL;) {
		if (PQresultStatus(r) == PGRES_TUPLES_OK && *ret_theirs == NULL) {
			*ret_theirs = r;
			continue;
		}
		if (ok) ok = err_set(err, ERR_FAILED, "the source: %s", PQresultErrorMessage(r));
		PQclear(r);
	}
	return ok && (*ret_theirs != NULL || err_set(err, ERR_UNAVAILABLE, "the source: %s", PQerrorMessage(raw)));
}

static bool judge(struct import *im, const struct twin_tables *tables, const PGresult *theirs, const PGresult *ours,
		  struct err *err)
{
	const char *first = NULL;
	int differ = 0;
	json_t *list = json_array();
	json_object_set_new(im->report, "tables", list);
	for (int i = 0; i < PQntuples(ours) && i < PQntuples(theirs); i++) {
		const struct twin_table *t = &tables->list[strtoull(PQgetvalue(ours, i, 0), NULL, 10)];
		bool is_same = strcmp(PQgetvalue(theirs, i, 1), PQgetvalue(ours, i, 1)) == 0 &&
			       strcmp(PQgetvalue(theirs, i, 2), PQgetvalue(ours, i, 2)) == 0;
		if (!is_same && differ++ == 0) first = t->name;
		json_array_append_new(list, json_pack("{s:s, s:I, s:I, s:s}", "name", t->name, "rows_source",
						      (json_int_t)strtoll(PQgetvalue(theirs, i, 1), NULL, 10), "rows",
						      (json_int_t)strtoll(PQgetvalue(ours, i, 1), NULL, 10), "contents",
						      is_same ? "equal" : "differ"));
	}
	json_object_set_new(im->report, "tables_compared", json_integer(PQntuples(ours)));
	json_object_set_new(im->report, "tables_that_differ", json_integer(differ));
	import_say(im, "%d tables compared row by row, %d differ", PQntuples(ours), differ);
	return differ == 0 ||
	       err_set(err, ERR_FAILED, "%d tables are not what the source has, %.100s first", differ, first);
}

bool twin_compare(struct import *im, struct pg_conn *source, const struct twin_tables *tables, struct err *err)
{
	PGresult *theirs PG_RESULT_CLEANUP = NULL, *mine PG_RESULT_CLEANUP = NULL;
	struct pg_conn *ours = NULL;
	struct buf sql BUF_CLEANUP;
	buf_init(&sql, SQL_MAX_BYTES);
	put_sums(tables, &sql);
	if (!buf_is_ok(&sql)) return err_set(err, ERR_LIMIT, "the source has too many tables");
	bool ok = import_connect(im, OWNDB_MIGRATOR, OWNDB_DATABASE, &ours, err) &&
		  pg_conn_script(ours, session_sql, NULL, err) &&
		  pg_conn_script(source, "set row_security = off", NULL, err) &&
		  ask_both(source, ours, buf_cstr(&sql), &theirs, &mine, err);
	pg_conn_close(ours);
	return ok && judge(im, tables, theirs, mine, err);
}
