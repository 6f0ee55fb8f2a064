/* SPDX-License-Identifier: Apache-2.0
 *
 * Scheduled jobs against a real PostgreSQL: what a schedule means, who runs a job, and what becomes of it. */
#include "jobs/cron.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/log.h"
#include "ownbox.h"
#include "owndb/prelude.h"
#include "pg/listen.h"
#include "waiting.h"

#define OWNER "postgres"
#define MAX_RUNNERS 2

static struct ownbox box;
static char conninfo[200];
static uv_loop_t loop;
static struct pg_pool *pools[MAX_RUNNERS];
static struct cron *crons[MAX_RUNNERS];
static struct pg_listener *listeners[MAX_RUNNERS];
static int running;

static void on_notify(void *arg, const char *payload)
{
	if (payload == NULL || payload[0] == '\0') cron_wake(arg);
}

static void begin(void)
{
	if (running == 0) (void)uv_loop_init(&loop);
	pools[running] = pg_pool_new(&loop, &(struct pg_pool_settings){.conninfo = conninfo, .size = 2});
	crons[running] = cron_new(&loop, pools[running], conninfo);
	listeners[running] = pg_listener_new(&loop, conninfo, "freehold_jobs", on_notify, crons[running]);
	running++;
}

static void end_all(void)
{
	for (int i = 0; i < running; i++) {
		pg_listener_stop(listeners[i]);
		pg_pool_stop(pools[i], NULL, NULL);
		cron_stop(crons[i]);
	}
	(void)uv_run(&loop, UV_RUN_DEFAULT);
	if (uv_loop_close(&loop) != 0) fail_msg("the loop still holds something");
	running = 0;
}

static void run_for(int64_t ms)
{
	wait_for(&loop, ms);
}

static const char *text(const char *sql)
{
	return ownbox_text(&box, OWNER, sql);
}

static void is(const char *sql, const char *want)
{
	is_now(&box, OWNER, sql, want);
}

static void until(const char *sql, const char *want)
{
	wait_until(&loop, &box, OWNER, sql, want);
}

static void script(const char *sql)
{
	ownbox_script(&box, OWNER, sql);
}

static int set_up(void **state)
{
	(void)state;
	struct err err;
	ownbox_init(&box);
	box.db.api_os_user = NULL; /* who runs the test is the backend */
	if (!owndb_create(&box.db, box.cache_dir, &err)) ownbox_die("create", err.msg);
	ownbox_start(&box);
	if (!owndb_prelude(&box.db, NULL, &err)) ownbox_die("prelude", err.msg);
	(void)snprintf(conninfo, sizeof conninfo, "host=%s dbname=postgres user=freehold_jobs", box.socket_dir);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	ownbox_done(&box);
	return 0;
}

static int clear(void **state)
{
	(void)state;
	ownbox_script(&box, "supabase_admin",
		      "delete from cron.job; delete from cron.job_run_details; delete from freehold_jobs.run; "
		      "delete from freehold_jobs.due; drop table if exists public.seen; "
		      "create table public.seen (n serial, who text default current_user, at timestamptz default "
		      "clock_timestamp()); alter table public.seen owner to postgres;");
	return 0;
}

