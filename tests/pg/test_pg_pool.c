/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/asan.h"
#include "base/clock.h"
#include "cluster.h"
#include "pg/conn.h"
#include "pg/listen.h"
#include "pg/pool.h"

static struct cluster cluster;
static uv_loop_t loop;

struct asked {
	struct pg_call call;
	bool is_done;
	char text[200]; /* first value of the last statement, or the error's SQLSTATE */
};

static void on_done(void *arg, struct pg_call *call)
{
	struct asked *a = arg;
	assert_false(a->is_done);
	a->is_done = true;
	a->text[0] = '\0';
	const PGresult *last = call->results[call->count - 1];
	if (call->failed >= 0)
		(void)snprintf(a->text, sizeof a->text, "%s",
			       PQresultErrorField(call->results[call->failed], PG_DIAG_SQLSTATE));
	else if (call->err.code == ERR_NONE && PQntuples(last) > 0)
		(void)snprintf(a->text, sizeof a->text, "%s", PQgetvalue(last, 0, 0));
	pg_call_clear(call);
}

static struct pg_pool *new_pool(int size, int queue_max, int64_t wait_ms, int statements_max)
{
	struct pg_pool_settings s = {.conninfo = cluster.conninfo,
				     .size = size,
				     .queue_max = queue_max,
				     .wait_ms = wait_ms,
				     .statements_max = statements_max};
	return pg_pool_new(&loop, &s);
}

static void stop_pool(struct pg_pool *pool)
{
	pg_pool_stop(pool, NULL, NULL);
	(void)uv_run(&loop, UV_RUN_DEFAULT);
}

static bool begin(struct pg_pool *pool, struct asked *a, const struct pg_statement *s, int count)
{
	struct err err;
	*a = (struct asked){.call = {.statements = s, .count = count, .done = on_done}};
	a->call.arg = a;
	return pg_pool_run(pool, &a->call, &err);
}

static void ask(struct pg_pool *pool, struct asked *a, const struct pg_statement *s, int count)
{
	assert_true(begin(pool, a, s, count));
	assert_false(a->is_done);
	while (!a->is_done) (void)uv_run(&loop, UV_RUN_ONCE);
}

static void test_one_transaction_and_nothing_stays(void **state)
{
	(void)state;
	struct pg_pool *pool = new_pool(1, 0, 0, 0);
	struct asked a;
	struct pg_statement set[] = {
	    {.sql = "select set_config('request.x', 'seen', true), set_config('role', 'guest', true)",
	     .is_prepared = true},
	    {.sql = "select current_setting('request.x') || current_user", .is_prepared = true},
	};
	struct pg_statement left[] = {
	    {.sql = "select coalesce(current_setting('request.x', true), '') || current_user", .is_prepared = true}};
	for (int i = 0; i < 3; i++) {
		ask(pool, &a, set, 2);
		assert_string_equal(a.text, "seenguest");
		ask(pool, &a, left, 1);
		assert_string_equal(a.text, "postgres");
	}
	struct pg_statement half[] = {{.sql = "insert into t values (1)"}, {.sql = "select 1/0"}, {.sql = "select 1"}};
	ask(pool, &a, half, 3);
	assert_string_equal(a.text, "22012");
	assert_int_equal(a.call.failed, 1);
	struct pg_statement count[] = {{.sql = "select count(*) from t"}};
	ask(pool, &a, count, 1);
	assert_string_equal(a.text, "0");
	stop_pool(pool);
}

/* Takes rows until `enough` bytes, then wants no more until it is told to. */
struct streamed {
	struct asked asked;
	int64_t rows, bytes, enough;
	bool is_paused;
};

static bool on_row(void *arg, struct pg_call *call, const PGresult *row)
{
	struct streamed *s = (struct streamed *)arg;
	assert_ptr_equal(call, &s->asked.call);
	assert_int_equal(PQntuples(row), 1);
	s->rows++;
	s->bytes += PQgetlength(row, 0, 0);
	s->is_paused = s->enough > 0 && s->bytes >= s->enough;
	return !s->is_paused;
}

