/* SPDX-License-Identifier: Apache-2.0
 *
 * One run of a job, on a connection of its own that ends with it:
 *
 *     cron_run_begin ─▶ connecting ─▶ noted as running ─▶ its statements ─▶ noted as ended ─▶ done
 *                           └──────────────────(failed)────────────────────────▲
 *
 * The statements go out together as pg_cron sends them (any number, their own COMMIT, VACUUM), as the job's user. What
 * is noted is noted over the pool, while the connection is still there: whoever looks finds the run alive until it has
 * ended (freehold_jobs.end_lost). */
#ifndef FREEHOLD_JOBS_RUN_H
#define FREEHOLD_JOBS_RUN_H

#include <uv.h>

#include "pg/link.h"
#include "pg/pool.h"

#define CRON_MESSAGE_SIZE 8192 /* of a return_message; longer ones are cut */

struct cron_run {
	enum { RUN_FREE, RUN_CONNECTING, RUN_NOTING, RUN_RUNNING, RUN_ENDING } state;
	uv_loop_t *loop;
	struct pg_pool *pool;
	uv_timer_t timer; /* its end by force; noting again when the database was away */
	struct pg_link link;
	char *command;
	int64_t rows, max_ms;
	bool is_failed, is_late;
	struct pg_call pg;
	struct pg_statement statement;
	const char *params[3];
	char id[24], process[16], message[CRON_MESSAGE_SIZE];
	void (*done)(void *arg, struct cron_run *run);
	void *arg;
};

/* Once, before the first; done is called at each end. */
void cron_run_init(struct cron_run *run, uv_loop_t *loop, struct pg_pool *pool,
		   void (*done)(void *arg, struct cron_run *run), void *arg);

struct cron_job {
	const char *runid, *database, *username, *command; /* borrowed for the call */
};

/* From RUN_FREE. done is never called from inside. */
void cron_run_begin(struct cron_run *run, const char *conninfo, const struct cron_job *job, int64_t max_ms);

/* The connection is closed; done is not called any more. The pool must have been stopped. on_closed comes when the
 * timer is. */
void cron_run_cut(struct cron_run *run, uv_close_cb on_closed);

#endif
