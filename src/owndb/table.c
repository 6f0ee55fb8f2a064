/* SPDX-License-Identifier: Apache-2.0 */
#include "owndb/table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "owndb/stream.h"
#include "owndb/tool.h"

#define BRING_DEADLINE_MS (60 * 60 * 1000)
#define COLUMNS_MAX_BYTES (256u << 10)

struct named {
	char schema[256], name[256];
	char quoted[600]; /* by PostgreSQL */
};

static bool quote(struct pg_conn *conn, struct named *t, struct err *err)
{
	const char *const params[] = {t->schema, t->name};
	return pg_conn_text(conn, "select format('%I.%I', $1::text, $2::text)", 2, params, t->quoted, sizeof t->quoted,
			    err);
}

static bool exists(struct pg_conn *conn, const struct named *t, bool *ret_exists, struct err *err)
{
	char text[8];
	const char *const params[] = {t->schema, t->name};
	if (!pg_conn_text(conn,
			  "select exists (select from pg_class c join pg_namespace n on n.oid = c.relnamespace"
			  " where n.nspname = $1 and c.relname = $2 and c.relkind in ('r', 'p'))::text",
			  2, params, text, sizeof text, err))
		return false;
	*ret_exists = text[0] == 't';
	return true;
}

/* What both have and nobody computes, in the target's order, quoted. */
static bool shared_columns(struct pg_conn *from, struct pg_conn *to, const struct named *t, struct buf *ret_columns,
			   struct err *err)
{
	static const char list[] =
	    "select coalesce(string_agg(quote_ident(attname), ',' order by attnum), '') from pg_attribute"
	    " where attrelid = $1::regclass and attnum > 0 and not attisdropped and attgenerated = ''"
	    " and ($2::text is null or attname = any (string_to_array($2, chr(1))))";
	static const char names[] = "select string_agg(attname, chr(1)) from pg_attribute"
				    " where attrelid = $1::regclass and attnum > 0 and not attisdropped";
	PGresult *have PG_RESULT_CLEANUP = NULL, *both PG_RESULT_CLEANUP = NULL;
	const char *const one[] = {t->quoted};
	if (!pg_conn_exec(from, names, 1, one, &have, NULL, err)) return false;
	const char *const two[] = {t->quoted, PQgetvalue(have, 0, 0)};
	if (!pg_conn_exec(to, list, 2, two, &both, NULL, err)) return false;
	buf_puts(ret_columns, PQgetvalue(both, 0, 0));
	return ret_columns->len > 0 ||
	       err_set(err, ERR_CONFLICT, "%s has no column in common with the copy's", t->quoted);
}

static bool bring_rows(struct pg_conn *from, struct pg_conn *to, const struct named *t, const char *where,
		       int64_t *ret_found, int64_t *ret_brought, struct err *err)
{
	struct buf columns BUF_CLEANUP, sql BUF_CLEANUP;
	PGresult *inserted PG_RESULT_CLEANUP = NULL;
	char found[32];
	buf_init(&columns, COLUMNS_MAX_BYTES);
	buf_init(&sql, COLUMNS_MAX_BYTES * 4);
	if (!shared_columns(from, to, t, &columns, err)) return false;
	const char *list = buf_cstr(&columns);
	if (!pg_conn_exec(from, "begin read only", 0, NULL, NULL, NULL, err) ||
	    !pg_conn_exec(to, "begin", 0, NULL, NULL, NULL, err))
		return false;
	buf_printf(&sql, "create temp table freehold_brought on commit drop as select %s from %s with no data", list,
		   t->quoted);
	if (!pg_conn_exec(to, buf_cstr(&sql), 0, NULL, NULL, NULL, err)) return false;
	/* The condition is the owner's own, in a read-only transaction of a read-only copy. A first look by the
	 * extended protocol, which takes one statement only. */
	buf_clear(&sql);
	buf_printf(&sql, "select count(*)::text from %s where (%s)", t->quoted, where != NULL ? where : "true");
	if (!pg_conn_text(from, buf_cstr(&sql), 0, NULL, found, sizeof found, err)) return err_wrap(err, "--where");
	*ret_found = strtoll(found, NULL, 10);
	buf_clear(&sql);
	buf_printf(&sql, "copy (select %s from %s where (%s)) to stdout (format binary)", list, t->quoted,
		   where != NULL ? where : "true");
	if (!stream_rows(from, to, buf_cstr(&sql), "copy freehold_brought from stdin (format binary)",
			 &(struct stream_words){"read the copy", "write to the live database"}, err))
		return false;
	buf_clear(&sql);
	buf_printf(&sql,
		   "insert into %s (%s) overriding system value select %s from freehold_brought on conflict do nothing",
		   t->quoted, list, list);
	if (!pg_conn_exec(to, buf_cstr(&sql), 0, NULL, &inserted, NULL, err)) return false;
	*ret_brought = strtoll(PQcmdTuples(inserted), NULL, 10);
	return pg_conn_exec(to, "commit", 0, NULL, NULL, NULL, err);
}

