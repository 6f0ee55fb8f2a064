/* SPDX-License-Identifier: Apache-2.0 */
#include "owndb/twin_source.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "codec/json.h"
#include "owndb/import.h"
#include "owndb/quiesce.h"

#define CONNECT_DEADLINE_MS 30000
#define SLOT_PATIENCE_MS 60000 /* a slot begins when every transaction that writes just now has ended */
#define WITHDRAW_PATIENCE_MS 20000
#define AGAIN_MS 300
#define SCRIPT_MAX_BYTES (4u << 20)
#define URL_MAX_BYTES 4096

static const char session_sql[] = "set search_path = pg_catalog; set timezone = 'UTC'; set datestyle = iso; set "
				  "intervalstyle = postgres; set extra_float_digits = 3; set bytea_output = hex; set "
				  "statement_timeout = 0; set lock_timeout = 0; set "
				  "idle_in_transaction_session_timeout = 0; set client_encoding = 'UTF8'";

bool twin_source_open(const char *url, struct pg_conn **ret_conn, struct err *err)
{
	struct pg_conn *conn = NULL;
	if (!pg_conn_open(url, CONNECT_DEADLINE_MS, &conn, err)) return false;
	pg_conn_set_deadline(conn, 0);
	if (!pg_conn_script(conn, session_sql, NULL, err)) {
		pg_conn_close(conn);
		return false;
	}
	*ret_conn = conn;
	return true;
}

/* May it be followed? */

static const char facts_sql[] =
    "select current_setting('server_version_num')::int / 10000, pg_is_in_recovery(), current_setting('wal_level'),"
    " r.rolsuper or r.rolreplication or exists (select from pg_roles g where g.rolname = 'rds_replication' and"
    " pg_has_role(g.oid, 'member')), r.rolname,"
    " current_setting('max_replication_slots')::int - (select count(*) from pg_replication_slots),"
    " current_setting('max_replication_slots'),"
    " current_setting('max_wal_senders')::int - (select count(*) from pg_stat_replication),"
    " current_setting('max_wal_senders'), has_database_privilege(current_database(), 'CREATE'),"
    " exists (select from pg_largeobject_metadata),"
    " (select setting::bigint from pg_settings where name = 'max_slot_wal_keep_size')"
    " from pg_roles r where r.rolname = current_user";

enum fact {
	FACT_MAJOR,
	FACT_STANDBY,
	FACT_LEVEL,
	FACT_MAY,
	FACT_ROLE,
	FACT_SLOTS_FREE,
	FACT_SLOTS,
	FACT_SENDERS_FREE,
	FACT_SENDERS,
	FACT_CREATE,
	FACT_OBJECTS,
	FACT_KEEPS,
};

static const char *fact(const PGresult *r, enum fact which)
{
	return PQgetvalue(r, 0, (int)which);
}

static bool is_yes(const char *value)
{
	return strcmp(value, "t") == 0;
}

static void judge_server(const PGresult *r, char ret_why[TWIN_WHY_SIZE])
{
	ret_why[0] = '\0';
	if (atoi(fact(r, FACT_MAJOR)) < 13)
		(void)snprintf(ret_why, TWIN_WHY_SIZE, "it is PostgreSQL %s, and 13 is the oldest that can be followed",
			       fact(r, FACT_MAJOR));
	else if (is_yes(fact(r, FACT_STANDBY)))
		(void)snprintf(ret_why, TWIN_WHY_SIZE, "it is itself a standby of another server");
	else if (strcmp(fact(r, FACT_LEVEL), "logical") != 0)
		(void)snprintf(ret_why, TWIN_WHY_SIZE,
			       "its wal_level is %.20s; it would have to be logical, which needs a restart there",
			       fact(r, FACT_LEVEL));
	else if (!is_yes(fact(r, FACT_MAY)))
		(void)snprintf(ret_why, TWIN_WHY_SIZE,
			       "the role %.63s may not read the log of changes (alter role ... replication)",
			       fact(r, FACT_ROLE));
	else if (!is_yes(fact(r, FACT_CREATE)))
		(void)snprintf(ret_why, TWIN_WHY_SIZE,
			       "the role %.63s may not make a publication (grant create on database)",
			       fact(r, FACT_ROLE));
	else if (atoi(fact(r, FACT_SLOTS_FREE)) <= 0)
		(void)snprintf(ret_why, TWIN_WHY_SIZE, "all %.20s of its slots are taken (max_replication_slots)",
			       fact(r, FACT_SLOTS));
	else if (atoi(fact(r, FACT_SENDERS_FREE)) <= 0)
		(void)snprintf(ret_why, TWIN_WHY_SIZE, "all %.20s of its senders are taken (max_wal_senders)",
			       fact(r, FACT_SENDERS));
	else if (is_yes(fact(r, FACT_OBJECTS)))
		(void)snprintf(ret_why, TWIN_WHY_SIZE,
			       "it has large objects (pg_largeobject), whose changes are not in the log");
}

