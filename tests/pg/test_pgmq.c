/* SPDX-License-Identifier: Apache-2.0
 *
 * Queues under several readers at once: each message to one of them while it is hidden, and back when it was not
 * deleted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "ownbox.h"
#include "waiting.h"

#define OWNER "postgres"
#define READERS 4

static struct ownbox box;

static void script(const char *sql)
{
	ownbox_script(&box, OWNER, sql);
}

static void is(const char *sql, const char *want)
{
	is_now(&box, OWNER, sql, want);
}

static struct pg_conn *connect_as_owner(void)
{
	struct pg_conn *conn;
	struct err err;
	if (!owndb_connect(&box.db, OWNER, &conn, &err)) fail_msg("%s", err.msg);
	return conn;
}

static const char *text(struct pg_conn *conn, const char *sql)
{
	static char value[1000];
	struct err err;
	if (!pg_conn_text(conn, sql, 0, NULL, value, sizeof value, &err)) fail_msg("%s: %s", sql, err.msg);
	return value;
}

/* Takes seven at a time until nothing is left; the table's key refuses what comes twice. */
static void work(void)
{
	struct pg_conn *conn;
	struct err err;
	char value[64];
	if (!owndb_connect(&box.db, OWNER, &conn, &err)) _exit(2);
	do {
		if (!pg_conn_text(
			conn,
			"with taken as (select msg_id from pgmq.read('work', 60, 7)), done as (insert into seen "
			"select msg_id from taken returning id), gone as (select pgmq.delete('work', "
			"array(select id from done))) select count(*)::text from gone",
			0, NULL, value, sizeof value, &err)) {
			(void)fprintf(stderr, "%s\n", err.msg);
			_exit(3);
		}
	} while (strcmp(value, "0") != 0);
	_exit(0);
}

static void test_readers(void **state)
{
	(void)state;
	script("create table seen (id bigint primary key); select pgmq.create('work'); select pgmq.send_batch('work', "
	       "array(select jsonb_build_object('n', n) from generate_series(1, 1500) n))");
	pid_t pids[READERS];
	for (int i = 0; i < READERS; i++)
		if ((pids[i] = fork()) == 0) work();
	for (int i = 0; i < READERS; i++) {
		int status = -1;
		(void)waitpid(pids[i], &status, 0);
		assert_int_equal(status, 0);
	}
	is("select count(*) from seen", "1500");
	is("select queue_length || '/' || total_messages from pgmq.metrics('work')", "0/1500");
}

static void test_hidden(void **state)
{
	(void)state;
	struct pg_conn *one = connect_as_owner(), *other = connect_as_owner();
	struct err err;
	script(
	    "select pgmq.create('jobs'); select pgmq.send('jobs', '{\"n\":1}'); select pgmq.send('jobs', '{\"n\":2}')");
	/* Read and not committed: nobody else waits for it or gets it. */
	assert_true(pg_conn_exec(one, "begin", 0, NULL, NULL, NULL, &err));
	assert_string_equal(text(one, "select message ->> 'n' from pgmq.read('jobs', 1, 1)"), "1");
	assert_string_equal(text(other, "select message ->> 'n' from pgmq.read('jobs', 30, 5)"), "2");
	assert_true(pg_conn_exec(one, "rollback", 0, NULL, NULL, NULL, &err));
	/* Its reader dies: it comes back after its time, and not before, read once more. */
	assert_string_equal(text(one, "select read_ct::text from pgmq.read('jobs', 1, 1)"), "1");
	pg_conn_close(one);
	assert_string_equal(text(other, "select count(*)::text from pgmq.read('jobs', 30, 5)"), "0");
	assert_string_equal(
	    text(other, "select read_ct || '/' || (clock_timestamp() - enqueued_at > interval '1 second')::text from "
			"pgmq.read_with_poll('jobs', 30, 5, 10, 20)"),
	    "2/true");
	assert_string_equal(text(other, "select count(*)::text from pgmq.read_with_poll('jobs', 30, 5, 0)"), "0");
	pg_conn_close(other);
}

static void test_shapes(void **state)
{
	(void)state;
	script(
	    "select pgmq.create('s'); set client_min_messages = error; select pgmq.create_partitioned('parts');"
	    "select pgmq.send('s', '{\"a\":1}'::jsonb, '{\"h\":1}'::jsonb, 0);"
	    "select pgmq.send('s', '{\"a\":2}'::jsonb, now() + interval '1 hour');"
	    "select pgmq.send_batch('s', array['{\"a\":3}', '{\"a\":4}']::jsonb[], array['{\"h\":3}', null]::jsonb[])");
	is("select string_agg(message ->> 'a', ',' order by msg_id) from pgmq.read('s', 0, 9, '{\"a\":3}')", "3");
	is("select string_agg((message ->> 'a') || coalesce(headers ->> 'h', '-'), ',' order by msg_id) from "
	   "pgmq.pop('s', 9)",
	   "11,33,4-");
	is("select queue_length || '/' || queue_visible_length from pgmq.metrics('s')", "1/0");
	is("select count(*) from pgmq.metrics_all() where queue_name in ('s', 'parts')", "2");
	is("select pgmq.drop_queue('parts', true)", "t");
	script("grant usage on schema pgmq to authenticated; set role service_role; select pgmq_public.send('s', "
	       "'{\"b\":1}'); select pgmq_public.archive('s', (select msg_id from pgmq_public.read('s', 5, 1)))");
	is("select message ->> 'b' from pgmq.a_s", "1");
	struct pg_conn *conn = connect_as_owner();
	struct err err;
	assert_false(pg_conn_script(conn, "set role authenticated; select pgmq_public.send('s', '{}')", NULL, &err));
	assert_non_null(strstr(err.msg, "permission denied for table q_s"));
	pg_conn_close(conn);
}

static int set_up(void **state)
{
	(void)state;
	ownbox_ready(&box);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	ownbox_done(&box);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_readers),
	    cmocka_unit_test(test_hidden),
	    cmocka_unit_test(test_shapes),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
