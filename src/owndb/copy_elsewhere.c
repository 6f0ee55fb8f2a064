/* SPDX-License-Identifier: Apache-2.0
 *
 * A throw-away cluster of ours with the schema of a database elsewhere. */
#include <stdio.h>
#include <string.h>

#include "owndb/copy.h"
#include "owndb/elsewhere.h"
#include "owndb/tool.h"

#define SAID_MAX_BYTES 4096
#define ARENA_BYTES (64u * 1024)
#define SCHEMA_MAX_BYTES (64u << 20)

/* Who is there, and who is a member of whom; none of them is to log in here or to be more than it must. */
static const char roles_sql[] = "select pg_catalog.format('create role %I nologin%s%s', rolname, case when "
				"rolbypassrls then ' bypassrls' else '' end,"
				" case when rolinherit then '' else ' noinherit' end) from pg_catalog.pg_roles"
				" where rolname !~ '^pg_' and rolname <> 'supabase_admin'"
				" union all (select distinct pg_catalog.format('grant %I to %I', r.rolname, m.rolname)"
				" from pg_catalog.pg_auth_members a join pg_catalog.pg_roles r on r.oid = a.roleid"
				" join pg_catalog.pg_roles m on m.oid = a.member where m.rolname !~ '^pg_')";

/* One that is here already, or a grant of a role that only that host has, is no reason to stop. */
static bool carry_roles(const struct owndb *live, const struct owndb *clone, struct err *err)
{
	struct pg_conn *from = NULL, *to = NULL;
	PGresult *rows PG_RESULT_CLEANUP = NULL;
	struct err ignored;
	bool ok = owndb_connect(live, OWNDB_SUPERUSER, &from, err) && owndb_connect(clone, OWNDB_SUPERUSER, &to, err) &&
		  pg_conn_exec(from, roles_sql, 0, NULL, &rows, NULL, err);
	for (int i = 0; ok && i < PQntuples(rows); i++)
		(void)pg_conn_exec(to, PQgetvalue(rows, i, 0), 0, NULL, NULL, NULL, &ignored);
	ok = ok && pg_conn_exec(to, "grant create on database " OWNDB_DATABASE " to " ELSEWHERE_OWNER, 0, NULL, NULL,
				NULL, err);
	pg_conn_close(from);
	pg_conn_close(to);
	return ok;
}

static void on_said(void *arg, int stream, struct str bytes)
{
	struct buf *said = arg;
	(void)stream;
	if (bytes.len > SAID_MAX_BYTES - said->len) buf_clear(said); /* what it ended for stands last */
	buf_str(said, str_sub(bytes, 0, SAID_MAX_BYTES));
}

static bool run(const struct owndb *db, const char *const *argv, const char *const *env, struct err *err)
{
	struct proc_result result;
	struct buf said BUF_CLEANUP;
	buf_init(&said, SAID_MAX_BYTES);
	if (!tool_stream(db, argv, env, on_said, &said, &result, err)) return false;
	struct str words = str_trim(buf_view(&said));
	ptrdiff_t error = str_find(words, STR("ERROR:")); /* behind warnings that it went past */
	if (error > 0) words = str_sub(words, (size_t)error, words.len);
	return result.exit_status == 0 ||
	       err_set(err, ERR_FAILED, "%s: %.*s", argv[0], STR_FMT(str_sub(words, 0, 300)));
}

/* An event trigger of the host's belongs to an administrator there, and only a superuser may own one: no role of a copy
 * is one but its own. */
static bool leave_event_triggers_to_us(const char *path, struct err *err)
{
	struct buf text BUF_CLEANUP, kept BUF_CLEANUP;
	struct str rest, line;
	buf_init(&text, SCHEMA_MAX_BYTES);
	buf_init(&kept, SCHEMA_MAX_BYTES);
	if (!file_read(path, &text, err)) return false;
	rest = buf_view(&text);
	while (str_next(&rest, '\n', &line)) {
		if (str_has_prefix(line, STR("ALTER EVENT TRIGGER ")) && str_find(line, STR(" OWNER TO ")) > 0)
			continue;
		buf_str(&kept, line);
		buf_putc(&kept, '\n');
	}
	return file_write(path, buf_view(&kept), 0644, err);
}

static bool carry_schema(const struct owndb *live, const struct clone *c, struct arena *arena, struct err *err)
{
	char schema[FILE_PATH_SIZE];
	const char *const *env = NULL;
	if (!file_path(schema, err, "%s/schema.sql", c->dir) ||
	    !owndb_elsewhere_env(live->elsewhere, NULL, arena, &env, err))
		return false;
	const char *const dump[] = {"pg_dump", "--no-password", "--schema-only", "-f", schema, NULL};
	const char *const load[] = {"psql", "-XqAt",         "-h", c->socket_dir,  "-p", "5432",
				    "-U",   OWNDB_SUPERUSER, "-d", OWNDB_DATABASE, "-v", "ON_ERROR_STOP=1",
				    "-f",   schema,          NULL};
	return run(&c->db, dump, env, err) && leave_event_triggers_to_us(schema, err) && run(&c->db, load, NULL, err);
}

bool copy_elsewhere(const struct owndb *live, struct clone *c, const char *cache_dir, struct err *err)
{
	if (live->elsewhere->tools_major == 0)
		return err_set(err, ERR_NOT_FOUND, "PostgreSQL %d or newer is not installed on this server",
			       live->major);
	struct arena *arena = arena_new(ARENA_BYTES);
	bool ok = owndb_create(&c->db, cache_dir, err) && clone_start(c, err) && carry_roles(live, &c->db, err) &&
		  carry_schema(live, c, arena, err);
	arena_free(arena);
	return ok;
}
