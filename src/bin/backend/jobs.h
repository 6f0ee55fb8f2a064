/* SPDX-License-Identifier: Apache-2.0
 *
 * What the app's database asks to have done: its scheduled jobs, and its web requests. */
#ifndef FREEHOLD_BIN_BACKEND_JOBS_H
#define FREEHOLD_BIN_BACKEND_JOBS_H

#include "bin/backend/config.h"
#include "jobs/cron.h"
#include "jobs/net.h"
#include "pg/listen.h"

struct jobs {
	struct pg_pool *pool; /* NULL: there are none */
	struct pg_listener *listener; /* one for both: each connection costs memory */
	struct cron *cron;
	struct http_multi *http; /* its own: what an app calls may be slow, and sign-in calls others too */
	struct net *net;
	int draining;
	void (*on_drained)(void *arg);
	void *drained_arg;
};

/* Nothing where the configuration names no database for them. */
void jobs_start(struct jobs *jobs, uv_loop_t *loop, const struct backend_config *config);

/* The settings anew; what cannot be taken of them is logged and left out. */
void jobs_set(struct jobs *jobs, const struct backend_config *config);

/* on_drained comes once; at once where nothing runs. */
void jobs_drain(struct jobs *jobs, void (*on_drained)(void *arg), void *arg);

void jobs_stop(struct jobs *jobs);

#endif