/* As pg_cron's own scheduler computes them (cron's rules for day of month and of week). */
static void test_next(void **state)
{
	(void)state;
	static const struct {
		const char *schedule, *since, *next;
	} rows[] = {
	    {"* * * * *", "2026-03-01 10:00:30", "2026-03-01 10:01:00"},
	    {"* * * * *", "2026-03-01 10:01:00", "2026-03-01 10:02:00"},
	    {"*/15 * * * *", "2026-03-01 10:46:00", "2026-03-01 11:00:00"},
	    {"0 3 * * *", "2026-12-31 03:00:00", "2027-01-01 03:00:00"},
	    {"30 9-17/4 * * mon-fri", "2026-03-06 17:30:00", "2026-03-09 09:30:00"},
	    {"0 0 $ * *", "2026-02-01 00:00:00", "2026-02-28 00:00:00"},
	    {"0 0 $ * *", "2028-02-28 00:00:00", "2028-02-29 00:00:00"},
	    {"0 0 29 2 *", "2026-03-01 00:00:00", "2028-02-29 00:00:00"},
	    {"0 0 30 2 *", "2026-03-01 00:00:00", ""},
	    {"0 0 13 * 5", "2026-03-01 00:00:00", "2026-03-06 00:00:00"}, /* either: a Friday comes first */
	    {"0 0 */2 * 5", "2026-03-01 00:00:00", "2026-03-13 00:00:00"}, /* both: a star is in it */
	    {"0 12 1 jan,JUL *", "2026-03-01 00:00:00", "2026-07-01 12:00:00"},
	    {"5 4 * * 7", "2026-03-02 00:00:00", "2026-03-08 04:05:00"},
	    {"@weekly", "2026-03-02 00:00:00", "2026-03-08 00:00:00"},
	    {"@hourly", "2026-03-02 00:10:00", "2026-03-02 01:00:00"},
	    {"30 seconds", "2026-03-02 00:10:00", "2026-03-02 00:10:30"},
	    {" 1  Second ", "2026-03-02 00:10:00", "2026-03-02 00:10:01"},
	    {"@reboot", "2026-03-02 00:10:00", ""},
	};
	static const char *const wrong[] = {
	    "",          "60 seconds",   "0 seconds",     "60 * * * *",     "* 24 * * *", "* * 0 * *",   "* * * 13 *",
	    "* * * * 8", "5-1 * * * *",  "1/5 * * * *",   "*/0 * * *",      "@sometimes", "* * $,1 * *", "a * * * *",
	    "* * * *",   "1,,2 * * * *", "99999 * * * *", "* * * * fri-sun"};
	char sql[300];
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		(void)snprintf(sql, sizeof sql,
			       "select to_char(cron.freehold_next('%s', '%s+00') at time zone 'UTC', 'YYYY-MM-DD "
			       "HH24:MI:SS')",
			       rows[i].schedule, rows[i].since);
		is(sql, rows[i].next);
	}
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		(void)snprintf(sql, sizeof sql, "select cron.freehold_read('%s') is null", wrong[i]);
		is(sql, "t");
	}
	is("select cron.freehold_read('0 3 * * * and more') is null", "f"); /* as pg_cron takes it */
}

/* Nothing to do costs nothing: it is asked once, then sleeps. */
static void test_idle(void **state)
{
	(void)state;
	const char *asked = "select max(query_start) from pg_stat_activity where usename = 'freehold_jobs'";
	char first[64];
	begin();
	until("select count(*) > 0 from pg_stat_activity where usename = 'freehold_jobs' and state = 'idle' and query "
	      "like '%wake_ms%'",
	      "t");
	(void)snprintf(first, sizeof first, "%s", text(asked));
	run_for(500);
	is(asked, first);
	end_all();
}

static void test_runs(void **state)
{
	(void)state;
	begin();
	script("select cron.schedule('a', '1 second', 'insert into seen default values')");
	until("select count(*) >= 2 from seen", "t");
	is("select distinct who from seen", "postgres");
	script("select cron.unschedule('a')");
	until("select count(*) from freehold_jobs.run", "0");
	is("select status || '/' || return_message || '/' || username || '/' || database || '/' || (job_pid > 0) || "
	   "'/' || "
	   "(end_time >= start_time) from cron.job_run_details order by runid limit 1",
	   "succeeded/INSERT 0 1/postgres/postgres/true/true");
	is("select (select count(*) from seen) = (select count(*) from cron.job_run_details)", "t");
	end_all();
}

/* Each is made to be due now, since a minute is long. */
static void due_now(const char *name)
{
	char sql[300];
	(void)snprintf(sql, sizeof sql,
		       "select freehold_jobs.follow(); update freehold_jobs.due set due_at = now() where jobid = "
		       "(select jobid from cron.job where jobname = '%s'); notify freehold_jobs;",
		       name);
	ownbox_script(&box, "supabase_admin", sql);
}

static void once(const char *command, const char *status, const char *message)
{
	char sql[600];
	(void)snprintf(sql, sizeof sql, "select cron.schedule('once', '0 0 1 1 *', $job$%s$job$)", command);
	script(sql);
	due_now("once");
	until("select count(*) from cron.job_run_details where status in ('succeeded', 'failed')", "1");
	(void)snprintf(sql, sizeof sql, "%s/%s", status, message);
	is("select status || '/' || split_part(return_message, E'\\n', 1) from cron.job_run_details", sql);
	script("select cron.unschedule('once'); delete from cron.job_run_details");
}

