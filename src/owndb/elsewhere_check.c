/* SPDX-License-Identifier: Apache-2.0
 *
 * Looking at a database elsewhere before anything is done there. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "os/authority.h"
#include "owndb/authority.h"
#include "owndb/elsewhere.h"

#define CONNECT_DEADLINE_MS 15000

/* One row. The roles are those that elsewhere/010_roles.sql makes. */
static const char look_sql[] =
    "with me as (select * from pg_catalog.pg_roles where rolname = current_user),"
    " wanted as (select unnest(array['freehold_owner', 'anon', 'authenticated', 'service_role', 'authenticator',"
    " 'supabase_auth_admin', 'supabase_storage_admin', 'supabase_realtime_admin', 'supabase_functions_admin',"
    " 'dashboard_user', 'freehold_jobs']) as name)"
    " select rolsuper, rolcreaterole or rolsuper,"
    " has_database_privilege(current_database(), 'create with grant option'),"
    " (select coalesce(bool_and(r.oid is not null and pg_has_role(r.oid, 'member')), false)"
    "   from wanted w left join pg_catalog.pg_roles r on r.rolname = w.name),"
    " to_regclass('freehold.prelude') is not null,"
    " exists (select from pg_catalog.pg_namespace where nspname in ('auth', 'storage')),"
    " exists (select from pg_catalog.pg_stat_ssl where pid = pg_backend_pid() and ssl),"
    " (select count(*) from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace"
    "   where c.relkind in ('r', 'p') and n.nspname !~ '^(pg_|freehold)' and n.nspname not in ('information_schema',"
    "   'auth', 'storage', 'extensions', 'realtime', 'cron', 'net', 'vault', 'pgmq', 'pgmq_public',"
    "   'supabase_migrations')),"
    " pg_database_size(current_database()),"
    " (select coalesce(string_agg(pg_catalog.quote_ident(r.rolname), ', '), '') from wanted w"
    "   join pg_catalog.pg_roles r on r.rolname = w.name where not pg_has_role(r.oid, 'member'))"
    ","
    " (select min(n) from (values (current_setting('max_connections')::int -"
    "   current_setting('superuser_reserved_connections')::int -"
    "   coalesce(current_setting('reserved_connections', true)::int, 0)),"
    "   ((select nullif(rolconnlimit, -1) from me)),"
    "   ((select nullif(datconnlimit, -1) from pg_catalog.pg_database where datname = current_database()))) as l (n))"
    " from me";

static bool has(const char *text, const char *words)
{
	return strstr(text, words) != NULL;
}

/* A pooler gives each transaction another session: no role would hold, and nothing could be listened to. */
static bool is_pooler(const char *shown)
{
	return has(shown, "-pooler.") || has(shown, "pooler.supabase.com") || has(shown, ":6543/");
}

static bool say_pooler(struct err *err)
{
	return err_set(
	    err, ERR_REFUSED,
	    "this is the address of a pooler, and Freehold keeps connections of its own, which a pooler mixes "
	    "up; take the direct address from your host's console (for Neon without \"-pooler\", port 5432)");
}

/* libpq only says that verifying failed; what is wrong with the certificate is looked up. */
static bool explain_certificate(const struct owndb_elsewhere *e, const char *shown, struct err *err)
{
	char words[AUTHORITY_WORDS_SIZE], host[256], address[64], port[16];
	bool has_authority = e->authority != NULL && e->authority[0] != '\0';
	const char *path = has_authority ? e->authority : AUTHORITY_BUNDLE;
	owndb_elsewhere_host(e->url, host, address, port);
	switch (owndb_authority_look(host, address, port, path, words)) {
	case AUTHORITY_ISSUER:
		return err_set(
		    err, ERR_DENIED,
		    "the certificate of %.110s is not accepted: %.140s, %s. Download that authority's certificates "
		    "from "
		    "where the database is kept and give them along: --database-ca FILE%s",
		    shown, words,
		    has_authority ? "which is not in the file that you gave" : "whom this server does not know",
		    has_authority ? "" : ". Or say ?sslmode=require: encrypted, without a proof of who answers");
	case AUTHORITY_TIME:
		return err_set(
		    err, ERR_DENIED,
		    "the certificate of %.150s is not accepted: %.150s. It has to be renewed where the database "
		    "is kept",
		    shown, words);
	case AUTHORITY_NAME:
		return err_set(err, ERR_DENIED,
			       "the certificate of %.100s is not accepted: %.200s. Say a name that it is for in the "
			       "address%s",
			       shown, words,
			       has_authority ? ", or sslmode=verify-ca, which takes every server of that authority"
					     : "");
	default:
		return err_set(
		    err, ERR_DENIED,
		    "the certificate of %.200s is not accepted. Give the certificates of its authority along: "
		    "--database-ca FILE",
		    shown);
	}
}

