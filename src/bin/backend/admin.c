/* SPDX-License-Identifier: Apache-2.0 */
#include "bin/backend/admin.h"

#include <stdlib.h>
#include <unistd.h>

#define CATALOGUE_TEXT_MAX (256u << 20)

static void metric(struct buf *b, const char *name, const char *type, const char *help, double value)
{
	buf_printf(b, "# HELP %s %s\n# TYPE %s %s\n%s %.17g\n", name, help, name, type, name, value);
}

static void write_pool(struct buf *b, const struct admin *a, const struct rest_stats *rest)
{
	struct pg_pool_stats pool;
	pg_pool_stats(a->pool, &pool);
	metric(b, "pgrst_db_pool_timeouts_total", "counter", "The total number of pool connection timeouts",
	       (double)rest->pool_timeouts);
	metric(b, "pgrst_db_pool_available", "gauge", "Available connections in the pool", pool.idle);
	metric(b, "pgrst_db_pool_waiting", "gauge", "Requests waiting to acquire a pool connection", pool.queued);
	metric(b, "pgrst_db_pool_max", "gauge", "Max pool connections", a->pool_max);
}

static void write_catalogue(struct buf *b, const struct rest_stats *rest)
{
	buf_printf(b,
		   "# HELP pgrst_schema_cache_loads_total The total number of times the schema cache was loaded\n"
		   "# TYPE pgrst_schema_cache_loads_total counter\n"
		   "pgrst_schema_cache_loads_total{status=\"FAIL\"} %llu\n"
		   "pgrst_schema_cache_loads_total{status=\"SUCCESS\"} %llu\n",
		   (unsigned long long)rest->catalogue_failures, (unsigned long long)rest->catalogue_loads);
	metric(b, "pgrst_schema_cache_query_time_seconds", "gauge",
	       "The query time in seconds of the last schema cache load", rest->catalogue_load_s);
}

static void write_tokens(struct buf *b, const struct tokens *tokens)
{
	struct tokens_stats stats = {0};
	if (tokens != NULL) tokens_stats(tokens, &stats);
	metric(b, "pgrst_jwt_cache_requests_total", "counter", "The total number of JWT cache lookups",
	       (double)stats.asked);
	metric(b, "pgrst_jwt_cache_hits_total", "counter", "The total number of JWT cache hits", (double)stats.hits);
	metric(b, "pgrst_jwt_cache_evictions_total", "counter", "The total number of JWT cache evictions",
	       (double)stats.evictions);
}

static void reply(struct http_request *http, const char *type, const struct buf *b)
{
	http_reply(http, 200, &(struct http_reply_field){"Content-Type", type}, 1, buf_view(b));
}

static void answer_metrics(const struct admin *a, struct http_request *http)
{
	BUF_CLEANUP struct buf b;
	struct rest_stats rest = {0};
	buf_init(&b, 64u << 10);
	if (a->rest != NULL) rest_stats(a->rest, &rest);
	write_pool(&b, a, &rest);
	write_catalogue(&b, &rest);
	write_tokens(&b, a->tokens);
	reply(http, "text/plain; charset=utf-8", &b);
}

static void answer_catalogue(const struct admin *a, struct http_request *http)
{
	BUF_CLEANUP struct buf b;
	buf_init(&b, CATALOGUE_TEXT_MAX);
	if (a->rest != NULL) rest_write_catalogue(a->rest, &b);
	reply(http, "application/json; charset=utf-8", &b);
}

void admin_answer(const struct admin *a, struct http_request *http)
{
	struct str path = http_path(http);
	struct pg_pool_stats pool;
	pg_pool_stats(a->pool, &pool);
	bool is_ready = a->rest != NULL && rest_is_ready(a->rest) && pool.is_up;
	/* A socket whose name is gone is reached by nobody. */
	bool is_live = a->unix_socket == NULL || access(a->unix_socket, F_OK) == 0;
	if (str_eq(path, STR("/live")))
		http_reply(http, is_live ? 200 : 500, NULL, 0, STR(""));
	else if (str_eq(path, STR("/ready")))
		http_reply(http, !is_live ? 500 : is_ready ? 200 : 503, NULL, 0, STR(""));
	else if (str_eq(path, STR("/metrics")))
		answer_metrics(a, http);
	else if (str_eq(path, STR("/schema_cache")))
		answer_catalogue(a, http);
	else
		http_reply(http, 404, NULL, 0, STR(""));
}
