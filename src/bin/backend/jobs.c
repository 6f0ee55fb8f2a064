/* SPDX-License-Identifier: Apache-2.0 */
#include "bin/backend/jobs.h"

#include <string.h>

#include "base/log.h"
#include "codec/json.h"

#define POOL_SIZE 1 /* all that is asked is short */
#define CHANNEL "freehold_jobs"
#define DRAIN_MS 8000 /* for what runs to end by itself */

static void on_notify(void *arg, const char *payload)
{
	struct jobs *jobs = arg;
	bool is_net = payload != NULL && strcmp(payload, "net") == 0;
	if (!is_net) cron_wake(jobs->cron);
	if (is_net || payload == NULL) net_wake(jobs->net, payload == NULL);
}

void jobs_start(struct jobs *jobs, uv_loop_t *loop, const struct backend_config *config)
{
	*jobs = (struct jobs){0};
	if (config->jobs_database == NULL) return;
	jobs->pool = pg_pool_new(
	    loop, &(struct pg_pool_settings){.conninfo = config->jobs_database, .size = POOL_SIZE, .queue_max = 256});
	jobs->cron = cron_new(loop, jobs->pool, config->jobs_database);
	jobs->http = http_multi_new(loop);
	jobs->net = net_new(loop, jobs->pool, jobs->http);
	jobs_set(jobs, config);
	jobs->listener = pg_listener_new(loop, config->jobs_database, CHANNEL, on_notify, jobs);
}

void jobs_set(struct jobs *jobs, const struct backend_config *config)
{
	const json_t *o = json_object_get(config->file, "jobs"), *projects = json_object_get(o, "projects"),
		     *allowed = json_object_get(o, "allow");
	struct address_map map = {
	    .site_url = config->site_url, .anon_key = config->anon_key, .publishable_key = config->publishable_key};
	struct egress egress = {0};
	struct err err;
	if (jobs->net == NULL) return;
	for (size_t i = 0; i < json_array_size(projects) && map.project_count < NET_PROJECTS_MAX; i++) {
		const char *project = json_string_value(json_array_get(projects, i));
		if (project != NULL) map.projects[map.project_count++] = project;
	}
	for (size_t i = 0; i < json_array_size(allowed); i++) {
		const char *network = json_string_value(json_array_get(allowed, i));
		if (!egress_allow(&egress, network != NULL ? network : "", &err)) log_error("jobs: allow: %s", err.msg);
	}
	net_set(jobs->net, &map, &egress);
}

static void on_one_drained(void *arg)
{
	struct jobs *jobs = arg;
	if (--jobs->draining == 0) jobs->on_drained(jobs->drained_arg);
}

void jobs_drain(struct jobs *jobs, void (*on_drained)(void *arg), void *arg)
{
	if (jobs->cron == NULL) {
		on_drained(arg);
		return;
	}
	jobs->draining = 2;
	jobs->on_drained = on_drained;
	jobs->drained_arg = arg;
	cron_drain(jobs->cron, DRAIN_MS, on_one_drained, jobs);
	net_drain(jobs->net, DRAIN_MS, on_one_drained, jobs);
}

void jobs_stop(struct jobs *jobs)
{
	pg_listener_stop(jobs->listener);
	if (jobs->pool != NULL) pg_pool_stop(jobs->pool, NULL, NULL);
	cron_stop(jobs->cron);
	net_stop(jobs->net);
	http_multi_stop(jobs->http);
}