static void test_commands(void **state)
{
	(void)state;
	begin();
	until("select count(*) from pg_stat_activity where query like 'LISTEN%'", "1");
	once("select 1 union select 2", "succeeded", "2 rows");
	once("insert into seen default values; select 1", "succeeded", "1 row");
	once("select * from nowhere", "failed", "ERROR:  relation \"nowhere\" does not exist");
	once("vacuum public.seen", "succeeded", "VACUUM");
	once("do $$ begin insert into seen default values; commit; raise exception 'late'; end $$", "failed",
	     "ERROR:  late");
	once("select pg_terminate_backend(pg_backend_pid())", "failed",
	     "FATAL:  terminating connection due to administrator command");
	once("copy seen to stdout", "failed", "COPY not supported");
	once("", "succeeded", "0 rows");
	once("reset role; select 1/(case when current_user = 'postgres' then 1 else 0 end)", "succeeded", "1 row");
	is("select count(*) from seen", "2");
	end_all();
}

static void test_users(void **state)
{
	(void)state;
	begin();
	until("select count(*) from pg_stat_activity where query like 'LISTEN%'", "1");
	script("grant insert on seen to service_role; grant usage on sequence seen_n_seq to service_role;"
	       "select cron.schedule_in_database('s', '0 0 1 1 *', 'insert into seen default values', 'postgres', "
	       "'service_role')");
	due_now("s");
	until("select coalesce(max(who), '') from seen", "service_role");
	script("update cron.job set username = 'supabase_admin', active = true");
	due_now("s");
	until("select count(*) from cron.job_run_details where status = 'failed'", "1");
	is("select return_message like '%permission denied to set role \"supabase_admin\"%' from cron.job_run_details "
	   "where "
	   "status = 'failed'",
	   "t");
	end_all();
}

/* It runs still when it is due again, twice: it runs once more. */
static void test_no_overlap(void **state)
{
	(void)state;
	begin();
	until("select count(*) from pg_stat_activity where query like 'LISTEN%'", "1");
	script("select cron.schedule('slow', '0 0 1 1 *', 'insert into seen default values; commit; select "
	       "pg_advisory_lock(77)')");
	ownbox_script(&box, "supabase_admin", "select 1");
	struct pg_conn *holder;
	struct err err;
	if (!owndb_connect(&box.db, OWNER, &holder, &err) ||
	    !pg_conn_exec(holder, "select pg_advisory_lock(77)", 0, NULL, NULL, NULL, &err))
		fail_msg("%s", err.msg);
	due_now("slow");
	until("select count(*) from seen", "1");
	due_now("slow");
	due_now("slow");
	run_for(300);
	is("select count(*) from seen", "1");
	is("select count(*) from cron.job_run_details where status = 'running'", "1");
	pg_conn_close(holder);
	until("select count(*) from cron.job_run_details where status = 'succeeded'", "2");
	run_for(300);
	is("select count(*) from seen", "2");
	end_all();
}

/* Two backends side by side, as at a restart. */
static void test_two(void **state)
{
	(void)state;
	begin();
	begin();
	until("select count(*) from pg_stat_activity where query like 'LISTEN%'", "2");
	script("select cron.schedule('j' || n, '0 0 1 1 *', 'insert into seen default values') from generate_series(1, "
	       "6) n");
	for (int round = 0; round < 5; round++)
		ownbox_script(&box, "supabase_admin",
			      "select freehold_jobs.follow(); update freehold_jobs.due set due_at = now(), waits_since "
			      "= now(); notify freehold_jobs;"),
		    until("select count(*) from freehold_jobs.due where waits_since is not null", "0"),
		    until("select count(*) from freehold_jobs.run", "0");
	is("select count(*) from seen", "30");
	is("select string_agg(distinct status, ' ') || count(*) from cron.job_run_details", "succeeded30");
	end_all();
}

/* The backend is killed in the middle of a job: it is failed and not repeated; what was due meanwhile is not made up.
 */
