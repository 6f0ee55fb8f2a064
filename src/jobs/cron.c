/* SPDX-License-Identifier: Apache-2.0 */
#include "jobs/cron.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/str.h"
#include "jobs/run.h"

#define SLEEP_MAX_MS (60 * 60 * 1000)
#define SOON_MS 1000 /* after a failed question, growing to … */
#define LATER_MS 60000
#define LOST_MS 35000 /* until what a killed backend had claimed counts as lost (freehold_jobs.end_lost) */
#define FORGET_EVERY_MS (60 * 60 * 1000)
#define EARLY_MS 2 /* timers of the loop may ring a moment early */

static const char claim_sql[] =
    "select runid, database, username, command from freehold_jobs.claim($1::integer, $2::boolean)";
static const char wake_sql[] = "select freehold_jobs.wake_ms()";
static const char forget_sql[] = "select freehold_jobs.forget()";

enum { COL_RUNID, COL_DATABASE, COL_USERNAME, COL_COMMAND };

struct cron {
	uv_loop_t *loop;
	struct pg_pool *pool;
	char *conninfo;
	uv_timer_t timer, forget_timer, drain_timer;
	struct cron_run runs[CRON_PLACES];

	struct pg_call claim, forget;
	struct pg_statement statements[2], forget_statement;
	const char *params[2];
	char places[8];
	bool is_asking, is_woken /* while asking */, is_forgetting;
	bool has_begun; /* a claim has succeeded: the next is not the first */
	bool has_run; /* something, since old runs were forgotten */
	bool is_failure_told; /* one line in the log, not one a try */
	uint64_t pause_ms;

	bool is_draining, is_stopped;
	void (*on_drained)(void *arg);
	void *drained_arg;
	int open_handles;
};

static void ask(struct cron *c);

static int free_places(const struct cron *c)
{
	int n = 0;
	for (int i = 0; i < CRON_PLACES; i++) n += c->runs[i].state == RUN_FREE;
	return n;
}

static void on_timer(uv_timer_t *timer)
{
	ask(timer->data);
}

static void sleep_for(struct cron *c, uint64_t ms)
{
	if (!c->is_draining) (void)uv_timer_start(&c->timer, on_timer, ms < SLEEP_MAX_MS ? ms : SLEEP_MAX_MS, 0);
}

static void end_drain(struct cron *c)
{
	void (*told)(void *arg) = c->on_drained;
	c->on_drained = NULL;
	(void)uv_timer_stop(&c->drain_timer);
	if (told != NULL) told(c->drained_arg);
}

static void maybe_drained(struct cron *c)
{
	if (c->is_draining && !c->is_asking && free_places(c) == CRON_PLACES) end_drain(c);
}

static void on_run_done(void *arg, struct cron_run *run)
{
	struct cron *c = arg;
	(void)run;
	c->has_run = true;
	ask(c);
	maybe_drained(c);
}

static void begin_run(struct cron *c, const PGresult *rows, int row)
{
	const struct cron_job job = {.runid = PQgetvalue(rows, row, COL_RUNID),
				     .database = PQgetvalue(rows, row, COL_DATABASE),
				     .username = PQgetvalue(rows, row, COL_USERNAME),
				     .command = PQgetvalue(rows, row, COL_COMMAND)};
	for (int i = 0; i < CRON_PLACES; i++) {
		if (c->runs[i].state != RUN_FREE) continue;
		cron_run_begin(&c->runs[i], c->conninfo, &job, (int64_t)CRON_RUN_MAX_S * 1000);
		return;
	}
}

static void fail(struct cron *c, const struct pg_call *call)
{
	if (!c->is_failure_told)
		log_warn("jobs: it cannot be asked what is due: %s",
			 call->err.code != ERR_NONE ? call->err.msg
						    : PQresultErrorMessage(call->results[call->failed]));
	c->is_failure_told = true;
	c->pause_ms = c->pause_ms == 0 ? SOON_MS : c->pause_ms * 2 < LATER_MS ? c->pause_ms * 2 : LATER_MS;
	sleep_for(c, c->pause_ms);
}

static void sleep_until_due(struct cron *c, const PGresult *rows)
{
	int64_t ms = SLEEP_MAX_MS;
	if (!PQgetisnull(rows, 0, 0)) (void)str_to_int(str_from(PQgetvalue(rows, 0, 0)), &ms);
	if (!c->has_begun && ms > LOST_MS) ms = LOST_MS;
	sleep_for(c, (uint64_t)ms + EARLY_MS);
}

