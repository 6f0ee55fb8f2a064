/* SPDX-License-Identifier: Apache-2.0
 *
 * Rows of the tables that every project has: from the database beside into the prelude's, column by column. A column
 * that is only there is left out and named, one that is only here gets its default. Past triggers. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "owndb/common_columns.h"
#include "owndb/copy_text.h"
#include "owndb/import.h"

#define COLUMNS_MAX_BYTES 8192

/* In this order; what a table's rows refer to need not be there first. */
static const char *const tables[] = {"auth.users",
				     "auth.identities",
				     "auth.sessions",
				     "auth.refresh_tokens",
				     "auth.mfa_factors",
				     "auth.mfa_challenges",
				     "auth.mfa_amr_claims",
				     "auth.one_time_tokens",
				     "auth.sso_providers",
				     "auth.sso_domains",
				     "auth.saml_providers",
				     "auth.audit_log_entries",
				     "storage.buckets",
				     "storage.objects",
				     "cron.job",
				     "supabase_migrations.schema_migrations",
				     NULL};

struct carry {
	struct import *im;
	struct pg_conn *from, *to;
	const char *table;
	struct buf columns; /* quoted, with commas: those of both */
	struct copy_sum sent, found;
};

/* Those of the source that are here too; is_there: the source has the table. */
static bool find_columns(struct carry *c, bool *ret_is_there, struct err *err)
{
	if (!common_columns(c->from, c->to, c->table, &c->columns, err)) return false;
	*ret_is_there = c->columns.len > 0;
	return true;
}

static bool begin_copy(struct pg_conn *conn, const char *sql, ExecStatusType wanted, struct err *err)
{
	PGresult *result PG_RESULT_CLEANUP = PQexec(pg_conn_raw(conn), sql);
	return PQresultStatus(result) == wanted || err_set(err, ERR_FAILED, "%s", PQresultErrorMessage(result));
}

static bool end_copy(struct pg_conn *conn, struct err *err)
{
	bool ok = true;
	for (PGresult *result; (result = PQgetResult(pg_conn_raw(conn))) != NULL; PQclear(result))
		if (ok && PQresultStatus(result) != PGRES_COMMAND_OK)
			ok = err_set(err, ERR_FAILED, "%s", PQresultErrorMessage(result));
	return ok;
}

/* Rows of one into the other, summed on the way. */
static bool move_rows(struct carry *c, struct err *err)
{
	char *bytes = NULL;
	int len;
	bool ok = true;
	while (ok && (len = PQgetCopyData(pg_conn_raw(c->from), &bytes, 0)) > 0) {
		copy_sum_feed(&c->sent, (struct str){bytes, (size_t)len});
		ok = PQputCopyData(pg_conn_raw(c->to), bytes, len) == 1 ||
		     err_set(err, ERR_FAILED, "%s", PQerrorMessage(pg_conn_raw(c->to)));
		PQfreemem(bytes);
	}
	if (PQputCopyEnd(pg_conn_raw(c->to), ok ? NULL : "stopped") != 1 && ok)
		ok = err_set(err, ERR_FAILED, "%s", PQerrorMessage(pg_conn_raw(c->to)));
	struct err ignored;
	bool is_read = end_copy(c->from, ok ? err : &ignored);
	bool is_written = end_copy(c->to, ok && is_read ? err : &ignored);
	return ok && is_read && is_written;
}

static bool sum_rows(struct pg_conn *conn, const char *sql, struct copy_sum *sum, struct err *err)
{
	char *bytes = NULL;
	int len;
	copy_sum_init(sum);
	if (!begin_copy(conn, sql, PGRES_COPY_OUT, err)) return false;
	while ((len = PQgetCopyData(pg_conn_raw(conn), &bytes, 0)) > 0) {
		copy_sum_feed(sum, (struct str){bytes, (size_t)len});
		PQfreemem(bytes);
	}
	return end_copy(conn, err);
}

static void report(struct carry *c, const char *skipped)
{
	json_t *report = c->im->report, *one;
	bool is_same = c->sent.rows == c->found.rows && c->sent.sum == c->found.sum;
	if (json_object_get(report, "tables") == NULL) json_object_set_new(report, "tables", json_array());
	one = json_pack("{s:s, s:I, s:I, s:s}", "name", c->table, "rows_source", (json_int_t)c->sent.rows, "rows",
			(json_int_t)c->found.rows, "contents", is_same ? "equal" : "differ");
	if (skipped[0] != '\0') json_object_set_new(one, "columns_left_out", json_string(skipped));
	json_array_append_new(json_object_get(report, "tables"), one);
}

