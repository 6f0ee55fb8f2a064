/* SPDX-License-Identifier: Apache-2.0
 *
 * What Freehold needs of a database elsewhere beside the prelude: its own ways in. */
#include <stdio.h>
#include <string.h>

#include "owndb/elsewhere.h"

#define CONNECT_DEADLINE_MS 15000
#define LOGIN_SIZE 80

static bool run_made(struct pg_conn *conn, const char *made_by, int count, const char *const *params, struct err *err)
{
	char sql[1024];
	return pg_conn_text(conn, made_by, count, params, sql, sizeof sql, err) &&
	       pg_conn_exec(conn, sql, 0, NULL, NULL, NULL, err);
}

static bool can_log_in(const struct owndb *db, enum elsewhere_door door, const char *role)
{
	char conninfo[ELSEWHERE_CONNINFO_SIZE];
	struct pg_conn *conn = NULL;
	struct err ignored;
	bool ok = owndb_elsewhere_conninfo(db->elsewhere, door, role, "", conninfo, &ignored) &&
		  pg_conn_open(conninfo, CONNECT_DEADLINE_MS, &conn, &ignored);
	pg_conn_close(conn);
	return ok;
}

/* Its password goes as PostgreSQL keeps it, so that it is in no log. Neon says that it takes
 * plaintext passwords only, and is given one. */
static bool set_login(struct pg_conn *conn, const char *login, const char *password, struct err *err)
{
	static const char make[] =
	    "select pg_catalog.format('%s role %I login noinherit password %L', case when exists"
	    " (select from pg_catalog.pg_roles where rolname = $1) then 'alter' else 'create' end, $1::text, $2::text)";
	char *verifier = PQencryptPasswordConn(pg_conn_raw(conn), password, login, "scram-sha-256");
	if (verifier == NULL)
		return err_set(err, ERR_INTERNAL, "hash a password: %s", PQerrorMessage(pg_conn_raw(conn)));
	bool ok = run_made(conn, make, 2, (const char *const[]){login, verifier}, err);
	PQfreemem(verifier);
	return ok || (strstr(err->msg, "plaintext") != NULL &&
		      run_made(conn, make, 2, (const char *const[]){login, password}, err));
}

/* It acts as these, and has nothing of theirs before it does. */
static bool grant_to_login(struct pg_conn *conn, const char *login, struct err *err)
{
	return run_made(
	    conn,
	    "select pg_catalog.format('grant authenticator, supabase_auth_admin, freehold_jobs to %I%s', $1::text,"
	    " case when pg_catalog.current_setting('server_version_num')::int >= 160000"
	    " then ' with inherit false, set true' else '' end)",
	    1, &login, err);
}

/* What it makes belongs to whom migrations work for, and its connections are counted apart from the backend's. */
static bool let_server_in(struct pg_conn *conn, const struct owndb_elsewhere *e, struct err *err)
{
	static const char grant[] = "select pg_catalog.format('grant freehold_owner to %I%s', $1::text,"
				    " case when pg_catalog.current_setting('server_version_num')::int >= 160000"
				    " then ' with inherit true, set true' else '' end)";
	static const char *const settings[] = {
	    grant, "select pg_catalog.format('alter role %I inherit', $1::text)",
	    "select pg_catalog.format('alter role %I set role = freehold_owner', $1::text)",
	    "select pg_catalog.format('alter role %I set search_path = public, extensions', $1::text)",
	    "select pg_catalog.format('alter role %I set idle_in_transaction_session_timeout = 60000', $1::text)"};
	char login[LOGIN_SIZE], limit[16];
	(void)snprintf(login, sizeof login, "%.55s_server", e->login);
	(void)snprintf(limit, sizeof limit, "%d", e->server_connections);
	const char *const params[] = {login, limit};
	if (!set_login(conn, login, e->server_password, err)) return false;
	for (size_t i = 0; i < sizeof settings / sizeof *settings; i++)
		if (!run_made(conn, settings[i], 1, params, err)) return false;
	return run_made(conn, "select pg_catalog.format('alter role %I connection limit %s', $1::text, $2::int)", 2,
			params, err);
}

static bool may_replicate(struct pg_conn *conn, const char *login)
{
	struct err ignored;
	return run_made(conn, "select pg_catalog.format('alter role %I replication', $1::text)", 1, &login, &ignored) ||
	       run_made(conn, "select pg_catalog.format('grant rds_replication to %I', $1::text)", 1, &login, &ignored);
}