static void on_claimed(void *arg, struct pg_call *call)
{
	struct cron *c = arg;
	bool ok = call->err.code == ERR_NONE && call->failed < 0;
	if (c->is_stopped) {
		pg_call_clear(call);
		return;
	}
	if (ok) {
		/* What was claimed is begun even when draining: nobody else will. */
		for (int i = 0; i < PQntuples(call->results[0]); i++) begin_run(c, call->results[0], i);
		sleep_until_due(c, call->results[1]);
		c->has_begun = true;
		c->is_failure_told = false;
		c->pause_ms = 0;
	} else if (!c->is_draining) {
		fail(c, call);
	}
	pg_call_clear(call);
	c->is_asking = false;
	if (ok && c->is_woken) ask(c);
	maybe_drained(c);
}

static void ask(struct cron *c)
{
	struct err err;
	if (c->is_draining) return;
	if (c->is_asking) {
		c->is_woken = true;
		return;
	}
	c->is_woken = false;
	(void)snprintf(c->places, sizeof c->places, "%d", free_places(c));
	c->params[0] = c->places;
	c->params[1] = c->has_begun ? "f" : "t";
	c->statements[0] =
	    (struct pg_statement){.sql = claim_sql, .param_count = 2, .params = c->params, .is_prepared = true};
	c->statements[1] = (struct pg_statement){.sql = wake_sql, .is_prepared = true};
	c->claim = (struct pg_call){.statements = c->statements, .count = 2, .done = on_claimed, .arg = c};
	c->is_asking = pg_pool_run(c->pool, &c->claim, &err);
	if (!c->is_asking) sleep_for(c, SOON_MS);
}

void cron_wake(struct cron *c)
{
	ask(c);
}

static void on_forgotten(void *arg, struct pg_call *call)
{
	struct cron *c = arg;
	pg_call_clear(call);
	c->is_forgetting = false;
}

static void on_forget(uv_timer_t *timer)
{
	struct cron *c = timer->data;
	struct err err;
	if (!c->has_run || c->is_forgetting || c->is_draining) return;
	c->has_run = false;
	c->forget_statement = (struct pg_statement){.sql = forget_sql};
	c->forget = (struct pg_call){.statements = &c->forget_statement, .count = 1, .done = on_forgotten, .arg = c};
	c->is_forgetting = pg_pool_run(c->pool, &c->forget, &err);
}

struct cron *cron_new(uv_loop_t *loop, struct pg_pool *pool, const char *conninfo)
{
	struct cron *c = calloc(1, sizeof *c);
	if (c == NULL || (c->conninfo = strdup(conninfo)) == NULL) abort();
	c->loop = loop;
	c->pool = pool;
	for (int i = 0; i < CRON_PLACES; i++) cron_run_init(&c->runs[i], loop, pool, on_run_done, c);
	(void)uv_timer_init(loop, &c->timer);
	(void)uv_timer_init(loop, &c->forget_timer);
	(void)uv_timer_init(loop, &c->drain_timer);
	c->timer.data = c->forget_timer.data = c->drain_timer.data = c;
	c->open_handles = CRON_PLACES + 3;
	c->has_run = true;
	(void)uv_timer_start(&c->forget_timer, on_forget, LOST_MS, FORGET_EVERY_MS);
	return c;
}

static void on_drained_late(uv_timer_t *timer)
{
	struct cron *c = timer->data;
	log_warn("jobs: %d still run and are cut off", CRON_PLACES - free_places(c));
	end_drain(c);
}

void cron_drain(struct cron *c, int64_t wait_ms, void (*on_drained)(void *arg), void *arg)
{
	c->is_draining = true;
	c->on_drained = on_drained;
	c->drained_arg = arg;
	(void)uv_timer_stop(&c->timer);
	(void)uv_timer_start(&c->drain_timer, on_drained_late, (uint64_t)wait_ms, 0);
	maybe_drained(c);
}

static void release(struct cron *c)
{
	if (--c->open_handles > 0) return;
	free(c->conninfo);
	free(c);
}

static void on_closed(uv_handle_t *handle)
{
	release(handle->data);
}

static void on_run_closed(uv_handle_t *handle)
{
	struct cron_run *run = handle->data;
	release(run->arg);
}

void cron_stop(struct cron *c)
{
	if (c == NULL) return;
	c->is_draining = c->is_stopped = true;
	for (int i = 0; i < CRON_PLACES; i++) cron_run_cut(&c->runs[i], on_run_closed);
	uv_close((uv_handle_t *)&c->timer, on_closed);
	uv_close((uv_handle_t *)&c->forget_timer, on_closed);
	uv_close((uv_handle_t *)&c->drain_timer, on_closed);
}
