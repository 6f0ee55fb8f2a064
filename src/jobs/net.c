/* SPDX-License-Identifier: Apache-2.0 */
#include "jobs/net.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/str.h"
#include "jobs/send.h"

#define PAUSE_MS 2000 /* the database was away */
#define SWEEP_MS 60000 /* while there is something that ends by time */
#define SETTINGS_BYTES (64u << 10)

/* One statement, so that what leaves the queue has a lease. Headers may be anything: what is no object counts as none.
 */
static const char claim_sql[] =
    "with picked as (select id from net.http_request_queue order by id limit $1::integer for update skip locked), "
    "gone as (delete from net.http_request_queue q using picked where q.id = picked.id "
    "returning q.id, q.method, q.url, q.headers, q.body, q.timeout_milliseconds), "
    "kept as (insert into freehold_jobs.request (id, lease_until) select id, now() + make_interval(secs => "
    "(case when timeout_milliseconds between 1 and $2::integer then timeout_milliseconds else $2::integer end) / "
    "1000.0 "
    "+ 20) from gone on conflict (id) do update set lease_until = excluded.lease_until) "
    "select g.id::text, g.method::text, g.url, (select coalesce(json_agg(h.key || ': ' || coalesce(h.value, '')), "
    "'[]') "
    "from jsonb_each_text(case when jsonb_typeof(g.headers) = 'object' then g.headers else '{}' end) h)::text, g.body, "
    "coalesce(g.timeout_milliseconds, 0)::text from gone g order by g.id";

static const char sweep_sql[] = "select freehold_jobs.sweep_net()";

struct net {
	uv_loop_t *loop;
	struct pg_pool *pool;
	struct http_multi *multi;
	uv_timer_t timer, sweep_timer, drain_timer;
	struct net_send sends[NET_AT_ONCE];
	struct arena *settings; /* what the map borrows; NULL: not set yet */
	struct address_map map;
	struct egress egress;

	struct pg_call claim, sweep;
	struct pg_statement statement, sweep_statement;
	const char *params[2];
	char places[8], most[12];
	bool is_asking, is_woken /* while asking */, is_sweeping;
	bool is_failure_told;
	bool is_draining, is_stopped;
	void (*on_drained)(void *arg);
	void *drained_arg;
	int open_handles;
};

static void ask(struct net *n);

static int free_places(const struct net *n)
{
	int free_count = 0;
	for (int i = 0; i < NET_AT_ONCE; i++) free_count += n->sends[i].state == SEND_FREE;
	return free_count;
}

static void on_timer(uv_timer_t *timer)
{
	ask(timer->data);
}

static void again_later(struct net *n)
{
	if (!n->is_draining) (void)uv_timer_start(&n->timer, on_timer, PAUSE_MS, 0);
}

static void end_drain(struct net *n)
{
	void (*told)(void *arg) = n->on_drained;
	n->on_drained = NULL;
	(void)uv_timer_stop(&n->drain_timer);
	if (told != NULL) told(n->drained_arg);
}

static void maybe_drained(struct net *n)
{
	if (n->is_draining && !n->is_asking && free_places(n) == NET_AT_ONCE) end_drain(n);
}

static void on_sweep(uv_timer_t *timer);

static void on_sent(void *arg)
{
	struct net *n = arg;
	if (!uv_is_active((uv_handle_t *)&n->sweep_timer) && !n->is_draining)
		(void)uv_timer_start(&n->sweep_timer, on_sweep, SWEEP_MS, SWEEP_MS);
	ask(n);
	maybe_drained(n);
}

static void begin(struct net *n, const PGresult *rows, int row)
{
	for (int i = 0; i < NET_AT_ONCE; i++) {
		if (n->sends[i].state != SEND_FREE) continue;
		net_send_begin(&n->sends[i], rows, row, &n->map, &n->egress);
		return;
	}
	assert(!"more were claimed than asked for");
}

static void on_claimed(void *arg, struct pg_call *call)
{
	struct net *n = arg;
	bool ok = call->err.code == ERR_NONE && call->failed < 0;
	int count = ok ? PQntuples(call->results[0]) : 0;
	if (n->is_stopped) {
		pg_call_clear(call);
		return;
	}
	for (int i = 0; i < count; i++) begin(n, call->results[0], i);
	if (!ok && !n->is_failure_told && !n->is_draining)
		log_warn("net: web requests of the database wait: %s",
			 call->err.code != ERR_NONE ? call->err.msg
						    : PQresultErrorMessage(call->results[call->failed]));
	n->is_failure_told = !ok;
	pg_call_clear(call);
	n->is_asking = false;
	if (!ok)
		again_later(n);
	else if (count > 0 || n->is_woken)
		ask(n);
	maybe_drained(n);
}

