/* SPDX-License-Identifier: Apache-2.0
 *
 * Is everything there? The rows of the dump, read once more as text, against the rows of the tables. */
#include <stdio.h>
#include <string.h>

#include "codec/json.h"
#include "owndb/copy_text.h"
#include "owndb/import.h"
#include "owndb/tool.h"

#define TARGET_MAX_BYTES (64u * 1024)

static void feed(void *arg, int stream, struct str bytes)
{
	if (stream == 1) copy_scan_feed(arg, bytes);
}

static bool scan_archive(struct import *im, struct copy_scan *scan, struct err *err)
{
	struct proc_result result;
	const char *const argv[] = {"pg_restore", "--data-only", "-L", im->compare_list, "-f", "-", im->archive, NULL};
	return tool_stream(&im->clone.db, argv, NULL, feed, scan, &result, err) &&
	       (result.exit_status == 0 ||
		err_set(err, ERR_INVALID, "the dump could not be read a second time; is it whole?"));
}

/* By the owner of the tables: what stands in a dump between COPY and FROM is not ours. */
static bool sum_table(struct pg_conn *conn, const char *target, struct copy_sum *sum, struct err *err)
{
	struct buf sql BUF_CLEANUP;
	char *bytes = NULL;
	int len;
	bool ok = true;
	buf_init(&sql, TARGET_MAX_BYTES);
	buf_printf(&sql, "COPY %s TO STDOUT", target);
	copy_sum_init(sum);
	PGresult *begun PG_RESULT_CLEANUP = PQexec(pg_conn_raw(conn), buf_cstr(&sql));
	if (PQresultStatus(begun) != PGRES_COPY_OUT)
		return err_set(err, ERR_FAILED, "%.200s: %s", target, PQresultErrorMessage(begun));
	while ((len = PQgetCopyData(pg_conn_raw(conn), &bytes, 0)) > 0) {
		copy_sum_feed(sum, (struct str){bytes, (size_t)len});
		PQfreemem(bytes);
	}
	for (PGresult *result; (result = PQgetResult(pg_conn_raw(conn))) != NULL; PQclear(result))
		if (ok && PQresultStatus(result) != PGRES_COMMAND_OK)
			ok = err_set(err, ERR_FAILED, "%s", PQresultErrorMessage(result));
	return ok;
}

static void report(struct import *im, const struct copy_table *t, const struct copy_sum *found)
{
	char name[300];
	bool is_same = t->sum.rows == found->rows && t->sum.sum == found->sum;
	if (json_object_get(im->report, "tables") == NULL) json_object_set_new(im->report, "tables", json_array());
	(void)snprintf(name, sizeof name, "%.*s", (int)strcspn(t->target, "("), t->target);
	struct str clean = str_trim(str_from(name));
	json_t *text = json_stringn(clean.ptr, clean.len);
	json_array_append_new(json_object_get(im->report, "tables"),
			      json_pack("{s:o, s:I, s:I, s:s}", "name", text != NULL ? text : json_string("?"),
					"rows_source", (json_int_t)t->sum.rows, "rows", (json_int_t)found->rows,
					"contents", is_same ? "equal" : "differ"));
}

