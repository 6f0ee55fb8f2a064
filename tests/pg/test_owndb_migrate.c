/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "ownbox.h"
#include "owndb/migrate.h"

static struct ownbox box;
static struct arena *arena;
static struct migration_plan plan;
static struct owndb_pending pending;
static struct owndb_failure failure;
static struct err err;
static char heard[4096];

static int start(void **state)
{
	(void)state;
	ownbox_ready(&box);
	arena = arena_new(64u << 20);
	return 0;
}

static int stop(void **state)
{
	(void)state;
	ownbox_done(&box);
	arena_free(arena);
	return 0;
}

/* Each test begins with no migrations anywhere. */
static int forget(void **state)
{
	(void)state;
	ownbox_clear_source(&box);
	ownbox_script(&box, "postgres",
		      "set client_min_messages = error; drop schema public cascade; create schema public;"
		      "truncate supabase_migrations.schema_migrations");
	heard[0] = '\0';
	return 0;
}

static void on_event(void *arg, const struct owndb_event *e)
{
	static const char *const words[] = {"begin", "done", "commit", "note"};
	(void)arg;
	size_t used = strlen(heard);
	(void)snprintf(heard + used, sizeof heard - used, "%s %s%s%s\n", words[e->kind], e->migration->version,
		       e->text != NULL ? ": " : "", e->text != NULL ? e->text : "");
}

static void look(void)
{
	arena_reset(arena);
	ownbox_plan(&box, arena, &plan);
}

static void compare(void)
{
	if (!owndb_pending(&box.db, box.source_dir, &plan, arena, &pending, &err)) fail_msg("%s", err.msg);
}

static bool migrate(const char *const *known)
{
	struct owndb_migration_run run = {.source_dir = box.source_dir,
					  .plan = &plan,
					  .pending = &pending,
					  .known_tables = known,
					  .on_event = on_event};
	heard[0] = '\0';
	compare();
	return owndb_migrate(&box.db, &run, &failure, &err);
}

static void must_migrate(void)
{
	if (!migrate(NULL)) fail_msg("%s | %s", err.msg, failure.advice);
}

static const char *versions(void)
{
	return ownbox_text(&box, "postgres",
			   "select coalesce(string_agg(version, ' ' order by version), '')"
			   " from supabase_migrations.schema_migrations");
}

static bool has_table(const char *name)
{
	char sql[128];
	(void)snprintf(sql, sizeof sql, "select to_regclass('%s') is not null", name);
	return strcmp(ownbox_text(&box, "postgres", sql), "t") == 0;
}

static void test_together(void **state)
{
	(void)state;
	ownbox_write_source(&box, "001_a.sql", "create table a (id int);\n-- x\ninsert into a values (1);");
	ownbox_write_source(&box, "002_b.sql", "create table b (t text default 'it''s; \\ \"q\"');\n");
	look();
	must_migrate();
	assert_string_equal(heard, "begin 001\ndone 001\nbegin 002\ndone 002\ncommit 002\n");
	assert_int_equal(failure.applied_count, 2);
	assert_string_equal(versions(), "001 002");
	assert_string_equal(ownbox_text(&box, "postgres",
					"select name || ' ' || statements[2] from supabase_migrations.schema_migrations"
					" where version = '001'"),
			    "a insert into a values (1)");
	assert_string_equal(ownbox_text(&box, "postgres",
					"select statements[1] from supabase_migrations.schema_migrations where version "
					"= '002'"),
			    "create table b (t text default 'it''s; \\ \"q\"')");
	/* Again: nothing to do. */
	look();
	must_migrate();
	assert_string_equal(heard, "");
	assert_int_equal(pending.applied_count, 2);
	assert_int_equal(pending.edited_count + pending.gone_count + pending.out_of_order_count, 0);
}

