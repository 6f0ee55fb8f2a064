/* SPDX-License-Identifier: Apache-2.0 */
#include "jobs/run.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "pg/cancel.h"
#include "pg/conn.h"

#define CONNINFO_SIZE 2048
#define ROLE_SIZE 256
#define CONNECT_MS 10000
#define AGAIN_MS 2000
#define CANCEL_MS 5000 /* for a cancelled job to end by itself; then its connection is closed */

static void note_ended(struct cron_run *run);

static void say(struct cron_run *run, bool is_failed, const char *message)
{
	run->is_failed = is_failed;
	(void)snprintf(run->message, sizeof run->message, "%s", message);
	/* Cut in the middle of a character, it would not be stored. */
	size_t len = strlen(run->message);
	while (len > 0 && !str_is_utf8((struct str){run->message, len})) len--;
	run->message[len] = '\0';
}

static void on_again(uv_timer_t *timer)
{
	note_ended(timer->data);
}

static void release(struct cron_run *run)
{
	pg_link_close(&run->link);
	free(run->command);
	run->command = NULL;
	run->state = RUN_FREE;
	run->done(run->arg, run);
}

static void on_noted_end(void *arg, struct pg_call *pg)
{
	struct cron_run *run = arg;
	bool ok = pg->err.code == ERR_NONE && pg->failed < 0;
	bool is_hopeless = pg->err.code == ERR_NONE && pg->failed >= 0; /* its table is not what it was */
	pg_call_clear(pg);
	if (ok || is_hopeless)
		release(run);
	else
		(void)uv_timer_start(&run->timer, on_again, AGAIN_MS, 0);
}

static bool ask(struct cron_run *run, const char *sql, int count, void (*done)(void *arg, struct pg_call *pg))
{
	struct err ignored;
	run->statement =
	    (struct pg_statement){.sql = sql, .param_count = count, .params = run->params, .is_prepared = true};
	run->pg = (struct pg_call){.statements = &run->statement, .count = 1, .done = done, .arg = run};
	return pg_pool_run(run->pool, &run->pg, &ignored);
}

static void note_ended(struct cron_run *run)
{
	run->state = RUN_ENDING;
	run->params[0] = run->id;
	run->params[1] = run->is_failed ? "failed" : "succeeded";
	run->params[2] = run->message;
	if (!ask(run, "select freehold_jobs.set_ended($1::bigint, $2, $3)", 3, on_noted_end))
		(void)uv_timer_start(&run->timer, on_again, AGAIN_MS, 0);
}

static void on_ended_now(uv_timer_t *timer)
{
	note_ended(timer->data);
}

/* From wherever it is; noted from the loop, since libpq may stand above. */
static void end(struct cron_run *run)
{
	run->state = RUN_ENDING;
	(void)uv_timer_start(&run->timer, on_ended_now, 0, 0);
}

static void fail(struct cron_run *run, const char *message)
{
	say(run, true, message);
	pg_link_close(&run->link);
	end(run);
}

/* As pg_cron words it: "3 rows", "INSERT 0 1", or PostgreSQL's own error. The last statement decides. */
static bool take(struct cron_run *run, const PGresult *result)
{
	char text[64];
	switch (PQresultStatus(result)) {
	case PGRES_SINGLE_TUPLE: run->rows++; return true;
	case PGRES_TUPLES_OK:
		(void)snprintf(text, sizeof text, "%" PRId64 " %s", run->rows, run->rows == 1 ? "row" : "rows");
		say(run, false, text);
		run->rows = 0;
		return true;
	case PGRES_COMMAND_OK: say(run, false, PQcmdStatus((PGresult *)(uintptr_t)result)); return true;
	case PGRES_EMPTY_QUERY: say(run, false, "0 rows"); return true;
	case PGRES_COPY_IN:
	case PGRES_COPY_OUT:
	case PGRES_COPY_BOTH: fail(run, "COPY not supported"); return false;
	default:
		say(run, true, PQresultErrorMessage(result));
		if (run->is_late) say(run, true, "ran for longer than an hour and was cancelled");
		return true;
	}
}

static void on_ready(struct pg_link *link)
{
	struct cron_run *run = link->owner;
	if (run->state != RUN_RUNNING) { /* paused: only an end is heard */
		pg_link_close(link);
		return;
	}
	int unsent = PQflush(link->raw);
	if (unsent < 0 || !PQconsumeInput(link->raw)) {
		fail(run, PQerrorMessage(link->raw));
		return;
	}
	if (unsent == 0) pg_link_want_write(link, false);
	while (!PQisBusy(link->raw)) {
		PGresult *result = PQgetResult(link->raw);
		if (result == NULL) {
			pg_link_pause(link);
			end(run);
			return;
		}
		bool goes_on = take(run, result);
		PQclear(result);
		if (!goes_on) return;
	}
	if (PQstatus(link->raw) != CONNECTION_OK) fail(run, PQerrorMessage(link->raw));
}