static void ask(struct net *n)
{
	struct err err;
	int places = free_places(n);
	if (n->is_draining || n->settings == NULL || places == 0) return; /* whichever ends next asks again */
	if (n->is_asking) {
		n->is_woken = true;
		return;
	}
	n->is_woken = false;
	(void)snprintf(n->places, sizeof n->places, "%d", places);
	(void)snprintf(n->most, sizeof n->most, "%d", NET_TIMEOUT_MAX_MS);
	n->params[0] = n->places;
	n->params[1] = n->most;
	n->statement = (struct pg_statement){
	    .sql = claim_sql, .param_count = 2, .params = n->params, .is_prepared = true, .is_binary = true};
	n->claim = (struct pg_call){.statements = &n->statement, .count = 1, .done = on_claimed, .arg = n};
	n->is_asking = pg_pool_run(n->pool, &n->claim, &err);
	if (!n->is_asking) again_later(n);
}

static void on_swept(void *arg, struct pg_call *call)
{
	struct net *n = arg;
	bool is_all = call->err.code == ERR_NONE && call->failed < 0 && PQgetvalue(call->results[0], 0, 0)[0] == 'f';
	pg_call_clear(call);
	n->is_sweeping = false;
	if (is_all && !n->is_stopped) (void)uv_timer_stop(&n->sweep_timer); /* nothing is left that ends by time */
}

static void on_sweep(uv_timer_t *timer)
{
	struct net *n = timer->data;
	struct err err;
	if (n->is_sweeping || n->is_draining) return;
	n->sweep_statement = (struct pg_statement){.sql = sweep_sql};
	n->sweep = (struct pg_call){.statements = &n->sweep_statement, .count = 1, .done = on_swept, .arg = n};
	n->is_sweeping = pg_pool_run(n->pool, &n->sweep, &err);
}

void net_wake(struct net *n, bool is_first)
{
	if (is_first && !n->is_draining) (void)uv_timer_start(&n->sweep_timer, on_sweep, 0, SWEEP_MS);
	ask(n);
}

struct net *net_new(uv_loop_t *loop, struct pg_pool *pool, struct http_multi *multi)
{
	struct net *n = calloc(1, sizeof *n);
	if (n == NULL) abort();
	n->loop = loop;
	n->pool = pool;
	n->multi = multi;
	for (int i = 0; i < NET_AT_ONCE; i++) net_send_init(&n->sends[i], loop, pool, multi, on_sent, n);
	(void)uv_timer_init(loop, &n->timer);
	(void)uv_timer_init(loop, &n->sweep_timer);
	(void)uv_timer_init(loop, &n->drain_timer);
	n->timer.data = n->sweep_timer.data = n->drain_timer.data = n;
	n->open_handles = NET_AT_ONCE + 3;
	return n;
}

static const char *copy(struct arena *a, const char *text)
{
	return text != NULL ? arena_strdup(a, text) : "";
}

void net_set(struct net *n, const struct address_map *map, const struct egress *egress)
{
	struct arena *a = arena_new(SETTINGS_BYTES), *old = n->settings;
	n->settings = a;
	n->egress = *egress;
	n->map = (struct address_map){.site_url = copy(a, map->site_url),
				      .anon_key = copy(a, map->anon_key),
				      .publishable_key = copy(a, map->publishable_key)};
	for (int i = 0; i < map->project_count && i < NET_PROJECTS_MAX; i++)
		n->map.projects[n->map.project_count++] = copy(a, map->projects[i]);
	arena_free(old);
	ask(n);
}

static void on_drained_late(uv_timer_t *timer)
{
	end_drain(timer->data);
}

void net_drain(struct net *n, int64_t wait_ms, void (*on_drained)(void *arg), void *arg)
{
	n->is_draining = true;
	n->on_drained = on_drained;
	n->drained_arg = arg;
	(void)uv_timer_stop(&n->timer);
	(void)uv_timer_stop(&n->sweep_timer);
	(void)uv_timer_start(&n->drain_timer, on_drained_late, (uint64_t)wait_ms, 0);
	maybe_drained(n);
}

static void release(struct net *n)
{
	if (--n->open_handles > 0) return;
	arena_free(n->settings);
	free(n);
}

static void on_closed(uv_handle_t *handle)
{
	release(handle->data);
}

static void on_send_closed(uv_handle_t *handle)
{
	struct net_send *s = handle->data;
	release(s->arg);
}

void net_stop(struct net *n)
{
	if (n == NULL) return;
	n->is_draining = n->is_stopped = true;
	for (int i = 0; i < NET_AT_ONCE; i++) net_send_cut(&n->sends[i], on_send_closed);
	uv_close((uv_handle_t *)&n->timer, on_closed);
	uv_close((uv_handle_t *)&n->sweep_timer, on_closed);
	uv_close((uv_handle_t *)&n->drain_timer, on_closed);
}