/* libpq's words, with what helps. */
static bool explain(const struct owndb_elsewhere *e, const char *shown, struct err *err)
{
	char why[sizeof err->msg];
	(void)snprintf(why, sizeof why, "%s", err->msg);
	why[strcspn(why, "\n")] = '\0'; /* what follows is a question */
	if (has(why, "unsupported startup parameter")) return say_pooler(err);
	if (has(why, "server does not support SSL"))
		return err_set(
		    err, ERR_DENIED,
		    "the server at %.300s has no TLS, so everything, passwords too, would be readable on the way; "
		    "only in a private network of yours add ?sslmode=disable to the address",
		    shown);
	if (has(why, "certificate")) return explain_certificate(e, shown, err);
	if (has(why, "channel binding"))
		return err_set(err, ERR_DENIED,
			       "%.200s: the address asks for channel_binding=require, and the server checks passwords "
			       "without it; leave that out and say sslmode=verify-full instead",
			       shown);
	if (has(why, "password authentication failed") || has(why, "authentication failed"))
		return err_set(err, ERR_DENIED,
			       "%.300s: the user or the password is not accepted; take the address anew from where the "
			       "database is kept",
			       shown);
	if (has(why, "no pg_hba.conf entry"))
		return err_set(
		    err, ERR_DENIED,
		    "%.300s does not let this server in (pg_hba.conf); allow its address and this user there", shown);
	if (err->code == ERR_NOT_FOUND)
		return err_set(
		    err, ERR_NOT_FOUND,
		    "%.300s: there is no database of that name; create it there, or correct the last part of "
		    "the address",
		    shown);
	return err_set(err, ERR_UNAVAILABLE,
		       "%.200s cannot be reached: %.200s. Check host and port, and let this server's address in where "
		       "the database is kept (security group, allow list)",
		       shown, strncmp(why, "cannot connect to PostgreSQL: ", 30) == 0 ? why + 30 : why);
}

static bool is_true(const PGresult *rows, int column)
{
	return PQgetvalue(rows, 0, column)[0] == 't';
}

/* What a session is, and whether it heeds what it was begun with. */
static bool read_session(struct pg_conn *conn, int *ret_pid, bool *ret_is_heeded, struct err *err)
{
	PGresult *rows PG_RESULT_CLEANUP = NULL;
	static const char sql[] =
	    "select pg_catalog.pg_backend_pid(), pg_catalog.current_setting('search_path') = 'pg_catalog'";
	if (!pg_conn_exec(conn, sql, 0, NULL, &rows, NULL, err)) return false;
	*ret_pid = (int)strtol(PQgetvalue(rows, 0, 0), NULL, 10);
	*ret_is_heeded = is_true(rows, 1);
	return true;
}

/* A pooler lends the session that it lent last: to whoever of two asks. */
static bool check_sessions(struct pg_conn *one, const char *conninfo, struct err *err)
{
	struct pg_conn *two = NULL;
	int pids[3] = {0};
	bool is_heeded[3] = {false};
	if (!pg_conn_open(conninfo, CONNECT_DEADLINE_MS, &two, err)) return false;
	bool ok = read_session(one, &pids[0], &is_heeded[0], err) && read_session(two, &pids[1], &is_heeded[1], err) &&
		  read_session(one, &pids[2], &is_heeded[2], err);
	pg_conn_close(two);
	if (!ok) return false;
	bool is_one = pids[0] != pids[1] && pids[0] == pids[2];
	return (is_one && is_heeded[0] && is_heeded[1] && is_heeded[2]) || say_pooler(err);
}