static void begin_stream(struct pg_pool *pool, struct streamed *s, const struct pg_statement *statements, int count,
			 int64_t enough)
{
	struct err err;
	*s = (struct streamed){
	    .enough = enough,
	    .asked.call = {.statements = statements, .count = count, .done = on_done, .on_row = on_row}};
	s->asked.call.arg = s;
	assert_true(pg_pool_run(pool, &s->asked.call, &err));
}

static long resident_kib(void)
{
	char line[200];
	long kib = 0;
	FILE *f = fopen("/proc/self/status", "r");
	while (fgets(line, sizeof line, f) != NULL)
		if (sscanf(line, "VmRSS: %ld", &kib) == 1) break;
	(void)fclose(f);
	return kib;
}

#define LARGE "select repeat('x', 1000) from generate_series(1, 50000)" /* 50 MB */

static void test_rows_are_streamed_and_the_reader_sets_the_pace(void **state)
{
	(void)state;
	struct pg_pool *pool = new_pool(1, 0, 0, 0);
	struct streamed s;
	struct pg_statement large[] = {{.sql = "select 1"}, {.sql = LARGE, .is_streamed = true}, {.sql = "select 7"}};
	begin_stream(pool, &s, large, 3, 1 << 20);
	int pauses = 0;
	long before = resident_kib();
	while (!s.asked.is_done) {
		(void)uv_run(&loop, UV_RUN_ONCE);
		if (!s.is_paused) continue;
		int64_t rows = s.rows;
		for (int i = 0; i < 20; i++) (void)uv_run(&loop, UV_RUN_NOWAIT);
		assert_int_equal(s.rows, rows);
		s.bytes = 0;
		s.is_paused = false;
		pauses++;
		pg_call_resume(&s.asked.call);
	}
	assert_int_equal(s.rows, 50000);
	assert_in_range(pauses, 40, 50);
	assert_string_equal(s.asked.text, "7");
	/* What the sanitizer has freed it keeps. */
	if (!HAS_ASAN) assert_in_range(resident_kib(), 0, before + 16384);
	struct pg_statement again[] = {{.sql = "select 1 where false", .is_streamed = true, .is_prepared = true}};
	for (int i = 0; i < 2; i++) {
		begin_stream(pool, &s, again, 1, 0);
		while (!s.asked.is_done) (void)uv_run(&loop, UV_RUN_ONCE);
		assert_int_equal(s.rows, 0);
		assert_int_equal(s.asked.call.err.code, ERR_NONE);
	}
	stop_pool(pool);
}

static void test_an_error_before_and_among_streamed_rows(void **state)
{
	(void)state;
	struct pg_pool *pool = new_pool(1, 0, 0, 0);
	struct streamed s;
	struct pg_statement before[] = {{.sql = "select 1/0"}, {.sql = LARGE, .is_streamed = true}};
	begin_stream(pool, &s, before, 2, 0);
	while (!s.asked.is_done) (void)uv_run(&loop, UV_RUN_ONCE);
	assert_string_equal(s.asked.text, "22012");
	assert_int_equal(s.rows, 0);
	struct pg_statement among[] = {
	    {.sql = "select 1/(50000 - i) from generate_series(1, 60000) i", .is_streamed = true}};
	begin_stream(pool, &s, among, 1, 0);
	while (!s.asked.is_done) (void)uv_run(&loop, UV_RUN_ONCE);
	assert_string_equal(s.asked.text, "22012");
	assert_int_equal(s.rows, 49999);
	struct asked a;
	struct pg_statement one[] = {{.sql = "select 1"}};
	ask(pool, &a, one, 1);
	assert_string_equal(a.text, "1");
	stop_pool(pool);
}