static const char tables_sql[] =
    "select format('%I.%I', n.nspname, c.relname), n.nspname, n.nspname || '.' || c.relname, c.relpersistence = 'u',"
    " case c.relreplident when 'f' then true when 'n' then false else exists (select from pg_index i where i.indrelid ="
    " c.oid and i.indimmediate and i.indisvalid and case c.relreplident when 'i' then i.indisreplident else"
    " i.indisprimary end) end, " QUIESCE_IS_WRITTEN
    ", (select json_agg(a.attname order by a.attnum) from pg_attribute a where a.attrelid = c.oid and a.attnum > 0 and"
    " not a.attisdropped and a.attgenerated = '')::text from pg_class c join pg_namespace n on n.oid = c.relnamespace"
    " where c.relkind = 'r' and (" QUIESCE_IS_WRITTEN " or n.nspname || '.' || c.relname in"
    " ('auth.audit_log_entries', 'cron.job', 'supabase_migrations.schema_migrations')) order by 1";

static void add_whole(json_t *plan, const char *name, const char *why)
{
	json_array_append_new(json_object_get(plan, "whole"), json_pack("{s:s, s:s}", "name", name, "why", why));
}

/* The host's own columns need not be here: the copy gets what it lacks as text meanwhile. */
static void note_columns(json_t *plan, const char *name, const char *columns)
{
	struct err ignored;
	json_t *list = NULL;
	if (json_parse(str_from(columns), &list, &ignored))
		json_object_set_new(json_object_get(plan, "columns"), name, list);
}

static void sort_table(json_t *plan, const PGresult *r, int row)
{
	const char *name = PQgetvalue(r, row, 0), *schema = PQgetvalue(r, row, 1), *plain = PQgetvalue(r, row, 2);
	bool is_managed = toc_is_managed(str_from(schema));
	bool is_small = strcmp(schema, "cron") == 0 || strcmp(schema, "supabase_migrations") == 0;
	if (is_managed && !import_managed_has(plain)) return;
	if (is_small) {
		add_whole(plan, name, "is the host's");
	} else if (is_yes(PQgetvalue(r, row, 3))) {
		add_whole(plan, name, "is unlogged");
	} else if (!is_yes(PQgetvalue(r, row, 4))) {
		add_whole(plan, name, "has no primary key");
	} else {
		json_array_append_new(json_object_get(plan, "tables"), json_string(name));
		if (is_managed) note_columns(plan, name, PQgetvalue(r, row, 6));
		if (!is_yes(PQgetvalue(r, row, 5)))
			json_array_append_new(json_object_get(plan, "loose"), json_string(name));
	}
}

bool twin_source_judge(struct pg_conn *source, json_t **ret_plan, char ret_why[TWIN_WHY_SIZE], struct err *err)
{
	PGresult *facts PG_RESULT_CLEANUP = NULL, *tables PG_RESULT_CLEANUP = NULL;
	if (!pg_conn_exec(source, facts_sql, 0, NULL, &facts, NULL, err) ||
	    !pg_conn_exec(source, tables_sql, 0, NULL, &tables, NULL, err))
		return false;
	if (PQntuples(facts) != 1) return err_set(err, ERR_FAILED, "the source does not know its own role");
	json_t *plan = json_pack("{s:[], s:[], s:[], s:{}, s:I}", "tables", "loose", "whole", "columns", "keeps_mb",
				 (json_int_t)strtoll(fact(facts, FACT_KEEPS), NULL, 10));
	for (int i = 0; i < PQntuples(tables); i++) sort_table(plan, tables, i);
	judge_server(facts, ret_why);
	if (ret_why[0] == '\0' && json_array_size(json_object_get(plan, "tables")) == 0)
		(void)snprintf(ret_why, TWIN_WHY_SIZE, "it has no table that could be followed");
	*ret_plan = plan;
	return true;
}