static bool compare(struct import *im, const struct copy_scan *scan, struct err *err)
{
	struct pg_conn *conn = NULL;
	size_t differ = 0, fewer = 0;
	const char *first = "";
	bool ok = import_connect(im, OWNDB_MIGRATOR, OWNDB_DATABASE, &conn, err) &&
		  pg_conn_script(conn,
				 "set datestyle = iso; set intervalstyle = postgres; set extra_float_digits = 3;"
				 "set bytea_output = hex; set row_security = off; set search_path = ''",
				 NULL, err);
	for (size_t i = 0; ok && i < scan->count; i++) {
		const struct copy_table *t = &scan->tables[i];
		struct copy_sum found;
		ok = sum_table(conn, t->target, &found, err);
		if (!ok) break;
		report(im, t, &found);
		bool is_same = found.rows == t->sum.rows && found.sum == t->sum.sum;
		if (!is_same && differ++ == 0) first = t->target;
		fewer += found.rows != t->sum.rows;
	}
	pg_conn_close(conn);
	if (!ok) return false;
	if (differ > 0 && !im->accepts_errors)
		return err_set(
		    err, ERR_FAILED,
		    "%zu tables are not what the dump holds (%zu have another number of rows), %.100s first; nothing "
		    "was changed",
		    differ, fewer, first);
	import_say(im, "%zu tables compared row by row, %zu differ", scan->count, differ);
	json_object_set_new(im->report, "tables_compared", json_integer((json_int_t)scan->count));
	json_object_set_new(im->report, "tables_that_differ", json_integer((json_int_t)differ));
	return true;
}

/* Of a project as text: the app's tables, as the text has them. The host's were counted on their way. */
static void keep_app(struct copy_scan *scan)
{
	size_t kept = 0;
	for (size_t i = 0; i < scan->count; i++) {
		struct str schema, rest, target = str_from(scan->tables[i].target);
		if (!str_cut(target, '.', &schema, &rest) || !toc_is_managed(schema))
			scan->tables[kept++] = scan->tables[i];
	}
	scan->count = kept;
}

bool import_compare(struct import *im, struct err *err)
{
	struct copy_scan scan;
	if (im->compare_list == NULL && im->scan == NULL) return true;
	if (im->scan != NULL) {
		if (im->scan->has_host_schema) keep_app(im->scan);
		return compare(im, im->scan, err);
	}
	copy_scan_init(&scan, im->arena);
	bool ok = scan_archive(im, &scan, err);
	copy_scan_done(&scan);
	return ok && compare(im, &scan, err);
}

/* The schemas that a project's host keeps are made anew by the prelude, whatever comes. */
static bool list_tables(const struct owndb *db, json_t **ret_tables, struct err *err)
{
	static const char sql[] =
	    "select n.nspname, format('%I.%I', n.nspname, c.relname) from pg_class c"
	    " join pg_namespace n on n.oid = c.relnamespace where c.relkind in ('r', 'p', 'f', 'm')"
	    " and not c.relispartition and n.nspname not like 'pg\\_%' and n.nspname not like 'freehold%'"
	    " and n.nspname <> 'information_schema' and not exists (select from pg_depend d"
	    " where d.objid = c.oid and d.classid = 'pg_class'::regclass and d.deptype = 'e') order by 2";
	struct pg_conn *conn = NULL;
	PGresult *rows PG_RESULT_CLEANUP = NULL;
	bool ok = owndb_connect(db, OWNDB_SUPERUSER, &conn, err) && pg_conn_exec(conn, sql, 0, NULL, &rows, NULL, err);
	json_t *tables = json_object();
	for (int i = 0; ok && i < PQntuples(rows); i++)
		if (!toc_is_managed(str_from(PQgetvalue(rows, i, 0))))
			json_object_set_new(tables, PQgetvalue(rows, i, 1), json_true());
	pg_conn_close(conn);
	if (ok)
		*ret_tables = tables;
	else
		json_decref(tables);
	return ok;
}

bool import_gone(const struct import *im, json_t **ret_names, struct err *err)
{
	json_t *live JSON_CLEANUP = NULL, *came JSON_CLEANUP = NULL, *ignored;
	const char *name;
	if (im->has_live && (!list_tables(im->live, &live, err) || !list_tables(&im->clone.db, &came, err)))
		return false;
	json_t *names = json_array();
	json_object_foreach(live, name, ignored) if (json_object_get(came, name) == NULL &&
						     json_array_size(names) < IMPORT_GONE_MAX)
	    json_array_append_new(names, json_string(name));
	*ret_names = names;
	return true;
}