/* The proof is a slot, gone with its connection. */
static bool can_read_changes(const struct owndb *db, struct err *err)
{
	char conninfo[ELSEWHERE_CONNINFO_SIZE];
	struct pg_conn *conn = NULL;
	if (!owndb_elsewhere_conninfo(db->elsewhere, ELSEWHERE_AS_READER, NULL, "", conninfo, err) ||
	    !pg_conn_open(conninfo, CONNECT_DEADLINE_MS, &conn, err))
		return false;
	bool ok =
	    pg_conn_exec(conn,
			 "select pg_catalog.pg_create_logical_replication_slot('freehold_try_' || pg_backend_pid(),"
			 " 'pgoutput', true)",
			 0, NULL, NULL, NULL, err);
	pg_conn_close(conn);
	return ok;
}

/* Live changes are an extra: where they cannot be had, that is said, and the app lives. */
static void settle_reader(const struct owndb *db, struct pg_conn *conn, char ret_why[ELSEWHERE_WHY_SIZE])
{
	char login[LOGIN_SIZE], level[32] = "";
	struct err err;
	ret_why[0] = '\0';
	(void)snprintf(login, sizeof login, "%.63s_changes", db->elsewhere->login);
	if (!pg_conn_text(conn, "select current_setting('wal_level')", 0, NULL, level, sizeof level, &err))
		(void)snprintf(ret_why, ELSEWHERE_WHY_SIZE, "%.250s", err.msg);
	else if (strcmp(level, "logical") != 0)
		(void)snprintf(
		    ret_why, ELSEWHERE_WHY_SIZE,
		    "its wal_level is %.20s, and changes are read by logical replication; your host has a switch "
		    "for that",
		    level);
	else if (!can_log_in(db, ELSEWHERE_AS_READER, NULL) && !set_login(conn, login, db->elsewhere->password, &err))
		(void)snprintf(ret_why, ELSEWHERE_WHY_SIZE, "%.250s", err.msg);
	else if (!can_read_changes(db, &err) && (!may_replicate(conn, login) || !can_read_changes(db, &err)))
		(void)snprintf(ret_why, ELSEWHERE_WHY_SIZE,
			       "no replication slot can be made there (as an administrator: alter role \"%.70s\" "
			       "replication)",
			       login);
}

bool owndb_elsewhere_settle(const struct owndb *db, char ret_why[ELSEWHERE_WHY_SIZE], struct err *err)
{
	struct pg_conn *conn = NULL;
	const char *login = db->elsewhere->login;
	if (!owndb_connect(db, OWNDB_SUPERUSER, &conn, err)) return false;
	bool ok = (can_log_in(db, ELSEWHERE_AS_BACKEND, "authenticator") ||
		   set_login(conn, login, db->elsewhere->password, err)) &&
		  grant_to_login(conn, login, err) &&
		  (db->elsewhere->server_password == NULL || let_server_in(conn, db->elsewhere, err));
	if (ok) settle_reader(db, conn, ret_why);
	pg_conn_close(conn);
	return ok || err_wrap(err, "make the backend's way into the database");
}

bool owndb_elsewhere_lock(const struct owndb *db, struct err *err)
{
	struct pg_conn *conn = NULL;
	char reader[LOGIN_SIZE], server[LOGIN_SIZE];
	(void)snprintf(reader, sizeof reader, "%.63s_changes", db->elsewhere->login);
	(void)snprintf(server, sizeof server, "%.55s_server", db->elsewhere->login);
	const char *const logins[] = {db->elsewhere->login, reader, server};
	if (!owndb_connect(db, OWNDB_SUPERUSER, &conn, err)) return false;
	bool ok = true;
	for (int i = 0; ok && i < 3; i++)
		ok = run_made(conn,
			      "select coalesce((select pg_catalog.format('alter role %I nologin', rolname)"
			      " from pg_catalog.pg_roles where rolname = $1), 'select 1')",
			      1, &logins[i], err);
	pg_conn_close(conn);
	return ok;
}

bool owndb_elsewhere_notify(const struct owndb *db, struct err *err)
{
	struct pg_conn *conn = NULL;
	if (!owndb_connect(db, OWNDB_MIGRATOR, &conn, err)) return false;
	bool ok = pg_conn_exec(conn, "notify pgrst, 'reload schema'", 0, NULL, NULL, NULL, err);
	pg_conn_close(conn);
	return ok;
}
