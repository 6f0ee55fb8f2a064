/* SPDX-License-Identifier: Apache-2.0 */
#include "pg/pool.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "pg/pool_conn.h"

uint64_t pg_affinity(const char *role, size_t len)
{
	uint64_t h = 14695981039346656037u;
	for (size_t i = 0; i < len; i++) h = (h ^ (unsigned char)role[i]) * 1099511628211u;
	return h;
}

void pg_call_clear(struct pg_call *call)
{
	for (int i = 0; i <= PG_PIPELINE_MAX; i++) {
		PQclear(call->results[i]);
		call->results[i] = NULL;
	}
}

void pool_queue_put(struct pg_pool *pool, struct pg_call *call, bool is_at_head)
{
	struct pg_call *before = is_at_head ? NULL : pool->last;
	struct pg_call *after = is_at_head ? pool->first : NULL;
	call->prev = before;
	call->next = after;
	*(before != NULL ? &before->next : &pool->first) = call;
	*(after != NULL ? &after->prev : &pool->last) = call;
	pool->queued++;
}

static void queue_take(struct pg_pool *pool, struct pg_call *call)
{
	*(call->prev != NULL ? &call->prev->next : &pool->first) = call->next;
	*(call->next != NULL ? &call->next->prev : &pool->last) = call->prev;
	call->next = call->prev = NULL;
	pool->queued--;
}

void pool_finish(struct pg_call *call)
{
	call->conn = NULL;
	call->done(call->arg, call);
}

void pool_free_when_done(struct pg_pool *pool)
{
	if (!pool->is_stopping || pool->handles > 0) return;
	void (*stopped)(void *arg) = pool->stopped;
	void *arg = pool->stopped_arg;
	free(pool->conninfo);
	free(pool);
	if (stopped != NULL) stopped(arg);
}

/* The idle connection whose role's plans are warm, else the one used last. */
static struct pool_conn *pick_idle(struct pg_pool *pool, uint64_t affinity)
{
	struct pool_conn *found = NULL;
	for (struct pool_conn *c = pool->conns; c != NULL; c = c->next) {
		if (c->state != CONN_IDLE) continue;
		if (c->affinity == affinity) return c;
		if (found == NULL || c->idle_since_ms > found->idle_since_ms) found = c;
	}
	return found;
}

static int count_state(const struct pg_pool *pool, enum conn_state state)
{
	int n = 0;
	for (const struct pool_conn *c = pool->conns; c != NULL; c = c->next) n += c->state == state;
	return n;
}

static void on_wait(uv_timer_t *timer)
{
	struct pg_pool *pool = timer->data;
	int64_t now = clock_now_ms();
	while (pool->first != NULL && pool->first->queued_until_ms <= now) {
		struct pg_call *call = pool->first;
		queue_take(pool, call);
		if (call->is_cancelled)
			(void)err_set(&call->err, ERR_TIMEOUT, "the request was withdrawn");
		else if (pool->last_err.code != ERR_NONE)
			call->err = pool->last_err;
		else
			(void)err_set(&call->err, ERR_TIMEOUT, "no connection to PostgreSQL became free in time");
		pool_finish(call);
	}
	pool_dispatch(pool);
}

static void arm_wait(struct pg_pool *pool)
{
	if (pool->first == NULL) {
		(void)uv_timer_stop(&pool->wait_timer);
		return;
	}
	int64_t left = pool->first->queued_until_ms - clock_now_ms();
	(void)uv_timer_start(&pool->wait_timer, on_wait, left > 0 ? (uint64_t)left : 0, 0);
}

void pool_dispatch(struct pg_pool *pool)
{
	if (pool->is_stopping) return;
	while (pool->first != NULL) {
		struct pool_conn *conn = pick_idle(pool, pool->first->affinity);
		if (conn == NULL) break;
		struct pg_call *call = pool->first;
		queue_take(pool, call);
		pool_conn_send(conn, call, false);
	}
	int wanted = pool->queued - count_state(pool, CONN_CONNECTING);
	while (wanted-- > 0 && pool->conn_count < pool->settings.size &&
	       !uv_is_active((uv_handle_t *)&pool->backoff_timer))
		pool_conn_open(pool);
	arm_wait(pool);
}

