/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <string.h>

#include "ownbox.h"
#include "owndb/copy.h"
#include "owndb/sample.h"

static struct ownbox box;
static struct clone clone;
static struct sample_result result;
static struct err err;
static int told;

static int start(void **state)
{
	(void)state;
	ownbox_ready(&box);
	ownbox_script(
	    &box, "postgres",
	    "create table plans (code text primary key, label text);"
	    "insert into plans select 'p' || i, 'Plan ' || i from generate_series(1, 30) i;"
	    "create table \"Team's\" (a int, b uuid, plan text references plans, boss_a int, boss_b uuid,"
	    " primary key (a, b), foreign key (boss_a, boss_b) references \"Team's\");"
	    "insert into \"Team's\" select i, md5(i::text)::uuid, 'p' || (i % 30 + 1),"
	    " case when i > 1 then i - 1 end, case when i > 1 then md5((i - 1)::text)::uuid end"
	    " from generate_series(1, 2000) i;"
	    "create type mood as enum ('good', 'bad');"
	    "create table people (id bigint generated always as identity primary key, team_a int, team_b uuid,"
	    " friend bigint references people, favourite int, moods mood[], twice bigint generated always as"
	    " (id * 2) stored, foreign key (team_a, team_b) references \"Team's\");"
	    "insert into people (team_a, team_b, moods) select i % 2000 + 1, md5((i % 2000 + 1)::text)::uuid,"
	    " array['bad'::mood, 'good'] from generate_series(1, 5000) i;"
	    "update people set friend = 5001 - id;"
	    "create table posts (id int primary key, author bigint not null references people, body text);"
	    "insert into posts select i, i % 5000 + 1, 'line\tone' || chr(10) || '\\.' from generate_series(1, 9000) i;"
	    "alter table people add foreign key (favourite) references posts;"
	    "update people set favourite = id where id % 3 = 0;"
	    "create table parts (id int, day date, primary key (id, day)) partition by range (day);"
	    "create table parts_1 partition of parts for values from ('2020-01-01') to ('2021-01-01');"
	    "create table parts_2 partition of parts for values from ('2021-01-01') to ('2022-01-01');"
	    "insert into parts select i, date '2020-01-01' + i % 700 from generate_series(1, 3000) i;"
	    "create table part_notes (id int primary key, part int, day date, foreign key (part, day) references "
	    "parts);"
	    "insert into part_notes select i, i, date '2020-01-01' + i % 700 from generate_series(1, 3000) i;"
	    "create table lines (said text); insert into lines select 'l' || i from generate_series(1, 4000) i;"
	    "create function no() returns trigger language plpgsql as $$begin raise 'ran'; end$$;"
	    "create trigger no before insert on posts for each row execute function no();"
	    "select vault.create_secret('hush', 'key');"
	    "select net.http_get('https://example.org')");
	/* What the app set for its database: a day up to the twelfth could be taken for a month. */
	ownbox_script(&box, "supabase_admin", "alter database postgres set datestyle = 'sql, dmy'");
	/* What was broken before: a reference that leads nowhere here either. */
	ownbox_script(&box, "supabase_admin",
		      "create table public.torn (id int primary key, plan text references public.plans);"
		      "set session_replication_role = replica;"
		      "insert into public.torn values (1, 'gone'), (2, 'p1')");
	return 0;
}

static int stop(void **state)
{
	(void)state;
	ownbox_done(&box);
	return 0;
}

static void hear(void *arg, double done)
{
	assert_true(done > *(double *)arg && done <= 1);
	*(double *)arg = done;
	told++;
}

static void take(int64_t of_10000, int64_t rows)
{
	double last = 0;
	struct sample_rule rule = {of_10000, rows};
	told = 0;
	assert_true(clone_open(&clone, &box.db, box.clones_dir, &err));
	if (!copy_schema(&box.db, &clone, box.cache_dir, &err) ||
	    !owndb_sample(&box.db, &clone.db, &rule, hear, &last, &result, &err))
		fail_msg("%s", err.msg);
	assert_true(told > 5);
}

static int64_t ask_at(const struct owndb *db, const char *sql)
{
	struct pg_conn *conn = NULL;
	char text[64] = "";
	assert_true(owndb_connect(db, OWNDB_SUPERUSER, &conn, &err));
	if (!pg_conn_text(conn, sql, 0, NULL, text, sizeof text, &err)) fail_msg("%s: %s", sql, err.msg);
	pg_conn_close(conn);
	return strtoll(text, NULL, 10);
}

