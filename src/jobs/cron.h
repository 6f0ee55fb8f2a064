/* SPDX-License-Identifier: Apache-2.0
 *
 * Runs what the app scheduled with cron.schedule, as pg_cron 1.6 does, on the event loop. The database knows when what
 * is due and who runs it (owndb/prelude/062_jobs.sql); this module asks, runs, and tells how it ended:
 *
 *     woken ─▶ claim ─▶ run (CRON_PLACES at a time, jobs/run.h) ─▶ claim …      nothing due ─▶ sleep until something is
 *
 * Woken by its owner when jobs change, at the start, and after PostgreSQL was away (cron_wake, on NOTIFY), and by
 * itself when a job is due; an app without jobs is asked nothing. Several backends may run side by side: a run is
 * claimed once, under a lock of the database's. A run whose backend was killed ends as failed ("server restarted") and
 * is not repeated. What was due while nothing ran is not made up, but for a delay of a minute at most. A job runs once
 * at a time; due again meanwhile, it runs once more afterwards. */
#ifndef FREEHOLD_JOBS_CRON_H
#define FREEHOLD_JOBS_CRON_H

#include <uv.h>

#include "pg/pool.h"

#define CRON_PLACES 4
#define CRON_RUN_MAX_S 3600 /* then a job is cancelled */

struct cron;

/* The pool is one of freehold_jobs, conninfo the same, for the connections of the jobs themselves; it is copied. The
 * pool must outlive it. Nothing is asked before the first cron_wake. */
struct cron *cron_new(uv_loop_t *loop, struct pg_pool *pool, const char *conninfo);

/* Something may be due: NOTIFY freehold_jobs. */
void cron_wake(struct cron *cron);

/* Nothing more is begun; on_drained comes when what runs has ended, or after wait_ms. */
void cron_drain(struct cron *cron, int64_t wait_ms, void (*on_drained)(void *arg), void *arg);

/* Cuts what runs. After the pool was stopped, so that no answer is still to come; gone when the loop has closed its
 * handles. NULL is allowed. */
void cron_stop(struct cron *cron);

#endif