/* What is made there. */

static bool publish(const char *url, const char *name, const json_t *plan, struct err *err)
{
	struct buf sql BUF_CLEANUP;
	struct pg_conn *conn = NULL;
	const json_t *tables = json_object_get(plan, "tables");
	buf_init(&sql, SCRIPT_MAX_BYTES);
	buf_printf(&sql, "set lock_timeout = '10s'; create publication %s for table ", name);
	for (size_t i = 0; i < json_array_size(tables); i++)
		buf_printf(&sql, "%sonly %s", i > 0 ? ", " : "", json_string_value(json_array_get(tables, i)));
	if (!buf_is_ok(&sql)) return err_set(err, ERR_LIMIT, "the source has too many tables");
	bool ok = twin_source_open(url, &conn, err) && pg_conn_script(conn, buf_cstr(&sql), NULL, err);
	pg_conn_close(conn);
	return ok;
}

static bool open_replication(const char *url, struct pg_conn **ret_conn, struct err *err)
{
	struct buf text BUF_CLEANUP;
	buf_init(&text, URL_MAX_BYTES);
	buf_printf(&text, "%s%creplication=database", url, strchr(url, '?') != NULL ? '&' : '?');
	if (!buf_is_ok(&text)) return err_set(err, ERR_LIMIT, "the address is too long");
	return pg_conn_open(buf_cstr(&text), CONNECT_DEADLINE_MS, ret_conn, err) ||
	       err_wrap(err, "it lets nobody read its log of changes at this address (a pooler does not; the direct "
			     "address might)");
}

static bool make_slot(const char *name, struct twin_start *start, struct err *err)
{
	PGresult *made PG_RESULT_CLEANUP = NULL;
	char command[128];
	(void)snprintf(command, sizeof command, "CREATE_REPLICATION_SLOT %s LOGICAL pgoutput EXPORT_SNAPSHOT", name);
	pg_conn_set_deadline(start->holder, SLOT_PATIENCE_MS);
	if (!pg_conn_command(start->holder, command, &made, err)) {
		if (err->code == ERR_TIMEOUT)
			(void)err_set(err, ERR_UNAVAILABLE,
				      "a transaction there writes for longer than %d s, and the log is followed from "
				      "its end on only",
				      SLOT_PATIENCE_MS / 1000);
		return false;
	}
	if (PQntuples(made) != 1 || PQnfields(made) < 3)
		return err_set(err, ERR_FAILED, "the source made a slot without a snapshot");
	(void)snprintf(start->snapshot, sizeof start->snapshot, "%s", PQgetvalue(made, 0, 2));
	return true;
}

bool twin_source_publish(const char *url, const char *name, const json_t *plan, struct twin_start *ret_start,
			 struct err *err)
{
	struct twin_start start = {.holder = NULL};
	/* The publication first: a reader looks it up as it was when each change was made. */
	bool ok =
	    publish(url, name, plan, err) && open_replication(url, &start.holder, err) && make_slot(name, &start, err);
	if (!ok) {
		twin_start_end(&start);
		return false;
	}
	*ret_start = start;
	return true;
}

void twin_start_end(struct twin_start *start)
{
	pg_conn_close(start->holder);
	start->holder = NULL;
}

/* How far the reader is. */