static int64_t ask(const char *sql)
{
	return ask_at(&clone.db, sql);
}

/* PostgreSQL's own word that every foreign key holds: each is made once more, which looks at every row. */
static void assert_keys_hold(void)
{
	static const char again[] =
	    "do $$declare f record; begin for f in select conrelid::regclass as t, pg_get_constraintdef(oid) as d, oid"
	    " from pg_constraint where contype = 'f' and conparentid = 0 and conrelid <> 'public.torn'::regclass loop"
	    " execute format('alter table %s add constraint %I %s', f.t, 'again_' || f.oid, f.d); end loop; end$$";
	struct pg_conn *conn = NULL;
	assert_true(owndb_connect(&clone.db, OWNDB_SUPERUSER, &conn, &err));
	if (!pg_conn_script(conn, again, NULL, &err)) fail_msg("%s", err.msg);
	pg_conn_close(conn);
}

static void assert_left_out(void)
{
	assert_int_equal(ask("select count(*) from vault.secrets"), 0);
	assert_int_equal(ask("select count(*) from net.http_request_queue"), 0);
	assert_int_equal(ask("select count(*) from pg_stat_all_tables where relname = 'freehold_sampled'"), 0);
}

static void test_a_share(void **state)
{
	(void)state;
	take(500, 0);
	assert_keys_hold();
	assert_left_out();
	assert_int_equal(ask("select count(*) from public.plans"), 30); /* small: whole */
	int64_t posts = ask("select count(*) from public.posts"), lines = ask("select count(*) from public.lines");
	assert_true(posts > 9000 / 40 && posts < 9000 / 4);
	assert_true(lines > 4000 / 40 && lines < 4000 / 10);
	assert_true(ask("select count(*) from public.people") < 5000);
	/* What a picked row says is what the live one says. */
	assert_int_equal(ask("select count(*) from public.posts where body <> E'line\\tone\\n\\\\.'"), 0);
	assert_int_equal(ask("select count(*) from public.people where twice <> id * 2 or moods <> '{bad,good}'"), 0);
	assert_int_equal(ask("select count(*) from public.parts where day <> date '2020-01-01' + id % 700"), 0);
	assert_int_equal(result.orphans, 1);
	assert_true(result.referred > 0 && result.rows > result.referred);
	/* A new row's number is free. */
	assert_int_equal(ask("insert into public.people (team_a) values (null) returning id"), 5001);
	clone_close(&clone);
	/* The same rows each time. */
	int64_t rows = result.rows;
	take(500, 0);
	assert_int_equal(result.rows, rows);
	clone_close(&clone);
}

static void test_a_number_of_rows(void **state)
{
	(void)state;
	take(0, 150);
	assert_keys_hold();
	assert_left_out();
	assert_int_equal(ask("select count(*) from public.lines"), 150);
	/* The newest by their key. */
	assert_int_equal(ask("select count(*) from public.part_notes where id > 2850"), 150);
	assert_int_equal(ask("select count(*) from public.part_notes"), 150);
	/* Teams lead to their bosses, down to the first. */
	assert_int_equal(ask("select count(*) from public.\"Team's\""), 2000);
	assert_int_equal(ask("select min(a) from public.\"Team's\""), 1);
	clone_close(&clone);
}

static void test_the_live_one_is_only_read(void **state)
{
	(void)state;
	int64_t before =
	    ask_at(&box.db,
		   "select sum(n_tup_ins + n_tup_upd + n_tup_del) from pg_stat_all_tables where schemaname = 'public'");
	take(SAMPLE_ALL, 0);
	int64_t after =
	    ask_at(&box.db,
		   "select sum(n_tup_ins + n_tup_upd + n_tup_del) from pg_stat_all_tables where schemaname = 'public'");
	assert_int_equal(after, before);
	assert_int_equal(ask("select count(*) from public.posts"), 9000);
	assert_int_equal(ask("select count(*) from public.parts"), 3000);
	assert_int_equal(result.referred, 0);
	clone_close(&clone);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_a_share),
	    cmocka_unit_test(test_a_number_of_rows),
	    cmocka_unit_test(test_the_live_one_is_only_read),
	};
	return cmocka_run_group_tests(tests, start, stop);
}