static void test_edited_gone_late(void **state)
{
	(void)state;
	ownbox_write_source(&box, "20240102_a.sql", "create table a (id int);");
	ownbox_write_source(&box, "20240103_b.sql", "create table b (id int);");
	ownbox_write_source(&box, "20240104_c.sql", "create table c (id int);");
	look();
	must_migrate();
	ownbox_clear_source(&box);
	ownbox_write_source(&box, "20240101_late.sql", "create table late (id int);");
	ownbox_write_source(&box, "20240102_a.sql", "-- only spaces\ncreate   table a (id int)\n;");
	ownbox_write_source(&box, "20240103_b.sql", "create table b (id bigint);");
	look();
	compare();
	assert_int_equal(pending.pending_count, 1);
	assert_int_equal(pending.out_of_order_count, 1);
	assert_string_equal(pending.out_of_order[0]->file, "20240101_late.sql");
	assert_int_equal(pending.edited_count, 1);
	assert_string_equal(pending.edited[0]->file, "20240103_b.sql");
	assert_int_equal(pending.gone_count, 1);
	assert_string_equal(pending.gone[0].version, "20240104");
	assert_string_equal(pending.gone[0].name, "c");
	must_migrate();
	assert_true(has_table("late"));
}

static void test_same_version(void **state)
{
	(void)state;
	ownbox_write_source(&box, "7_a.sql", "select 1");
	ownbox_write_source(&box, "7_b.sql", "select 1");
	look();
	assert_false(owndb_pending(&box.db, box.source_dir, &plan, arena, &pending, &err));
	assert_int_equal(err.code, ERR_REFUSED);
	assert_non_null(strstr(err.msg, "7_b.sql"));
}

static void test_changed_since_plan(void **state)
{
	(void)state;
	ownbox_write_source(&box, "1_a.sql", "create table a (id int)");
	look();
	ownbox_write_source(&box, "1_a.sql", "create table a (id int); grant all on a to anon");
	assert_false(migrate(NULL));
	assert_int_equal(err.code, ERR_CONFLICT);
	assert_false(has_table("a"));
	/* A link out of the folder, and a plan that points out of it. */
	char path[256];
	(void)snprintf(path, sizeof path, "%s/supabase/migrations/1_a.sql", box.source_dir);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(symlink("/etc/passwd", path), 0);
	assert_false(migrate(NULL));
	assert_int_equal(unlink(path), 0);
	plan.dir = "../../../../etc";
	plan.migrations[0].file = "passwd";
	assert_false(migrate(NULL));
}

static void test_error_in_third(void **state)
{
	(void)state;
	static const char *const known[] = {"posts", "public.profiles", NULL};
	ownbox_write_source(&box, "1_a.sql", "create table a (id int);");
	ownbox_write_source(&box, "2_b.sql", "create table b (id int);");
	ownbox_write_source(&box, "3_c.sql",
			    "create table c (id int);\n\n-- \xc3\xbc\ninsert into c values (1);\ncreate index on\n"
			    "  public.profiles (id);\nselect 1;");
	look();
	assert_false(migrate(known));
	assert_int_equal(err.code, ERR_FAILED);
	assert_true(failure.is_sql);
	assert_string_equal(failure.file, "3_c.sql");
	assert_int_equal(failure.line, 5); /* PostgreSQL gives no position for this one */
	assert_string_equal(failure.statement, "create index on public.profiles (id)");
	assert_string_equal(failure.error.sqlstate, "42P01");
	assert_non_null(strstr(failure.advice, "profiles is in types.ts"));
	assert_int_equal(failure.applied_count, 0);
	assert_string_equal(versions(), "");
	assert_false(has_table("a"));
	ownbox_write_source(&box, "3_c.sql", "create table c (id int);\n\nselect id,\n       nme\nfrom c;");
	look();
	assert_false(migrate(NULL));
	assert_int_equal(failure.line, 4);
	assert_int_equal(failure.column, 8);
	assert_string_equal(failure.error.sqlstate, "42703");
	assert_string_equal(versions(), "");
}

