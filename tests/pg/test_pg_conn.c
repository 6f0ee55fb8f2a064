/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "cluster.h"
#include "pg/conn.h"

static struct cluster cluster;

static struct pg_conn *open_conn(void)
{
	struct err err;
	struct pg_conn *conn = NULL;
	if (!pg_conn_open(cluster.conninfo, 5000, &conn, &err)) fail_msg("%s", err.msg);
	return conn;
}

static void test_statement_with_parameters(void **state)
{
	(void)state;
	struct pg_conn *conn = open_conn();
	struct err err;
	char text[32];
	const char *params[] = {"4'2", NULL};
	assert_true(pg_conn_text(conn, "select $1::text || coalesce($2, '-')", 2, params, text, sizeof text, &err));
	assert_string_equal(text, "4'2-");
	assert_false(pg_conn_text(conn, "select 1 where false", 0, NULL, text, sizeof text, &err));
	assert_int_equal(err.code, ERR_NOT_FOUND);
	pg_conn_close(conn);
}

static void test_script_stops_at_the_first_error_and_says_where(void **state)
{
	(void)state;
	struct pg_conn *conn = open_conn();
	struct err err;
	struct pg_error e;
	assert_false(
	    pg_conn_script(conn, "create table a (id int); select * from missing; create table b (id int)", &e, &err));
	assert_string_equal(e.sqlstate, "42P01");
	assert_int_equal(e.position, 40);
	assert_non_null(strstr(err.msg, "missing"));
	char text[8];
	assert_true(pg_conn_text(conn, "select count(*) from pg_class where relname in ('a', 'b')", 0, NULL, text,
				 sizeof text, &err));
	assert_string_equal(text, "0");
	pg_conn_close(conn);
}

static void test_deadline_cancels_and_the_connection_lives(void **state)
{
	(void)state;
	struct pg_conn *conn = open_conn();
	struct err err;
	pg_conn_set_deadline(conn, 200);
	int64_t begin = clock_now_ms();
	assert_false(pg_conn_exec(conn, "select pg_sleep(20)", 0, NULL, NULL, NULL, &err));
	assert_int_equal(err.code, ERR_TIMEOUT);
	assert_true(clock_now_ms() - begin < 3000);
	assert_true(pg_conn_exec(conn, "select 1", 0, NULL, NULL, NULL, &err));
	pg_conn_close(conn);
}

static void test_refusals_have_their_class(void **state)
{
	(void)state;
	struct err err;
	struct pg_conn *conn;
	char info[300];
	(void)snprintf(info, sizeof info, "host=%s user=postgres dbname=nowhere", cluster.dir);
	assert_false(pg_conn_open(info, 5000, &conn, &err));
	assert_int_equal(err.code, ERR_NOT_FOUND);
	(void)snprintf(info, sizeof info, "host=%s user=nobody_here dbname=postgres", cluster.dir);
	assert_false(pg_conn_open(info, 5000, &conn, &err));
	assert_int_equal(err.code, ERR_DENIED);
	assert_false(pg_conn_open("host=/nonexistent user=x", 5000, &conn, &err));
	assert_int_equal(err.code, ERR_UNAVAILABLE);
}

static void test_broken_connection_says_so(void **state)
{
	(void)state;
	struct pg_conn *conn = open_conn();
	struct err err;
	struct pg_error e;
	assert_false(pg_conn_exec(conn, "select pg_terminate_backend(pg_backend_pid())", 0, NULL, NULL, &e, &err));
	assert_int_equal(err.code, ERR_UNAVAILABLE);
	assert_false(pg_conn_is_ok(conn));
	pg_conn_close(conn);
}

static void test_conninfo_quotes(void **state)
{
	(void)state;
	struct err err;
	char info[64] = "";
	assert_true(pg_conninfo_add(info, sizeof info, "dbname", "o'h\\o", &err));
	assert_true(pg_conninfo_add(info, sizeof info, "user", "x", &err));
	assert_string_equal(info, "dbname='o\\'h\\\\o' user='x'");
	assert_false(pg_conninfo_add(info, 40, "password", "0123456789", &err));
}

static int start(void **state)
{
	(void)state;
	cluster_start(&cluster);
	return 0;
}

static int stop(void **state)
{
	(void)state;
	cluster_stop(&cluster);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_statement_with_parameters),
	    cmocka_unit_test(test_script_stops_at_the_first_error_and_says_where),
	    cmocka_unit_test(test_deadline_cancels_and_the_connection_lives),
	    cmocka_unit_test(test_refusals_have_their_class),
	    cmocka_unit_test(test_broken_connection_says_so),
	    cmocka_unit_test(test_conninfo_quotes),
	};
	return cmocka_run_group_tests(tests, start, stop);
}