/* With its indexes, policies, triggers and rights, which are in a dump. */
static bool make_table(const struct owndb *from, const struct owndb *to, const char *scratch_dir, const struct named *t,
		       struct err *err)
{
	char file[FILE_PATH_SIZE];
	struct err ignored;
	if (!file_path(file, err, "%s/table.dump", scratch_dir) || !file_remove_tree(file, err)) return false;
	const char *const dump[] = {"pg_dump",
				    "-h",
				    from->socket_dir,
				    "-p",
				    "5432",
				    "-U",
				    OWNDB_SUPERUSER,
				    "--no-password",
				    "-Fc",
				    "-t",
				    t->quoted,
				    "-f",
				    file,
				    OWNDB_DATABASE,
				    NULL};
	const char *const load[] = {"pg_restore",
				    "-h",
				    to->socket_dir,
				    "-p",
				    "5432",
				    "-U",
				    OWNDB_MIGRATOR,
				    "--no-password",
				    "--no-owner",
				    "--exit-on-error",
				    "--single-transaction",
				    "-d",
				    OWNDB_DATABASE,
				    file,
				    NULL};
	bool ok = tool_run(from, dump, BRING_DEADLINE_MS, err) && tool_run(to, load, BRING_DEADLINE_MS, err);
	(void)file_remove_tree(file, &ignored);
	return ok;
}

static bool bring(struct pg_conn *from_conn, struct pg_conn *to_conn, const struct owndb *from, const struct owndb *to,
		  const char *scratch_dir, struct named *t, const char *where, bool *ret_was_made, int64_t *ret_found,
		  int64_t *ret_brought, struct err *err)
{
	bool has_from = false, has_to = false;
	char count[32], sql[700];
	if (!quote(from_conn, t, err) || !exists(from_conn, t, &has_from, err) || !exists(to_conn, t, &has_to, err))
		return false;
	if (!has_from) return err_set(err, ERR_NOT_FOUND, "the copy has no table %s.%s", t->schema, t->name);
	if (has_to) return bring_rows(from_conn, to_conn, t, where, ret_found, ret_brought, err);
	if (where != NULL)
		return err_set(err, ERR_CONFLICT,
			       "the live database has no table %s; bring all of it back first, without --where",
			       t->quoted);
	*ret_was_made = true;
	(void)snprintf(sql, sizeof sql, "select count(*)::text from %s", t->quoted);
	if (!make_table(from, to, scratch_dir, t, err) ||
	    !pg_conn_text(to_conn, sql, 0, NULL, count, sizeof count, err))
		return false;
	*ret_found = *ret_brought = strtoll(count, NULL, 10);
	return true;
}

bool owndb_bring_table(const struct owndb *from, const struct owndb *to, const char *scratch_dir, const char *table,
		       const char *where, bool *ret_was_made, int64_t *ret_found, int64_t *ret_brought, struct err *err)
{
	struct named t = {.schema = "public"};
	struct pg_conn *from_conn = NULL, *to_conn = NULL;
	const char *dot = strchr(table, '.');
	if (dot != NULL) (void)snprintf(t.schema, sizeof t.schema, "%.*s", (int)(dot - table), table);
	(void)snprintf(t.name, sizeof t.name, "%s", dot != NULL ? dot + 1 : table);
	*ret_was_made = false;
	bool ok =
	    owndb_connect(from, OWNDB_MIGRATOR, &from_conn, err) && owndb_connect(to, OWNDB_MIGRATOR, &to_conn, err);
	if (ok) {
		pg_conn_set_deadline(from_conn, BRING_DEADLINE_MS);
		pg_conn_set_deadline(to_conn, BRING_DEADLINE_MS);
	}
	ok = ok &&
	     bring(from_conn, to_conn, from, to, scratch_dir, &t, where, ret_was_made, ret_found, ret_brought, err);
	pg_conn_close(from_conn);
	pg_conn_close(to_conn);
	return ok || err_wrap(err, "bring back %.200s", table);
}
