/* SPDX-License-Identifier: Apache-2.0 */
#include "owndb/copy.h"

#include <stdio.h>
#include <string.h>

#include "owndb/tool.h"

#define COPY_DEADLINE_MS (3600 * 1000)
#define SAID_MAX_BYTES 4096

struct copying {
	void (*on_progress)(void *arg, double done);
	void *arg;
	struct buf said; /* its last words */
};

/* "12345/67890 kB (18%), 0/1 tablespace", a line each time. */
static void hear(struct copying *p, struct str line)
{
	int64_t done = 0, all = 0;
	ptrdiff_t slash = str_find(line, STR("/")), unit = str_find(line, STR(" kB"));
	bool is_progress = slash > 0 && unit > slash && str_to_int(str_trim(str_sub(line, 0, (size_t)slash)), &done) &&
			   str_to_int(str_sub(line, (size_t)slash + 1, (size_t)unit), &all);
	if (is_progress && p->on_progress != NULL && all > 0)
		p->on_progress(p->arg, done < all ? (double)done / (double)all : 1);
	if (is_progress || str_trim(line).len == 0) return;
	buf_str(&p->said, str_trim(line));
	buf_puts(&p->said, "; ");
}

static void on_said(void *arg, int stream, struct str bytes)
{
	struct str line;
	(void)stream;
	while (str_next(&bytes, '\n', &line)) hear(arg, line);
}

bool copy_full(const struct owndb *live, struct clone *c, void (*on_progress)(void *arg, double done), void *arg,
	       struct err *err)
{
	struct copying copying = {on_progress, arg, {0}};
	struct proc_result result;
	const char *const argv[] = {"pg_basebackup",
				    "-h",
				    live->socket_dir,
				    "-p",
				    "5432",
				    "-U",
				    OWNDB_SUPERUSER,
				    "-D",
				    c->data_dir,
				    "--wal-method=stream",
				    "--checkpoint=fast",
				    "--no-sync",
				    "--no-manifest",
				    "--no-password",
				    "--progress",
				    NULL};
	buf_init(&copying.said, SAID_MAX_BYTES);
	bool ok = tool_stream(live, argv, NULL, on_said, &copying, &result, err) &&
		  (result.exit_status == 0 || err_set(err, ERR_FAILED, "%.400s", buf_cstr(&copying.said)));
	buf_done(&copying.said);
	return (ok || err_wrap(err, "copy the live database")) && clone_start(c, err);
}

/* One of PostgreSQL's programs writes a script about the live cluster, psql runs it in the clone. */
static bool carry(const struct owndb *live, struct clone *c, const char *const *dump, const char *file,
		  const char *role, bool stop_on_error, struct err *err)
{
	static const char into[] = "dbname=" OWNDB_DATABASE " options='-c default_transaction_read_only=off'";
	const char *const load[] = {"psql",
				    "-X",
				    "-q",
				    "-h",
				    c->socket_dir,
				    "-p",
				    "5432",
				    "-U",
				    role,
				    "-d",
				    into,
				    "-v",
				    stop_on_error ? "ON_ERROR_STOP=1" : "ON_ERROR_STOP=0",
				    "-f",
				    file,
				    NULL};
	return tool_run(live, dump, COPY_DEADLINE_MS, err) && tool_run(&c->db, load, COPY_DEADLINE_MS, err);
}

/* Settings of the database are in no dump that leaves the database itself out. Each is set in a session and kept from
 * there, so that no value becomes SQL; in one transaction, since one of them may make the next ones read-only. */
static bool carry_settings(const struct owndb *live, const struct owndb *clone, struct err *err)
{
	static const char sql[] =
	    "select split_part(c, '=', 1), substr(c, strpos(c, '=') + 1),"
	    " format('alter database postgres set %I from current', split_part(c, '=', 1))"
	    " from pg_db_role_setting s join pg_database d on d.oid = s.setdatabase, unnest(s.setconfig) c"
	    " where s.setrole = 0 and d.datname = 'postgres'";
	struct pg_conn *from = NULL, *to = NULL;
	PGresult *rows PG_RESULT_CLEANUP = NULL;
	bool ok = owndb_connect(live, OWNDB_SUPERUSER, &from, err) && owndb_connect(clone, OWNDB_SUPERUSER, &to, err) &&
		  pg_conn_exec(from, sql, 0, NULL, &rows, NULL, err) &&
		  pg_conn_exec(to, "alter database postgres owner to postgres", 0, NULL, NULL, NULL, err) &&
		  pg_conn_exec(to, "begin read write", 0, NULL, NULL, NULL, err);
	for (int i = 0; ok && i < PQntuples(rows); i++) {
		const char *const pair[] = {PQgetvalue(rows, i, 0), PQgetvalue(rows, i, 1)};
		ok = pg_conn_exec(to, "select pg_catalog.set_config($1, $2, false)", 2, pair, NULL, NULL, err) &&
		     pg_conn_exec(to, PQgetvalue(rows, i, 2), 0, NULL, NULL, NULL, err);
	}
	ok = ok && pg_conn_exec(to, "commit", 0, NULL, NULL, NULL, err);
	pg_conn_close(from);
	pg_conn_close(to);
	return ok;
}

static bool carry_schema(const struct owndb *live, struct clone *c, struct err *err)
{
	char roles[FILE_PATH_SIZE], schema[FILE_PATH_SIZE], rows[FILE_PATH_SIZE];
	if (!file_path(roles, err, "%s/roles.sql", c->dir) || !file_path(schema, err, "%s/schema.sql", c->dir) ||
	    !file_path(rows, err, "%s/rows.sql", c->dir))
		return false;
	const char *const dump_roles[] = {
	    "pg_dumpall",    "-h",           live->socket_dir,      "-p", "5432", "-U", OWNDB_SUPERUSER,
	    "--no-password", "--roles-only", "--no-role-passwords", "-f", roles,  NULL};
	const char *const dump_schema[] = {
	    "pg_dump",       "-h", live->socket_dir, "-p",           "5432", "-U", OWNDB_SUPERUSER, "--no-password",
	    "--schema-only", "-f", schema,           OWNDB_DATABASE, NULL};
	const char *const dump_rows[] = {"pg_dump",
					 "-h",
					 live->socket_dir,
					 "-p",
					 "5432",
					 "-U",
					 OWNDB_SUPERUSER,
					 "--no-password",
					 "--data-only",
					 "-t",
					 "storage.buckets",
					 "-t",
					 "cron.job",
					 "-t",
					 "supabase_migrations.schema_migrations",
					 "-f",
					 rows,
					 OWNDB_DATABASE,
					 NULL};
	/* The superuser is there already, which is the one error among the roles. Rows go in as the app's owner: their
	 * tables may have triggers and constraints of the app's. */
	return carry(live, c, dump_roles, roles, OWNDB_SUPERUSER, false, err) &&
	       carry(live, c, dump_schema, schema, OWNDB_SUPERUSER, true, err) &&
	       carry(live, c, dump_rows, rows, OWNDB_MIGRATOR, true, err) && carry_settings(live, &c->db, err);
}

bool copy_schema(const struct owndb *live, struct clone *c, const char *cache_dir, struct err *err)
{
	return owndb_create(&c->db, cache_dir, err) && clone_start(c, err) &&
	       (carry_schema(live, c, err) || err_wrap(err, "copy the live database's schema"));
}