static void test_boundaries(void **state)
{
	(void)state;
	ownbox_write_source(&box, "1_a.sql", "create table a (id int); create type mood as enum ('x');");
	ownbox_write_source(&box, "2_b.sql", "alter type mood add value 'y';");
	ownbox_write_source(&box, "3_c.sql", "create table c (m mood default 'y'); insert into c default values;");
	ownbox_write_source(&box, "4_d.sql",
			    "create index concurrently d on a (id); begin; create table d4 (id int); commit;");
	ownbox_write_source(&box, "5_e.sql", "create table e (id int);");
	look();
	plan.migrations[1].boundary = MIGRATION_COMMIT_AFTER;
	plan.migrations[1].boundary_reason = "adds an enum value";
	plan.migrations[3].boundary = MIGRATION_NO_TRANSACTION;
	plan.migrations[3].boundary_reason = "CONCURRENTLY";
	must_migrate();
	assert_string_equal(heard, "begin 1\ndone 1\nbegin 2: adds an enum value\ndone 2\ncommit 2\nbegin 3\ndone 3\n"
				   "commit 4\nbegin 4: CONCURRENTLY\ndone 4\ncommit 4\nbegin 5\ndone 5\ncommit 5\n");
	assert_string_equal(versions(), "1 2 3 4 5");
}

/* Made in the same transaction, the type's new value may be used at once from PostgreSQL 17 on, and all commits
 * together; before, the boundary is kept. */
static void test_lifted(void **state)
{
	(void)state;
	ownbox_write_source(&box, "1_a.sql", "create type mood as enum ('x');");
	ownbox_write_source(&box, "2_b.sql", "alter type mood add value 'y';");
	ownbox_write_source(&box, "3_c.sql", "create table c (m mood default 'y'); insert into c default values;");
	look();
	plan.migrations[1].boundary = MIGRATION_COMMIT_AFTER;
	plan.migrations[1].boundary_reason = "adds an enum value";
	plan.migrations[1].boundary_lifted_by = "1";
	must_migrate();
	if (box.db.major >= 17)
		assert_string_equal(heard, "begin 1\ndone 1\nbegin 2\ndone 2\nbegin 3\ndone 3\ncommit 3\n");
	else
		assert_non_null(strstr(heard, "done 2\ncommit 2\nbegin 3\n"));
}

/* What came before a boundary stays, what a boundary's own statements did stays and is counted, the rest is not there.
 */
static void test_error_in_boundary(void **state)
{
	(void)state;
	ownbox_write_source(&box, "1_a.sql", "create table a (id int);");
	ownbox_write_source(&box, "2_b.sql",
			    "create table b (id int); create table b2 (id int); select 1/0; create table b3 (id int)");
	ownbox_write_source(&box, "3_c.sql", "create table c (id int);");
	look();
	plan.migrations[1].boundary = MIGRATION_NO_TRANSACTION;
	plan.migrations[1].boundary_reason = "its own transactions";
	assert_false(migrate(NULL));
	assert_int_equal(failure.applied_count, 1);
	assert_int_equal(failure.kept_statements, 2);
	assert_string_equal(versions(), "1");
	assert_true(has_table("b2"));
	assert_false(has_table("b3"));
	assert_false(has_table("c"));
}

/* A plan that overlooked a COMMIT: it is noticed at once. An unfinished BEGIN too. */
static void test_own_commit(void **state)
{
	(void)state;
	ownbox_write_source(&box, "1_a.sql", "create table a (id int); commit; create table b (id int);");
	look();
	assert_false(migrate(NULL));
	assert_non_null(strstr(err.msg, "ended the transaction"));
	assert_false(has_table("b"));
	ownbox_write_source(&box, "1_a.sql", "begin; create table z (id int);");
	look();
	plan.migrations[0].boundary = MIGRATION_NO_TRANSACTION;
	plan.migrations[0].boundary_reason = "x";
	assert_false(migrate(NULL));
	assert_non_null(strstr(err.msg, "never commits"));
	assert_false(has_table("z"));
	/* In one statement of the plan hides a second one. */
	ownbox_write_source(&box, "1_a.sql", "create table y (id int); commit");
	look();
	plan.migrations[0].statement_count = 1;
	plan.migrations[0].statements[0].len = 31;
	assert_false(migrate(NULL));
	assert_false(has_table("y"));
}