/* While nothing is read PostgreSQL waits in the middle of a row; a cancel must reach it all the same. */
static void test_a_paused_stream_is_cancelled_and_gives_up_by_itself(void **state)
{
	(void)state;
	struct pg_pool_settings settings = {.conninfo = cluster.conninfo, .size = 1, .stall_ms = 200};
	struct pg_pool *pool = pg_pool_new(&loop, &settings);
	struct streamed s;
	struct asked a;
	struct pg_statement large[] = {{.sql = LARGE, .is_streamed = true}}, one[] = {{.sql = "select 1"}};
	begin_stream(pool, &s, large, 1, 1000);
	while (!s.is_paused) (void)uv_run(&loop, UV_RUN_ONCE);
	pg_call_cancel(pool, &s.asked.call);
	while (!s.asked.is_done) (void)uv_run(&loop, UV_RUN_ONCE);
	assert_int_equal(s.rows, 1);
	assert_string_equal(s.asked.text, "57014");
	ask(pool, &a, one, 1);
	assert_string_equal(a.text, "1");

	begin_stream(pool, &s, large, 1, 1000);
	int64_t from_ms = clock_now_ms();
	while (!s.asked.is_done) (void)uv_run(&loop, UV_RUN_ONCE);
	assert_string_equal(s.asked.text, "57014");
	assert_true(clock_now_ms() - from_ms >= 200);
	ask(pool, &a, one, 1);
	assert_string_equal(a.text, "1");
	stop_pool(pool);
}

static void test_a_paused_stream_gives_way_to_who_waits(void **state)
{
	(void)state;
	struct pg_pool_settings settings = {.conninfo = cluster.conninfo, .size = 1, .stall_pressed_ms = 200};
	struct pg_pool *pool = pg_pool_new(&loop, &settings);
	struct streamed s;
	struct asked a;
	struct pg_statement large[] = {{.sql = LARGE, .is_streamed = true}}, one[] = {{.sql = "select 1"}};
	begin_stream(pool, &s, large, 1, 1000);
	while (!s.is_paused) (void)uv_run(&loop, UV_RUN_ONCE);
	int64_t from_ms = clock_now_ms();
	while (clock_now_ms() - from_ms < 400) (void)uv_run(&loop, UV_RUN_ONCE);
	assert_false(s.asked.is_done);
	ask(pool, &a, one, 1);
	assert_string_equal(a.text, "1");
	assert_string_equal(s.asked.text, "57014");
	stop_pool(pool);
}

static void test_an_error_at_commit_is_an_error(void **state)
{
	(void)state;
	struct pg_pool *pool = new_pool(1, 0, 0, 0);
	struct asked a;
	struct pg_statement s[] = {{.sql = "insert into deferred values (1)"},
				   {.sql = "insert into deferred values (1)"}};
	ask(pool, &a, s, 2);
	assert_string_equal(a.text, "23505");
	assert_int_equal(a.call.failed, 2);
	struct pg_statement one[] = {{.sql = "select 1"}};
	ask(pool, &a, one, 1);
	assert_string_equal(a.text, "1");
	stop_pool(pool);
}

static void test_a_bare_rollback_undoes(void **state)
{
	(void)state;
	struct pg_pool *pool = new_pool(1, 0, 0, 0);
	struct asked a;
	struct pg_statement s[] = {{.sql = "insert into t values (2)"}, {.sql = "rollback"}};
	ask(pool, &a, s, 2);
	struct pg_statement count[] = {{.sql = "select count(*) from t"}};
	ask(pool, &a, count, 1);
	assert_string_equal(a.text, "0");
	stop_pool(pool);
}

static void test_prepared_statements_survive_a_schema_change(void **state)
{
	(void)state;
	struct pg_pool *pool = new_pool(1, 0, 0, 2);
	struct asked a;
	cluster_script(&cluster, "create table shape (a int); insert into shape values (7)");
	struct pg_statement s[] = {{.sql = "select * from shape", .is_prepared = true}};
	ask(pool, &a, s, 1);
	cluster_script(&cluster, "alter table shape add b text, alter a type text using 'x' || a");
	ask(pool, &a, s, 1);
	assert_string_equal(a.text, "x7");
	struct pg_statement all[] = {{.sql = "deallocate all"}};
	ask(pool, &a, all, 1);
	ask(pool, &a, s, 1);
	assert_string_equal(a.text, "x7");
	for (int i = 0; i < 20; i++) {
		char sql[40];
		(void)snprintf(sql, sizeof sql, "select %d", i % 5);
		struct pg_statement many[] = {{.sql = sql, .is_prepared = true}};
		ask(pool, &a, many, 1);
		assert_int_equal(atoi(a.text), i % 5);
	}
	stop_pool(pool);
}