/* A sequence goes on behind what came. */
static bool set_sequences(struct carry *c, struct err *err)
{
	static const char sql[] =
	    "select format('select setval(%L, (select coalesce(max(%I), 0) + 1 from %s), false)', "
	    "pg_get_serial_sequence($1, a.attname),"
	    " a.attname, to_regclass($1)) from pg_attribute a where a.attrelid = to_regclass($1) and a.attnum > 0 and"
	    " not a.attisdropped and pg_get_serial_sequence($1, a.attname) is not null";
	PGresult *rows PG_RESULT_CLEANUP = NULL;
	bool ok = pg_conn_exec(c->to, sql, 1, &c->table, &rows, NULL, err);
	for (int i = 0; ok && i < PQntuples(rows); i++)
		ok = pg_conn_exec(c->to, PQgetvalue(rows, i, 0), 0, NULL, NULL, NULL, err);
	return ok;
}

static bool left_columns(struct carry *c, char ret_text[COLUMNS_MAX_BYTES], struct err *err)
{
	static const char sql[] = "select coalesce(string_agg(attname, ', ' order by attnum), '') from pg_attribute "
				  "where attrelid = to_regclass($1) and"
				  " attnum > 0 and not attisdropped and attgenerated = '' and not quote_ident(attname) "
				  "= any (string_to_array($2, ', '))";
	const char *params[] = {c->table, buf_cstr(&c->columns)};
	return pg_conn_text(c->from, sql, 2, params, ret_text, COLUMNS_MAX_BYTES, err);
}

static bool carry_table(struct carry *c, struct err *err)
{
	char out[COLUMNS_MAX_BYTES + 200], in[COLUMNS_MAX_BYTES + 200], skipped[COLUMNS_MAX_BYTES], sql[200];
	bool is_there = false;
	if (!find_columns(c, &is_there, err) || !is_there) return is_there || err->code == ERR_NONE;
	if (c->columns.len > COLUMNS_MAX_BYTES) return err_set(err, ERR_LIMIT, "%s has too many columns", c->table);
	(void)snprintf(out, sizeof out, "copy (select %s from only %s) to stdout", buf_cstr(&c->columns), c->table);
	(void)snprintf(in, sizeof in, "copy %s (%s) from stdin", c->table, buf_cstr(&c->columns));
	(void)snprintf(sql, sizeof sql, "delete from %s", c->table);
	copy_sum_init(&c->sent);
	import_say(c->im, "rows of %s", c->table);
	if (!left_columns(c, skipped, err) || !pg_conn_exec(c->to, sql, 0, NULL, NULL, NULL, err) ||
	    !begin_copy(c->from, out, PGRES_COPY_OUT, err) || !begin_copy(c->to, in, PGRES_COPY_IN, err) ||
	    !move_rows(c, err) || !sum_rows(c->to, out, &c->found, err) || !set_sequences(c, err))
		return err_wrap(err, "take over %s", c->table);
	report(c, skipped);
	return c->sent.rows == c->found.rows ||
	       err_set(err, ERR_INTERNAL, "%s: %llu rows went in and %llu are there", c->table,
		       (unsigned long long)c->sent.rows, (unsigned long long)c->found.rows);
}

bool import_managed_has(const char *table)
{
	for (size_t i = 0; tables[i] != NULL; i++)
		if (strcmp(tables[i], table) == 0) return true;
	return false;
}

static const char session_sql[] = "set datestyle = iso; set intervalstyle = postgres; set extra_float_digits = 3;"
				  "set bytea_output = hex; set row_security = off";

bool import_managed(struct import *im, struct err *err)
{
	struct carry *c = calloc(1, sizeof *c);
	if (c == NULL) abort();
	c->im = im;
	buf_init(&c->columns, COMMON_COLUMNS_MAX_BYTES);
	*err = (struct err){.code = ERR_NONE};
	/* Of the database beside nothing is called: it is read by who owns what lies in it. */
	bool ok = import_connect(im, OWNDB_MIGRATOR, IMPORT_ASIDE_DATABASE, &c->from, err) &&
		  import_connect(im, OWNDB_SUPERUSER, OWNDB_DATABASE, &c->to, err) &&
		  pg_conn_script(c->from, session_sql, NULL, err) && pg_conn_script(c->to, session_sql, NULL, err) &&
		  pg_conn_exec(c->to, "set session_replication_role = replica", 0, NULL, NULL, NULL, err);
	for (size_t i = 0; ok && tables[i] != NULL; i++) {
		c->table = tables[i];
		ok = carry_table(c, err);
	}
	pg_conn_close(c->from);
	pg_conn_close(c->to);
	buf_done(&c->columns);
	free(c);
	return ok;
}