static void on_forced(uv_timer_t *timer)
{
	struct cron_run *run = timer->data;
	fail(run, "ran for longer than an hour and was cut off");
}

static void on_late(uv_timer_t *timer)
{
	struct cron_run *run = timer->data;
	run->is_late = true;
	pg_cancel(run->loop, run->link.raw);
	(void)uv_timer_start(&run->timer, on_forced, CANCEL_MS, 0);
}

static void send_command(struct cron_run *run)
{
	if (run->link.raw == NULL) {
		fail(run, "the connection was lost before the job began");
		return;
	}
	run->state = RUN_RUNNING;
	if (PQsendQuery(run->link.raw, run->command) != 1) {
		fail(run, PQerrorMessage(run->link.raw));
		return;
	}
	(void)PQsetSingleRowMode(run->link.raw); /* rows are counted, not kept */
	pg_link_want_write(&run->link, true);
	(void)uv_timer_start(&run->timer, on_late, (uint64_t)run->max_ms, 0);
}

static void on_noted_start(void *arg, struct pg_call *pg)
{
	struct cron_run *run = arg;
	bool ok = pg->err.code == ERR_NONE && pg->failed < 0;
	pg_call_clear(pg);
	if (ok)
		send_command(run);
	else
		fail(run, "it could not be noted that the job runs");
}

static void on_open(struct pg_link *link, const struct err *err)
{
	struct cron_run *run = link->owner;
	if (err != NULL) {
		fail(run, err->msg);
		return;
	}
	(void)uv_timer_stop(&run->timer);
	pg_link_pause(link);
	run->state = RUN_NOTING;
	(void)snprintf(run->process, sizeof run->process, "%d", PQbackendPID(link->raw));
	run->params[0] = run->id;
	run->params[1] = run->process;
	if (!ask(run, "select freehold_jobs.set_running($1::bigint, $2::integer)", 2, on_noted_start))
		fail(run, "it could not be noted that the job runs");
}

static const struct pg_link_events events = {on_open, on_ready};

/* libpq's options are words; a backslash keeps what stands in one. */
static bool role_option(const char *role, char *ret_option, size_t size, struct err *err)
{
	size_t at = (size_t)snprintf(ret_option, size, "-c role=");
	for (const char *p = role; *p != '\0'; p++) {
		if (at + 3 > size) return err_set(err, ERR_LIMIT, "the name of the role is too long");
		if (*p == ' ' || *p == '\t' || *p == '\n' || *p == '\\') ret_option[at++] = '\\';
		ret_option[at++] = *p;
	}
	ret_option[at] = '\0';
	return true;
}

static bool open_link(struct cron_run *run, const char *base, const struct cron_job *job, struct err *err)
{
	char conninfo[CONNINFO_SIZE], option[ROLE_SIZE];
	if (strlen(base) >= sizeof conninfo) return err_set(err, ERR_LIMIT, "the connection string is too long");
	(void)snprintf(conninfo, sizeof conninfo, "%s", base);
	return role_option(job->username, option, sizeof option, err) &&
	       pg_conninfo_add(conninfo, sizeof conninfo, "dbname", job->database, err) &&
	       pg_conninfo_add(conninfo, sizeof conninfo, "options", option, err) &&
	       pg_conninfo_add(conninfo, sizeof conninfo, "application_name", "pg_cron", err) &&
	       pg_link_open(&run->link, run->loop, conninfo, &events, run, err);
}

static void on_connect_late(uv_timer_t *timer)
{
	fail(timer->data, "connection timed out");
}

void cron_run_init(struct cron_run *run, uv_loop_t *loop, struct pg_pool *pool,
		   void (*done)(void *arg, struct cron_run *run), void *arg)
{
	*run = (struct cron_run){.loop = loop, .pool = pool, .done = done, .arg = arg};
	(void)uv_timer_init(loop, &run->timer);
	run->timer.data = run;
}

void cron_run_begin(struct cron_run *run, const char *conninfo, const struct cron_job *job, int64_t max_ms)
{
	struct err err;
	run->state = RUN_CONNECTING;
	run->rows = 0;
	run->is_failed = run->is_late = false;
	run->message[0] = '\0';
	run->max_ms = max_ms;
	run->command = strdup(job->command);
	if (run->command == NULL) abort();
	(void)snprintf(run->id, sizeof run->id, "%s", job->runid);
	(void)uv_timer_start(&run->timer, on_connect_late, CONNECT_MS, 0);
	if (!open_link(run, conninfo, job, &err)) fail(run, err.msg);
}

void cron_run_cut(struct cron_run *run, uv_close_cb on_closed)
{
	pg_link_close(&run->link);
	free(run->command);
	run->command = NULL;
	uv_close((uv_handle_t *)&run->timer, on_closed);
}
