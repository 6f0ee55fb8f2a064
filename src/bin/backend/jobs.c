/* SPDX-License-Identifier: Apache-2.0 */
#include "bin/backend/jobs.h"

#define POOL_SIZE 2
#define DRAIN_MS 8000 /* for what runs to end by itself */

void jobs_start(struct jobs *jobs, uv_loop_t *loop, const struct backend_config *config)
{
	*jobs = (struct jobs){0};
	if (config->jobs_database == NULL) return;
	jobs->pool = pg_pool_new(
	    loop, &(struct pg_pool_settings){.conninfo = config->jobs_database, .size = POOL_SIZE, .queue_max = 256});
	jobs->cron = cron_new(loop, jobs->pool, config->jobs_database);
}

void jobs_drain(struct jobs *jobs, void (*on_drained)(void *arg), void *arg)
{
	if (jobs->cron != NULL)
		cron_drain(jobs->cron, DRAIN_MS, on_drained, arg);
	else
		on_drained(arg);
}

void jobs_stop(struct jobs *jobs)
{
	if (jobs->pool != NULL) pg_pool_stop(jobs->pool, NULL, NULL);
	cron_stop(jobs->cron);
}
