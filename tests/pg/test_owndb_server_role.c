/* SPDX-License-Identifier: Apache-2.0
 *
 * The role of an app's own server: let in by its password alone, acting as postgres, bounded. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <sys/stat.h>

#include "ownbox.h"
#include "owndb/prelude.h"
#include "owndb/server_role.h"

static struct ownbox box;
static char app_dir[128];

static int start(void **state)
{
	(void)state;
	struct err err;
	ownbox_init(&box);
	(void)snprintf(app_dir, sizeof app_dir, "%s/app", box.dir);
	box.db.app_socket_dir = app_dir;
	box.db.app_gid = box.db.gid;
	if (!owndb_create(&box.db, box.cache_dir, &err)) ownbox_die("create", err.msg);
	ownbox_start(&box);
	return !owndb_prelude(&box.db, NULL, &err) || !owndb_server_role(&box.db, "first-password", &err);
}

static int stop(void **state)
{
	(void)state;
	ownbox_done(&box);
	return 0;
}

/* As drivers do with DATABASE_URL, here through the socket that its forwarding leads to. */
static PGconn *connect_as(const char *role, const char *password)
{
	const char *const keys[] = {"host", "dbname", "user", "password", "sslmode", NULL};
	const char *const values[] = {app_dir, "postgres", role, password, "disable", NULL};
	return PQconnectdbParams(keys, values, 0);
}

static void assert_text(PGconn *conn, const char *sql, const char *wanted)
{
	PGresult *result = PQexec(conn, sql);
	if (PQresultStatus(result) != PGRES_TUPLES_OK) fail_msg("%s: %s", sql, PQerrorMessage(conn));
	assert_string_equal(PQgetvalue(result, 0, 0), wanted);
	PQclear(result);
}

static void run(PGconn *conn, const char *sql)
{
	PGresult *result = PQexec(conn, sql);
	if (PQresultStatus(result) == PGRES_FATAL_ERROR) fail_msg("%s: %s", sql, PQerrorMessage(conn));
	PQclear(result);
}

static void assert_refused(const char *role, const char *password)
{
	PGconn *conn = connect_as(role, password);
	assert_int_equal(PQstatus(conn), CONNECTION_BAD);
	PQfinish(conn);
}

static void test_it_acts_as_postgres(void **state)
{
	(void)state;
	struct stat st;
	assert_int_equal(stat(app_dir, &st), 0);
	assert_int_equal(st.st_mode & 07, 0);
	PGconn *conn = connect_as(OWNDB_SERVER_ROLE, "first-password");
	if (PQstatus(conn) != CONNECTION_OK) fail_msg("%s", PQerrorMessage(conn));
	assert_text(conn, "select current_user || ' ' || session_user", "postgres freehold_app");
	run(conn, "create table public.made_by_server (id serial primary key)");
	assert_text(conn, "select tableowner from pg_tables where tablename = 'made_by_server'", "postgres");
	/* A pool that cleans its connections leaves it as it was. */
	run(conn, "discard all");
	run(conn, "alter table public.made_by_server enable row level security");
	run(conn, "insert into public.made_by_server default values");
	assert_text(conn, "select current_user || count(*) from public.made_by_server", "postgres1");
	/* And nothing leads further up. */
	PGresult *result = PQexec(conn, "set role supabase_admin");
	assert_int_equal(PQresultStatus(result), PGRES_FATAL_ERROR);
	PQclear(result);
	PQfinish(conn);
}

static void test_the_password_decides(void **state)
{
	(void)state;
	struct err err;
	assert_refused(OWNDB_SERVER_ROLE, "another");
	assert_refused(OWNDB_SERVER_ROLE, "");
	assert_true(owndb_server_role(&box.db, "second'\"\\ password", &err));
	assert_refused(OWNDB_SERVER_ROLE, "first-password");
	PGconn *conn = connect_as(OWNDB_SERVER_ROLE, "second'\"\\ password");
	assert_int_equal(PQstatus(conn), CONNECTION_OK);
	PQfinish(conn);
	assert_true(owndb_server_role(&box.db, "first-password", &err));
}

static void test_it_cannot_take_all_connections(void **state)
{
	(void)state;
	PGconn *conns[OWNDB_SERVER_CONNECTIONS + 1];
	for (int i = 0; i <= OWNDB_SERVER_CONNECTIONS; i++) {
		conns[i] = connect_as(OWNDB_SERVER_ROLE, "first-password");
		assert_int_equal(PQstatus(conns[i]), i < OWNDB_SERVER_CONNECTIONS ? CONNECTION_OK : CONNECTION_BAD);
	}
	assert_string_equal(ownbox_text(&box, "postgres", "select 1"), "1");
	assert_string_equal(
	    ownbox_text(
		&box, "postgres",
		"select (setting::int > 25 + 15 + 3 + 3)::text from pg_settings where name = 'max_connections'"),
	    "true");
	for (int i = 0; i <= OWNDB_SERVER_CONNECTIONS; i++) PQfinish(conns[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_it_acts_as_postgres),
	    cmocka_unit_test(test_the_password_decides),
	    cmocka_unit_test(test_it_cannot_take_all_connections),
	};
	return cmocka_run_group_tests(tests, start, stop);
}