static void test_a_full_queue_is_said_at_once_and_waiting_ends(void **state)
{
	(void)state;
	struct pg_pool *pool = new_pool(1, 2, 200, 0);
	struct pg_statement slow[] = {{.sql = "select pg_sleep(1)"}};
	struct asked a[4];
	assert_true(begin(pool, &a[0], slow, 1));
	while (a[0].call.conn == NULL) (void)uv_run(&loop, UV_RUN_ONCE);
	assert_true(begin(pool, &a[1], slow, 1));
	assert_true(begin(pool, &a[2], slow, 1));
	assert_false(begin(pool, &a[3], slow, 1));
	while (!a[1].is_done || !a[2].is_done) (void)uv_run(&loop, UV_RUN_ONCE);
	assert_int_equal(a[1].call.err.code, ERR_TIMEOUT);
	assert_false(a[0].is_done);
	while (!a[0].is_done) (void)uv_run(&loop, UV_RUN_ONCE);
	assert_int_equal(a[0].call.err.code, ERR_NONE);
	stop_pool(pool);
}

static void test_cancel_and_run_deadline(void **state)
{
	(void)state;
	struct pg_pool *pool = new_pool(1, 0, 0, 0);
	struct pg_statement slow[] = {{.sql = "select pg_sleep(30)"}};
	struct asked a, b;
	int64_t from = clock_now_ms();
	assert_true(begin(pool, &a, slow, 1));
	assert_true(begin(pool, &b, slow, 1));
	while (a.call.conn == NULL) (void)uv_run(&loop, UV_RUN_ONCE);
	pg_call_cancel(pool, &b.call);
	pg_call_cancel(pool, &a.call);
	while (!a.is_done || !b.is_done) (void)uv_run(&loop, UV_RUN_ONCE);
	assert_string_equal(a.text, "57014");
	assert_int_equal(b.call.err.code, ERR_TIMEOUT);
	a = (struct asked){.call = {.statements = slow, .count = 1, .done = on_done, .arg = &a, .run_ms = 100}};
	struct err err;
	assert_true(pg_pool_run(pool, &a.call, &err));
	while (!a.is_done) (void)uv_run(&loop, UV_RUN_ONCE);
	assert_string_equal(a.text, "57014");
	assert_true(clock_now_ms() - from < 5000);
	stop_pool(pool);
}

static void test_a_restart_of_the_server(void **state)
{
	(void)state;
	struct pg_pool *pool = new_pool(2, 0, 5000, 0);
	struct pg_statement one[] = {{.sql = "select 1", .is_prepared = true}};
	struct pg_statement slow[] = {{.sql = "select pg_sleep(30)"}};
	struct asked a, b;
	ask(pool, &a, one, 1);
	assert_true(begin(pool, &b, slow, 1));
	while (b.call.conn == NULL) (void)uv_run(&loop, UV_RUN_ONCE);
	cluster_kill(&cluster);
	while (!b.is_done) (void)uv_run(&loop, UV_RUN_ONCE);
	assert_int_equal(b.call.err.code, ERR_UNAVAILABLE);
	assert_true(begin(pool, &a, one, 1));
	for (int i = 0; i < 5; i++) (void)uv_run(&loop, UV_RUN_NOWAIT);
	cluster_restart(&cluster);
	while (!a.is_done) (void)uv_run(&loop, UV_RUN_ONCE);
	assert_string_equal(a.text, "1");
	stop_pool(pool);
}

