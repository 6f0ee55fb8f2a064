/* SPDX-License-Identifier: Apache-2.0
 *
 * What the app's database asks to have done: its scheduled jobs. */
#ifndef FREEHOLD_BIN_BACKEND_JOBS_H
#define FREEHOLD_BIN_BACKEND_JOBS_H

#include "bin/backend/config.h"
#include "jobs/cron.h"

struct jobs {
	struct pg_pool *pool; /* NULL: there are none */
	struct cron *cron;
};

/* Nothing where the configuration names no database for them. */
void jobs_start(struct jobs *jobs, uv_loop_t *loop, const struct backend_config *config);

/* on_drained comes once; at once where nothing runs. */
void jobs_drain(struct jobs *jobs, void (*on_drained)(void *arg), void *arg);

void jobs_stop(struct jobs *jobs);

#endif
