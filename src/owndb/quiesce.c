/* SPDX-License-Identifier: Apache-2.0 */
#include "owndb/quiesce.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"

#define CONNECT_DEADLINE_MS 30000
#define END_PATIENCE_MS 30000
#define AGAIN_MS 500
#define SCRIPT_MAX_BYTES (4u << 20)

static const char tables_sql[] =
    "select c.oid::regclass::text, has_table_privilege(c.oid, 'TRIGGER') and has_schema_privilege(n.oid, 'USAGE') from "
    "pg_class c join pg_namespace n on n.oid = c.relnamespace where c.relkind in ('r', 'p') and " QUIESCE_IS_WRITTEN
    " order by c.oid";

static const char refuse_sql[] =
    "drop schema if exists " QUIESCE_SCHEMA " cascade; create schema " QUIESCE_SCHEMA
    "; create function " QUIESCE_SCHEMA
    ".refuse() returns trigger language plpgsql as $$ begin raise sqlstate 'PT503' using message = 'this app is being"
    " moved to another server; try again in a moment'; end $$;";

static bool is_in_the_way(const struct pg_error *error)
{
	return strcmp(error->sqlstate, "55P03") == 0 || strcmp(error->sqlstate, "40P01") == 0;
}

/* Everything in one transaction, which waits for whoever writes and is then waited for. */
static bool build_script(struct pg_conn *conn, struct buf *script, json_t *report, struct err *err)
{
	PGresult *tables PG_RESULT_CLEANUP = NULL;
	json_t *not_held = json_array();
	int held = 0;
	json_object_set_new(report, "not_held", not_held);
	if (!pg_conn_exec(conn, tables_sql, 0, NULL, &tables, NULL, err)) return false;
	buf_puts(script, "begin; set local lock_timeout = '1s'; ");
	buf_puts(script, refuse_sql);
	for (int i = 0; i < PQntuples(tables); i++) {
		const char *table = PQgetvalue(tables, i, 0);
		if (strcmp(PQgetvalue(tables, i, 1), "t") != 0) {
			json_array_append_new(not_held, json_string(table));
			continue;
		}
		held++;
		buf_printf(script,
			   "create trigger freehold_move before insert or update or delete or truncate on %s for each "
			   "statement "
			   "execute function " QUIESCE_SCHEMA ".refuse();",
			   table);
	}
	json_object_set_new(report, "held", json_integer(held));
	return true;
}

/* Taken while the triggers are there and not yet seen by anybody. */
static bool take_snapshot(const char *conninfo, struct quiesce *q, struct err *err)
{
	if (!pg_conn_open(conninfo, CONNECT_DEADLINE_MS, &q->reader, err)) return false;
	pg_conn_set_deadline(q->reader, 0);
	return pg_conn_script(q->reader, "begin transaction isolation level repeatable read read only", NULL, err) &&
	       pg_conn_text(q->reader, "select pg_export_snapshot()", 0, NULL, q->snapshot, sizeof q->snapshot, err);
}

static bool try_hold(struct pg_conn *conn, const char *conninfo, const char *script, struct quiesce *q,
		     bool *ret_is_blocked, struct err *err)
{
	struct pg_error error = {0};
	struct err ignored;
	bool ok = pg_conn_script(conn, script, &error, err);
	*ret_is_blocked = !ok && is_in_the_way(&error);
	ok = ok && take_snapshot(conninfo, q, err) && pg_conn_script(conn, "commit", NULL, err);
	q->since_ms = clock_now_ms();
	if (!ok) {
		(void)pg_conn_script(conn, "rollback", NULL, &ignored);
		quiesce_close(q);
	}
	return ok;
}

bool quiesce_begin(const char *conninfo, int64_t patience_ms, struct quiesce *q, json_t *report, struct err *err)
{
	struct pg_conn *conn = NULL;
	struct buf script BUF_CLEANUP;
	bool is_blocked = false;
	int64_t began_ms = clock_now_ms();
	*q = (struct quiesce){.reader = NULL};
	buf_init(&script, SCRIPT_MAX_BYTES);
	bool ok = pg_conn_open(conninfo, CONNECT_DEADLINE_MS, &conn, err) && build_script(conn, &script, report, err) &&
		  try_hold(conn, conninfo, buf_cstr(&script), q, &is_blocked, err);
	while (!ok && is_blocked && clock_now_ms() - began_ms < patience_ms) {
		(void)poll(NULL, 0, AGAIN_MS);
		ok = try_hold(conn, conninfo, buf_cstr(&script), q, &is_blocked, err);
	}
	pg_conn_close(conn);
	if (ok) return true;
	if (is_blocked)
		return err_set(
		    err, ERR_UNAVAILABLE,
		    "writing at the source could not be stopped: a transaction there keeps a table for more than %lld "
		    "s "
		    "(select * from pg_stat_activity where state <> 'idle' shows it); try again when it is over",
		    (long long)patience_ms / 1000);
	return err_wrap(err, "stop writing at the source");
}

void quiesce_close(struct quiesce *q)
{
	pg_conn_close(q->reader);
	q->reader = NULL;
}

static bool try_end(struct pg_conn *conn, bool *ret_is_blocked, struct err *err)
{
	static const char sql[] =
	    "begin; set local lock_timeout = '1s'; drop schema if exists " QUIESCE_SCHEMA " cascade; commit";
	struct pg_error error = {0};
	struct err ignored;
	bool ok = pg_conn_script(conn, sql, &error, err);
	*ret_is_blocked = !ok && is_in_the_way(&error);
	if (!ok) (void)pg_conn_script(conn, "rollback", NULL, &ignored);
	return ok;
}

bool quiesce_end(const char *conninfo, struct err *err)
{
	struct pg_conn *conn = NULL;
	bool is_blocked = false;
	int64_t began_ms = clock_now_ms();
	bool ok = pg_conn_open(conninfo, CONNECT_DEADLINE_MS, &conn, err) && try_end(conn, &is_blocked, err);
	while (!ok && is_blocked && clock_now_ms() - began_ms < END_PATIENCE_MS) {
		(void)poll(NULL, 0, AGAIN_MS);
		ok = try_end(conn, &is_blocked, err);
	}
	pg_conn_close(conn);
	return ok || err_wrap(err, "let the source write again");
}