struct pg_pool *pg_pool_new(uv_loop_t *loop, const struct pg_pool_settings *settings)
{
	struct pg_pool *pool = calloc(1, sizeof *pool);
	if (pool == NULL) abort();
	pool->loop = loop;
	pool->settings = *settings;
	pool->conninfo = strdup(settings->conninfo);
	if (pool->conninfo == NULL) abort();
	if (pool->settings.size <= 0) pool->settings.size = 10;
	if (pool->settings.queue_max <= 0) pool->settings.queue_max = 1024;
	if (pool->settings.wait_ms <= 0) pool->settings.wait_ms = 10000;
	if (pool->settings.run_ms <= 0) pool->settings.run_ms = 60000;
	if (pool->settings.stall_ms <= 0) pool->settings.stall_ms = 30000;
	if (pool->settings.stall_pressed_ms <= 0) pool->settings.stall_pressed_ms = 2000;
	if (pool->settings.statements_max <= 0) pool->settings.statements_max = 128;
	if (uv_timer_init(loop, &pool->wait_timer) != 0 || uv_timer_init(loop, &pool->backoff_timer) != 0) abort();
	pool->wait_timer.data = pool->backoff_timer.data = pool;
	pool->handles = 2;
	return pool;
}

bool pg_pool_run(struct pg_pool *pool, struct pg_call *call, struct err *err)
{
	if (pool->is_stopping) return err_set(err, ERR_UNAVAILABLE, "shutting down");
	if (pool->queued >= pool->settings.queue_max)
		return err_set(err, ERR_UNAVAILABLE, "%d requests are waiting for PostgreSQL already; try again later",
			       pool->queued);
	if (call->count > PG_PIPELINE_MAX)
		return err_set(err, ERR_INTERNAL, "a pipeline of %d statements", call->count);
	call->failed = -1;
	call->queued_until_ms = clock_now_ms() + pool->settings.wait_ms;
	pool_queue_put(pool, call, false);
	pool_dispatch(pool);
	return true;
}

void pg_call_cancel(struct pg_pool *pool, struct pg_call *call)
{
	call->is_cancelled = true;
	if (call->conn != NULL) {
		pool_conn_cancel(call->conn);
		return;
	}
	if (call->prev == NULL && call->next == NULL && pool->first != call) return;
	queue_take(pool, call);
	call->queued_until_ms = 0;
	pool_queue_put(pool, call, true);
	arm_wait(pool);
}

void pg_call_resume(struct pg_call *call)
{
	if (call->conn != NULL) pool_conn_resume(call->conn);
}

static void on_timer_closed(uv_handle_t *handle)
{
	struct pg_pool *pool = handle->data;
	pool->handles--;
	pool_free_when_done(pool);
}

void pg_pool_stop(struct pg_pool *pool, void (*stopped)(void *arg), void *arg)
{
	pool->is_stopping = true;
	pool->stopped = stopped;
	pool->stopped_arg = arg;
	while (pool->conns != NULL) pool_conn_lose(pool->conns, ERR_UNAVAILABLE, "shutting down");
	while (pool->first != NULL) {
		struct pg_call *call = pool->first;
		queue_take(pool, call);
		(void)err_set(&call->err, ERR_UNAVAILABLE, "shutting down");
		pool_finish(call);
	}
	uv_close((uv_handle_t *)&pool->wait_timer, on_timer_closed);
	uv_close((uv_handle_t *)&pool->backoff_timer, on_timer_closed);
}

void pg_pool_renew(struct pg_pool *pool)
{
	for (struct pool_conn *conn = pool->conns, *next; conn != NULL; conn = next) {
		next = conn->next;
		conn->is_old = true;
		if (conn->state == CONN_IDLE) pool_conn_close(conn);
	}
}

void pg_pool_stats(const struct pg_pool *pool, struct pg_pool_stats *ret_stats)
{
	*ret_stats = (struct pg_pool_stats){.connections = pool->conn_count,
					    .idle = count_state(pool, CONN_IDLE),
					    .queued = pool->queued,
					    .is_up = pool->is_up};
}