static void test_killed(void **state)
{
	(void)state;
	script(
	    "select cron.schedule('k', '0 0 1 1 *', 'insert into seen default values; commit; select pg_sleep(30)')");
	pid_t child = fork();
	if (child == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		begin();
		for (;;) (void)uv_run(&loop, UV_RUN_ONCE);
	}
	int64_t deadline = clock_now_ms() + 20000;
	while (strcmp(text("select count(*) from pg_stat_activity where query like 'LISTEN%'"), "1") != 0)
		if (clock_now_ms() > deadline) fail_msg("it does not listen");
	due_now("k");
	while (strcmp(text("select count(*) from seen"), "1") != 0)
		if (clock_now_ms() > deadline) fail_msg("it does not run");
	(void)kill(child, SIGKILL);
	(void)waitpid(child, NULL, 0);
	script("select cron.schedule('missed', '0 0 1 1 *', 'insert into seen default values')");
	ownbox_script(
	    &box, "supabase_admin",
	    "select freehold_jobs.follow(); update freehold_jobs.due set due_at = now() - interval '61 seconds' "
	    "where jobid = (select jobid from cron.job where jobname = 'missed')");
	begin();
	until("select count(*) from pg_stat_activity where application_name = 'pg_cron' and query like '%pg_sleep%'",
	      "0");
	ownbox_script(&box, "supabase_admin", "notify freehold_jobs");
	until("select coalesce(max(status || '/' || return_message), '') from cron.job_run_details where status = "
	      "'failed'",
	      "failed/server restarted");
	is("select count(*) from seen", "1");
	is("select due_at > now() + interval '1 hour' from freehold_jobs.due d join cron.job j using (jobid) where "
	   "jobname = "
	   "'missed'",
	   "t");
	end_all();
}

static void test_paused_and_forgotten(void **state)
{
	(void)state;
	begin();
	until("select count(*) from pg_stat_activity where query like 'LISTEN%'", "1");
	script("select freehold_jobs.pause(true); select cron.schedule('p', '1 second', 'insert into seen default "
	       "values')");
	until("select count(*) from freehold_jobs.due", "1");
	run_for(1500);
	is("select count(*) from seen", "0");
	script("select freehold_jobs.pause(false)");
	until("select count(*) > 0 from seen", "t");
	end_all();
	ownbox_script(
	    &box, "supabase_admin",
	    "delete from cron.job_run_details; insert into cron.job_run_details (jobid, status, end_time) select 1, "
	    "'succeeded', now() from generate_series(1, 10050); insert into cron.job_run_details (jobid, status, "
	    "end_time) values (1, 'failed', now() - interval '8 days'); select freehold_jobs.forget()");
	is("select count(*) from cron.job_run_details", "9999");
}

static bool on_idle_drained;
static void on_drained(void *arg)
{
	(void)arg;
	on_idle_drained = true;
}

/* SIGTERM: what runs may end, nothing more begins. */
static void test_drain(void **state)
{
	(void)state;
	begin();
	until("select count(*) from pg_stat_activity where query like 'LISTEN%'", "1");
	script(
	    "select cron.schedule('d', '0 0 1 1 *', 'insert into seen default values; commit; select pg_sleep(0.7)')");
	due_now("d");
	until("select count(*) from seen", "1");
	on_idle_drained = false;
	cron_drain(crons[0], 10000, on_drained, NULL);
	assert_false(on_idle_drained);
	due_now("d");
	int64_t deadline = clock_now_ms() + 10000;
	while (!on_idle_drained && clock_now_ms() < deadline) run_for(20);
	assert_true(on_idle_drained);
	is("select string_agg(status, ' ') from cron.job_run_details", "succeeded");
	is("select count(*) from seen", "1");
	end_all();
}

int main(void)
{
	log_set_level(LOG_ERROR);
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_next),
	    cmocka_unit_test_setup(test_idle, clear),
	    cmocka_unit_test_setup(test_runs, clear),
	    cmocka_unit_test_setup(test_commands, clear),
	    cmocka_unit_test_setup(test_users, clear),
	    cmocka_unit_test_setup(test_no_overlap, clear),
	    cmocka_unit_test_setup(test_two, clear),
	    cmocka_unit_test_setup(test_killed, clear),
	    cmocka_unit_test_setup(test_paused_and_forgotten, clear),
	    cmocka_unit_test_setup(test_drain, clear),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
