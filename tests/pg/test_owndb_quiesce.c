/* SPDX-License-Identifier: Apache-2.0
 *
 * A source that stands still: whoever writes is refused, nothing committed is missing in the snapshot, and it can go
 * on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "cluster.h"
#include "codec/json.h"
#include "owndb/quiesce.h"

static struct cluster box;
static char owner[300];

static int start(void **state)
{
	(void)state;
	cluster_start(&box);
	cluster_script(
	    &box,
	    "create role owner login; grant create on database postgres to owner; create schema app authorization "
	    "owner; create schema auth; grant usage on schema auth to owner; create table auth.users (id int); create "
	    "table auth.audit_log_entries (id "
	    "int); create table auth.kept (id int); grant trigger, insert, select on auth.users to owner; set role "
	    "owner; create table app.rows (id int primary key); create table app.parted (id int) partition by range "
	    "(id); create table app.part partition of app.parted for values from (0) to (100)");
	(void)snprintf(owner, sizeof owner, "%s", box.conninfo);
	struct err err;
	assert_true(pg_conninfo_add(owner, sizeof owner, "user", "owner", &err));
	return 0;
}

static int stop(void **state)
{
	(void)state;
	cluster_stop(&box);
	return 0;
}

static struct pg_conn *open_conn(const char *conninfo)
{
	struct pg_conn *conn = NULL;
	struct err err;
	if (!pg_conn_open(conninfo, 10000, &conn, &err)) fail_msg("%s", err.msg);
	return conn;
}

static void assert_runs(struct pg_conn *conn, const char *sql)
{
	struct err err;
	if (!pg_conn_script(conn, sql, NULL, &err)) fail_msg("%s: %s", sql, err.msg);
}

static void assert_text(struct pg_conn *conn, const char *sql, const char *wanted)
{
	char text[200];
	struct err err;
	if (!pg_conn_text(conn, sql, 0, NULL, text, sizeof text, &err)) fail_msg("%s: %s", sql, err.msg);
	assert_string_equal(text, wanted);
}

static void assert_refused(struct pg_conn *conn, const char *sql)
{
	struct pg_error error = {0};
	struct err err;
	assert_false(pg_conn_script(conn, sql, &error, &err));
	assert_string_equal(error.sqlstate, "PT503");
}

static void refuses_each_write(void **state)
{
	(void)state;
	struct quiesce q;
	struct err err;
	json_t *report JSON_CLEANUP = json_object();
	struct pg_conn *writer = open_conn(owner);
	assert_runs(writer, "insert into app.rows values (1)");
	if (!quiesce_begin(owner, 2000, &q, report, &err)) fail_msg("%s", err.msg);
	assert_refused(writer, "begin transaction read write; insert into app.rows values (2); commit");
	assert_runs(writer, "rollback");
	assert_refused(writer, "update app.rows set id = 3");
	assert_refused(writer, "delete from app.rows");
	assert_refused(writer, "truncate app.rows");
	assert_refused(writer, "insert into app.parted values (5)");
	assert_refused(writer, "insert into app.part values (5)");
	assert_refused(writer, "insert into auth.users values (5)");
	assert_text(writer, "select string_agg(id::text, ',') from app.rows", "1");
	assert_int_equal(json_int(report, "held", 0), 4);
	assert_int_equal(json_array_size(json_object_get(report, "not_held")), 1);
	assert_string_equal(json_string_value(json_array_get(json_object_get(report, "not_held"), 0)), "auth.kept");

	/* What a dump sees. */
	char sql[200];
	struct pg_conn *dump = open_conn(owner);
	(void)snprintf(sql, sizeof sql, "begin isolation level repeatable read; set transaction snapshot '%s'",
		       q.snapshot);
	assert_runs(dump, sql);
	assert_text(dump, "select count(*)::text from app.rows", "1");
	assert_text(dump, "select count(*)::text from pg_trigger where not tgisinternal", "0");
	assert_text(dump, "select count(*)::text from pg_namespace where nspname = '" QUIESCE_SCHEMA "'", "0");
	pg_conn_close(dump);
	quiesce_close(&q);
	assert_refused(writer, "insert into app.rows values (2)");

	for (int i = 0; i < 2; i++)
		if (!quiesce_end(owner, &err)) fail_msg("%s", err.msg);
	assert_runs(writer, "insert into app.rows values (2); insert into auth.users values (5)");
	pg_conn_close(writer);
}

/* Killed in between, it is begun once more. */
static void can_be_begun_again(void **state)
{
	(void)state;
	struct quiesce q;
	struct err err;
	json_t *report JSON_CLEANUP = json_object();
	struct pg_conn *writer = open_conn(owner);
	for (int i = 0; i < 2; i++) {
		if (!quiesce_begin(owner, 2000, &q, report, &err)) fail_msg("%s", err.msg);
		quiesce_close(&q);
	}
	assert_refused(writer, "insert into app.rows values (9)");
	if (!quiesce_end(owner, &err)) fail_msg("%s", err.msg);
	assert_runs(writer, "insert into app.rows values (9)");
	pg_conn_close(writer);
}

static void a_transaction_that_stays_open_is_named(void **state)
{
	(void)state;
	struct quiesce q;
	struct err err = {0};
	json_t *report JSON_CLEANUP = json_object();
	struct pg_conn *writer = open_conn(owner), *other = open_conn(owner);
	assert_runs(writer, "begin; insert into app.rows values (20)");
	assert_false(quiesce_begin(owner, 2000, &q, report, &err));
	assert_int_equal(err.code, ERR_UNAVAILABLE);
	assert_runs(other, "insert into app.rows values (21)");
	assert_runs(writer, "commit");
	pg_conn_close(writer);
	pg_conn_close(other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(refuses_each_write),
	    cmocka_unit_test(can_be_begun_again),
	    cmocka_unit_test(a_transaction_that_stays_open_is_named),
	};
	return cmocka_run_group_tests(tests, start, stop);
}