/* The server said something and then died with unread bytes of ours: the socket is in error and has bytes to read. */
static void test_a_death_behind_unread_words_is_seen(void **state)
{
	(void)state;
	enum { LARGE_BYTES = 200000 };
	struct pg_pool *pool = new_pool(1, 0, 5000, 0);
	struct pg_conn *look = NULL;
	struct err err;
	struct asked a;
	char *large = calloc(1, LARGE_BYTES + 1), count[8] = "";
	assert_non_null(large);
	(void)memset(large, 'x', LARGE_BYTES);
	const char *params[] = {large};
	struct pg_statement one[] = {{.sql = "select 1"}};
	struct pg_statement two[] = {{.sql = "do $$ begin raise notice 'said'; perform pg_sleep(60); end $$"},
				     {.sql = "select length($1::text)", .param_count = 1, .params = params}};
	assert_true(pg_conn_open(cluster.conninfo, 5000, &look, &err));
	ask(pool, &a, one, 1);
	assert_true(begin(pool, &a, two, 2));
	while (strcmp(count, "1") != 0)
		assert_true(pg_conn_text(look, "select count(*) from pg_stat_activity where wait_event = 'PgSleep'", 0,
					 NULL, count, sizeof count, &err));
	pg_conn_close(look);
	cluster_kill(&cluster);
	int64_t from_ms = clock_now_ms();
	while (!a.is_done) (void)uv_run(&loop, UV_RUN_ONCE);
	assert_true(clock_now_ms() - from_ms < 10000);
	assert_int_equal(a.call.err.code, ERR_UNAVAILABLE);
	cluster_restart(&cluster);
	stop_pool(pool);
	free(large);
}

struct heard {
	int begun;
	char payload[50];
};

static void on_notify(void *arg, const char *payload)
{
	struct heard *h = arg;
	if (payload == NULL)
		h->begun++;
	else
		(void)snprintf(h->payload, sizeof h->payload, "%s", payload);
}

static void test_notifications_come_also_after_a_lost_connection(void **state)
{
	(void)state;
	struct heard h = {0};
	struct pg_listener *l = pg_listener_new(&loop, cluster.conninfo, "a \"channel", on_notify, &h);
	for (int round = 1; round <= 2; round++) {
		while (h.begun < round) (void)uv_run(&loop, UV_RUN_ONCE);
		h.payload[0] = '\0';
		cluster_script(&cluster, "select pg_notify('a \"channel', 'reload schema')");
		while (h.payload[0] == '\0') (void)uv_run(&loop, UV_RUN_ONCE);
		assert_string_equal(h.payload, "reload schema");
		cluster_script(&cluster,
			       "select pg_terminate_backend(pid) from pg_stat_activity where query ilike 'listen%'");
	}
	pg_listener_stop(l);
	(void)uv_run(&loop, UV_RUN_DEFAULT);
}

static int start(void **state)
{
	(void)state;
	cluster_start(&cluster);
	cluster_script(&cluster, "create role guest; create table t (a int);"
				 "create table deferred (a int unique deferrable initially deferred)");
	return uv_loop_init(&loop);
}

static int stop(void **state)
{
	(void)state;
	cluster_stop(&cluster);
	return uv_loop_close(&loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_one_transaction_and_nothing_stays),
	    cmocka_unit_test(test_rows_are_streamed_and_the_reader_sets_the_pace),
	    cmocka_unit_test(test_an_error_before_and_among_streamed_rows),
	    cmocka_unit_test(test_a_paused_stream_is_cancelled_and_gives_up_by_itself),
	    cmocka_unit_test(test_a_paused_stream_gives_way_to_who_waits),
	    cmocka_unit_test(test_an_error_at_commit_is_an_error),
	    cmocka_unit_test(test_a_bare_rollback_undoes),
	    cmocka_unit_test(test_prepared_statements_survive_a_schema_change),
	    cmocka_unit_test(test_a_full_queue_is_said_at_once_and_waiting_ends),
	    cmocka_unit_test(test_cancel_and_run_deadline),
	    cmocka_unit_test(test_a_restart_of_the_server),
	    cmocka_unit_test(test_a_death_behind_unread_words_is_seen),
	    cmocka_unit_test(test_notifications_come_also_after_a_lost_connection),
	};
	return cmocka_run_group_tests(tests, start, stop);
}