static void test_session_is_reset(void **state)
{
	(void)state;
	ownbox_write_source(&box, "1_dump.sql",
			    "SET statement_timeout = 0; SELECT pg_catalog.set_config('search_path', '', false);"
			    "CREATE TABLE public.a (id int); SET ROLE anon;");
	ownbox_write_source(&box, "2_b.sql",
			    "create table b as select current_setting('statement_timeout') t, current_user::text u,"
			    " current_setting('search_path') s;");
	look();
	must_migrate();
	assert_string_equal(ownbox_text(&box, "postgres", "select t || ' ' || u || ' ' || s from b"),
			    "15min postgres \"$user\", public, extensions");
}

static void test_no_superuser(void **state)
{
	(void)state;
	static const char *const forbidden[] = {
	    "alter role postgres superuser",
	    "set role supabase_admin",
	    "set session authorization supabase_admin",
	    "copy pg_class to program 'cat'",
	    "copy pg_class to '/tmp/x'",
	    "create role me superuser",
	    "grant pg_execute_server_program to postgres",
	    "grant supabase_admin to postgres",
	    "create function f() returns int language c as '/lib/x.so'",
	    "alter system set fsync = off",
	    "select pg_read_file('postgresql.conf')",
	    "select vault.freehold_key()",
	    "update freehold.prelude set sha256 = ''",
	    "create event trigger e on ddl_command_end execute function extensions.pgrst_ddl_watch()",
	    "create trigger t before insert on vault.secrets execute function auth.uid()",
	    "create or replace function extensions.pgp_sym_decrypt(bytea, text) returns text language sql as ''",
	};
	for (size_t i = 0; i < sizeof forbidden / sizeof *forbidden; i++) {
		ownbox_write_source(&box, "1_a.sql", forbidden[i]);
		look();
		if (migrate(NULL)) fail_msg("allowed: %s", forbidden[i]);
		assert_true(failure.is_sql);
	}
}

static void test_extensions(void **state)
{
	(void)state;
	ownbox_write_source(&box, "1_a.sql",
			    "/* jobs */ CREATE EXTENSION IF NOT EXISTS pg_cron WITH SCHEMA pg_catalog;\n"
			    "create extension if not exists \"pg_net\"; create extension if not exists moddatetime;\n"
			    "create extension if not exists \"uuid-ossp\" with schema \"extensions\";\n"
			    "create extension if not exists pg_trgm; create extension citext with schema extensions;\n"
			    "create extension if not exists pgcrypto; create extension if not exists pgjwt;\n"
			    "create table a (id uuid default uuid_generate_v4(), e citext, u timestamptz);\n"
			    "create trigger t before update on a for each row execute function moddatetime(u);\n"
			    "select cron.schedule('nightly', '0 3 * * *', $$select 1$$)");
	look();
	must_migrate();
	assert_null(strstr(heard, "pg_cron"));
	assert_string_equal(
	    ownbox_text(&box, "postgres", "select payload->>'a' || valid from verify(sign('{\"a\":\"b\"}', 'k'), 'k')"),
	    "btrue");
	ownbox_write_source(&box, "2_b.sql", "create extension if not exists timescaledb");
	look();
	assert_false(migrate(NULL));
	assert_non_null(strstr(failure.advice, "timescaledb is not installed"));
	if (strcmp(ownbox_text(&box, "postgres", "select count(*) from pg_available_extensions where name = 'vector'"),
		   "0") != 0)
		return;
	ownbox_write_source(&box, "2_b.sql", "create extension vector");
	look();
	assert_false(migrate(NULL));
	assert_non_null(strstr(failure.advice, "pgvector"));
	ownbox_write_source(&box, "2_b.sql", "create table v (e vector(3))");
	look();
	assert_false(migrate(NULL));
	assert_non_null(strstr(failure.advice, "pgvector"));
}

static void test_one_at_a_time(void **state)
{
	(void)state;
	struct pg_conn *other = NULL;
	ownbox_write_source(&box, "1_a.sql", "create table a (id int)");
	look();
	assert_true(owndb_connect(&box.db, "postgres", &other, &err));
	assert_true(
	    pg_conn_exec(other, "select pg_advisory_lock(hashtext('freehold.migrate'))", 0, NULL, NULL, NULL, &err));
	int64_t from_ms = clock_now_ms();
	assert_false(migrate(NULL));
	assert_int_equal(err.code, ERR_CONFLICT);
	assert_true(clock_now_ms() - from_ms >= (OWNDB_TURN_S - 1) * 1000);
	pg_conn_close(other);
	/* Applied by another after the comparison. */
	struct owndb_migration_run run = {.source_dir = box.source_dir, .plan = &plan, .pending = &pending};
	compare();
	ownbox_script(&box, "postgres", "insert into supabase_migrations.schema_migrations (version) values ('1')");
	assert_false(owndb_migrate(&box.db, &run, &failure, &err));
	assert_int_equal(err.code, ERR_CONFLICT);
	assert_false(has_table("a"));
}