bool twin_source_status(struct pg_conn *source, const char *name, struct twin_status *ret_status, struct err *err)
{
	static const char sql[] =
	    "select active, coalesce(wal_status, '') = 'lost', pg_wal_lsn_diff(pg_current_wal_lsn(), "
	    "confirmed_flush_lsn)::bigint, coalesce(pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn), 0)::bigint, "
	    "pg_current_wal_lsn(), confirmed_flush_lsn from pg_replication_slots where slot_name = $1";
	PGresult *r PG_RESULT_CLEANUP = NULL;
	struct twin_status s = {.is_there = false};
	if (!pg_conn_exec(source, sql, 1, &name, &r, NULL, err)) return false;
	if (PQntuples(r) == 1) {
		s.is_there = true;
		s.is_active = is_yes(PQgetvalue(r, 0, 0));
		s.is_lost = is_yes(PQgetvalue(r, 0, 1));
		s.lag_bytes = strtoll(PQgetvalue(r, 0, 2), NULL, 10);
		s.held_bytes = strtoll(PQgetvalue(r, 0, 3), NULL, 10);
		(void)snprintf(s.now, sizeof s.now, "%s", PQgetvalue(r, 0, 4));
		(void)snprintf(s.applied, sizeof s.applied, "%s", PQgetvalue(r, 0, 5));
		if (s.lag_bytes < 0) s.lag_bytes = 0;
	}
	*ret_status = s;
	return true;
}

/* The message makes the log go on, so that a reader can be past what was there before. */
bool twin_source_mark(struct pg_conn *source, char ret_position[32], struct err *err)
{
	return pg_conn_text(source, "select pg_current_wal_insert_lsn()::text", 0, NULL, ret_position, 32, err) &&
	       pg_conn_exec(source, "select pg_logical_emit_message(true, 'freehold', '')", 0, NULL, NULL, NULL, err);
}

bool twin_source_is_at(struct pg_conn *source, const char *name, const char *position, bool *ret_is, struct err *err)
{
	static const char sql[] =
	    "select (confirmed_flush_lsn >= $2::pg_lsn)::text from pg_replication_slots where slot_name = $1";
	const char *const params[] = {name, position};
	char is[16];
	if (!pg_conn_text(source, sql, 2, params, is, sizeof is, err)) return false;
	*ret_is = strcmp(is, "true") == 0;
	return true;
}

/* Taken away. */

/* A reader that was just ended may be in it still; one of ours that is not known to be gone is sent away. */
static bool drop_slot(struct pg_conn *conn, const char *name, struct err *err)
{
	static const char drop_sql[] =
	    "select pg_drop_replication_slot(slot_name) from pg_replication_slots where slot_name = $1 and not active";
	static const char left_sql[] = "select count(*)::text, coalesce(max(active_pid), 0)::text from "
				       "pg_replication_slots where slot_name = $1";
	struct err ignored;
	int64_t began_ms = clock_now_ms();
	for (;; (void)poll(NULL, 0, AGAIN_MS)) {
		PGresult *left PG_RESULT_CLEANUP = NULL;
		if (!pg_conn_exec(conn, drop_sql, 1, &name, NULL, NULL, err) ||
		    !pg_conn_exec(conn, left_sql, 1, &name, &left, NULL, err))
			return false;
		if (strcmp(PQgetvalue(left, 0, 0), "0") == 0) return true;
		int64_t waited_ms = clock_now_ms() - began_ms;
		if (waited_ms > WITHDRAW_PATIENCE_MS)
			return err_set(err, ERR_CONFLICT, "somebody (process %s there) reads the slot %s",
				       PQgetvalue(left, 0, 1), name);
		const char *const pid = PQgetvalue(left, 0, 1);
		if (waited_ms > WITHDRAW_PATIENCE_MS / 4)
			(void)pg_conn_exec(conn, "select pg_terminate_backend($1::int)", 1, &pid, NULL, NULL, &ignored);
	}
}

bool twin_source_withdraw(const char *url, const char *name, struct err *err)
{
	struct pg_conn *conn = NULL;
	char sql[128];
	(void)snprintf(sql, sizeof sql, "drop publication if exists %s", name);
	if (!pg_conn_open(url, CONNECT_DEADLINE_MS, &conn, err)) return false;
	bool ok = drop_slot(conn, name, err) && pg_conn_exec(conn, sql, 0, NULL, NULL, NULL, err);
	pg_conn_close(conn);
	return ok;
}