static bool check_version(const char *shown, PGconn *raw, struct owndb_elsewhere_facts *facts, struct err *err)
{
	const char *version = PQparameterStatus(raw, "server_version");
	(void)snprintf(facts->version, sizeof facts->version, "%.*s",
		       (int)strcspn(version != NULL ? version : "?", " "), version != NULL ? version : "?");
	facts->major = PQserverVersion(raw) / 10000;
	if (facts->major >= ELSEWHERE_MAJOR_MIN && facts->major <= ELSEWHERE_MAJOR_MAX) return true;
	return err_set(err, ERR_REFUSED, "%.200s is PostgreSQL %s; Freehold works with %d to %d. %s", shown,
		       facts->version, ELSEWHERE_MAJOR_MIN, ELSEWHERE_MAJOR_MAX,
		       facts->major < ELSEWHERE_MAJOR_MIN ? "Upgrade it where it is kept, then try again"
							  : "Take an older one, or a newer Freehold");
}

static bool judge(const char *shown, const PGresult *rows, struct owndb_elsewhere_facts *facts, struct err *err)
{
	if (PQntuples(rows) != 1) return err_set(err, ERR_DENIED, "%.300s: the user sees no roles", shown);
	bool can_make_roles = is_true(rows, 1), has_all_roles = is_true(rows, 3), has_schemas = is_true(rows, 5);
	const char *others = PQgetvalue(rows, 0, 9);
	facts->is_superuser = is_true(rows, 0);
	facts->is_prepared = is_true(rows, 4);
	facts->has_tls = is_true(rows, 6);
	facts->tables = strtoll(PQgetvalue(rows, 0, 7), NULL, 10);
	facts->connections = (int)strtol(PQgetvalue(rows, 0, 10), NULL, 10);
	facts->bytes = strtoull(PQgetvalue(rows, 0, 8), NULL, 10);
	if (has_schemas && !facts->is_prepared)
		return err_set(err, ERR_REFUSED,
			       "%.200s has schemas auth or storage that Freehold did not make: a Supabase project, "
			       "whose sign-in and "
			       "files Supabase runs itself, and two cannot. Move it instead (freehold db APP import "
			       "ADDRESS), or give "
			       "an empty database of that server",
			       shown);
	if (!can_make_roles && !has_all_roles)
		return err_set(err, ERR_DENIED,
			       "%.200s may not create roles, and row security needs some (anon, authenticated, "
			       "service_role and others); as an administrator there: alter role %s createrole",
			       shown, facts->user);
	if (others[0] != '\0' && facts->major >= 16 && !facts->is_superuser)
		return err_set(
		    err, ERR_DENIED,
		    "the roles %.150s are there already and %s may not act as them; as an administrator there: "
		    "grant %.150s to %s with admin option",
		    others, facts->user, others, facts->user);
	if (!is_true(rows, 2))
		return err_set(err, ERR_DENIED,
			       "%.200s may not create schemas for another role in this database; as an administrator "
			       "there: alter database \"%s\" owner to %s",
			       shown, facts->database, facts->user);
	return true;
}

bool owndb_elsewhere_check(const struct owndb_elsewhere *e, struct owndb_elsewhere_facts *ret_facts, struct err *err)
{
	struct owndb_elsewhere_facts facts = {0};
	char shown[400], conninfo[ELSEWHERE_CONNINFO_SIZE];
	struct pg_conn *conn = NULL;
	PGresult *rows PG_RESULT_CLEANUP = NULL;
	if (!owndb_elsewhere_url_check(e->url, err) || !owndb_elsewhere_shown(e->url, shown, sizeof shown, err))
		return false;
	if (is_pooler(shown)) return say_pooler(err);
	if (!owndb_elsewhere_conninfo(e, ELSEWHERE_AS_OWNER, NULL, "-c search_path=pg_catalog", conninfo, err))
		return false;
	if (!pg_conn_open(conninfo, CONNECT_DEADLINE_MS, &conn, err)) return explain(e, shown, err);
	PGconn *raw = pg_conn_raw(conn);
	(void)snprintf(facts.database, sizeof facts.database, "%s", PQdb(raw));
	(void)snprintf(facts.user, sizeof facts.user, "%s", PQuser(raw));
	bool ok = check_version(shown, raw, &facts, err) && check_sessions(conn, conninfo, err) &&
		  pg_conn_exec(conn, look_sql, 0, NULL, &rows, NULL, err) && judge(shown, rows, &facts, err);
	pg_conn_close(conn);
	if (ok) *ret_facts = facts;
	return ok;
}