/* Reads one byte from the child: it is in the middle now. */
static void await_byte(int fd)
{
	char byte;
	struct pollfd p = {.fd = fd, .events = POLLIN};
	assert_int_equal(poll(&p, 1, 20000), 1);
	assert_int_equal(read(fd, &byte, 1), 1);
}

static int signal_fd;

static void say_second_began(void *arg, const struct owndb_event *e)
{
	(void)arg;
	if (e->kind == OWNDB_FILE_BEGIN && e->index == 1) (void)!write(signal_fd, "x", 1);
}

/* Starts migrating in a child that is in the middle of its second file when this returns. */
static pid_t begin_in_child(void)
{
	int fds[2];
	ownbox_write_source(&box, "1_a.sql", "create table a (id int);");
	ownbox_write_source(&box, "2_b.sql", "create table b (id int); select pg_sleep(30); create table c (id int);");
	look();
	compare();
	assert_int_equal(pipe(fds), 0);
	pid_t pid = fork();
	if (pid == 0) {
		struct owndb_migration_run run = {
		    .source_dir = box.source_dir, .plan = &plan, .pending = &pending, .on_event = say_second_began};
		signal_fd = fds[1];
		_exit(owndb_migrate(&box.db, &run, &failure, &err) ? 0 : err.code == ERR_UNAVAILABLE ? 3 : 4);
	}
	(void)close(fds[1]);
	await_byte(fds[0]);
	(void)close(fds[0]);
	return pid;
}

static void then_all_works(void)
{
	assert_string_equal(versions(), "");
	assert_false(has_table("a"));
	ownbox_write_source(&box, "2_b.sql", "create table b (id int);");
	look();
	must_migrate(); /* waits for the killed one's connection to end */
	assert_string_equal(versions(), "1 2");
}

static void test_we_are_killed(void **state)
{
	(void)state;
	pid_t pid = begin_in_child();
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	then_all_works();
}

static int child_status(pid_t pid)
{
	int status = 0;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void test_backend_is_killed(void **state)
{
	(void)state;
	pid_t pid = begin_in_child();
	/* SIGKILL of one backend makes PostgreSQL restart all of them. */
	pid_t backend = atoi(ownbox_text(
	    &box, "supabase_admin", "select coalesce(max(pid), 0) from pg_stat_activity where usename = 'postgres'"));
	assert_true(backend > 1);
	assert_int_equal(kill(backend, SIGKILL), 0);
	assert_int_equal(child_status(pid), 3);
	assert_true(owndb_wait_ready(&box.db, box.postmaster, 20000, &err));
	then_all_works();
}

static void test_postmaster_is_killed(void **state)
{
	(void)state;
	pid_t pid = begin_in_child();
	ownbox_kill(&box);
	assert_int_equal(child_status(pid), 3);
	ownbox_start(&box);
	then_all_works();
}

int main(void)
{
#define T(name) cmocka_unit_test_setup(name, forget)
	const struct CMUnitTest tests[] = {
	    T(test_together),
	    T(test_edited_gone_late),
	    T(test_same_version),
	    T(test_changed_since_plan),
	    T(test_error_in_third),
	    T(test_boundaries),
	    T(test_lifted),
	    T(test_error_in_boundary),
	    T(test_own_commit),
	    T(test_session_is_reset),
	    T(test_no_superuser),
	    T(test_extensions),
	    T(test_one_at_a_time),
	    T(test_we_are_killed),
	    T(test_backend_is_killed),
	    T(test_postmaster_is_killed),
	};
	return cmocka_run_group_tests(tests, start, stop);
}
