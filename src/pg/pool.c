/* SPDX-License-Identifier: Apache-2.0 */
#include "pg/pool.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "pg/cancel.h"
#include "pg/link.h"
#include "pg/pipeline.h"
#include "pg/statements.h"

#define CONNECT_MS 10000
#define CANCEL_AGAIN_MS 500
#define CANCELS_MAX 6
#define STALL_LOOK_MS 500
#define BACKOFF_FIRST_MS 50
#define BACKOFF_MAX_MS 2000
#define LOST "lost the connection to PostgreSQL; try again"

enum conn_state { CONN_CONNECTING, CONN_IDLE, CONN_BUSY, CONN_CANCELLING, CONN_CLOSED };

struct pool_conn {
	struct pg_pool *pool;
	struct pool_conn *next;
	struct pg_link link;
	struct pg_statements *statements;
	struct pipeline pipeline;
	struct pg_call *call;
	enum conn_state state;
	bool is_broken; /* while sending; said from the loop */
	bool is_old; /* not lent again: pg_pool_renew */
	uint64_t affinity; /* of the last call: its role's plans are warm */
	int64_t idle_since_ms;
	int cancels; /* sent for the call */
	int64_t paused_since_ms; /* 0: rows are wanted */
	uv_timer_t timer; /* ends connecting, running, or the grace after a cancel */
};

struct pg_pool {
	uv_loop_t *loop;
	char *conninfo;
	struct pg_pool_settings settings;
	struct pool_conn *conns;
	int conn_count, handles; /* handles: libuv's, not yet closed */
	struct pg_call *first, *last; /* the queue */
	int queued;
	uv_timer_t wait_timer; /* the deadline of the first in the queue */
	uv_timer_t backoff_timer; /* no connecting while it runs */
	int64_t backoff_ms;
	struct err last_err; /* why connecting failed; ERR_NONE when it did not */
	bool is_up, is_stopping;
	void (*stopped)(void *arg);
	void *stopped_arg;
};

static void dispatch(struct pg_pool *pool);

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

static void queue_put(struct pg_pool *pool, struct pg_call *call, bool is_at_head)
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

static void finish(struct pg_call *call)
{
	call->conn = NULL;
	call->done(call->arg, call);
}

static void free_pool_when_done(struct pg_pool *pool)
{
	if (!pool->is_stopping || pool->handles > 0) return;
	void (*stopped)(void *arg) = pool->stopped;
	void *arg = pool->stopped_arg;
	free(pool->conninfo);
	free(pool);
	if (stopped != NULL) stopped(arg);
}

static void on_conn_closed(uv_handle_t *handle)
{
	struct pool_conn *conn = handle->data;
	struct pg_pool *pool = conn->pool;
	pg_statements_free(conn->statements);
	free(conn);
	pool->handles--;
	free_pool_when_done(pool);
}

static void close_conn(struct pool_conn *conn)
{
	struct pg_pool *pool = conn->pool;
	if (conn->state == CONN_CLOSED) return;
	conn->state = CONN_CLOSED;
	for (struct pool_conn **at = &pool->conns; *at != NULL; at = &(*at)->next) {
		if (*at != conn) continue;
		*at = conn->next;
		break;
	}
	pool->conn_count--;
	pg_link_close(&conn->link);
	uv_close((uv_handle_t *)&conn->timer, on_conn_closed);
}

/* The connection died under its call. A read is sent once more over another one. */
static void lose_call(struct pool_conn *conn, enum err_code code, const char *why)
{
	struct pg_pool *pool = conn->pool;
	struct pg_call *call = conn->call;
	conn->call = NULL;
	close_conn(conn);
	if (call == NULL) return;
	if (call->is_repeatable && !call->is_retried && !call->is_cancelled && code == ERR_UNAVAILABLE &&
	    !pool->is_stopping) {
		call->is_retried = true;
		call->conn = NULL;
		pg_call_clear(call);
		queue_put(pool, call, true);
		return;
	}
	if (call->failed < 0) (void)err_set(&call->err, code, "%s", why);
	finish(call);
}

static void on_backoff(uv_timer_t *timer)
{
	dispatch(timer->data);
}

static void connect_failed(struct pool_conn *conn, const struct err *err)
{
	struct pg_pool *pool = conn->pool;
	pool->last_err = *err;
	pool->is_up = false;
	close_conn(conn);
	pool->backoff_ms = pool->backoff_ms == 0 ? BACKOFF_FIRST_MS : pool->backoff_ms * 2;
	if (pool->backoff_ms > BACKOFF_MAX_MS) pool->backoff_ms = BACKOFF_MAX_MS;
	if (!pool->is_stopping) (void)uv_timer_start(&pool->backoff_timer, on_backoff, (uint64_t)pool->backoff_ms, 0);
}

static void send_cancel(struct pool_conn *conn);
static void cancel_running(struct pool_conn *conn);
static void watch_paused(struct pool_conn *conn);

static void on_conn_timer(uv_timer_t *timer)
{
	struct pool_conn *conn = timer->data;
	struct pg_pool *pool = conn->pool;
	struct err err;
	switch (conn->state) {
	case CONN_CONNECTING:
		(void)err_set(&err, ERR_TIMEOUT, "PostgreSQL did not answer within %d s", CONNECT_MS / 1000);
		connect_failed(conn, &err);
		break;
	case CONN_BUSY:
		if (conn->is_broken)
			lose_call(conn, ERR_UNAVAILABLE, LOST);
		else if (conn->pipeline.is_paused)
			watch_paused(conn);
		else
			cancel_running(conn);
		break;
	case CONN_CANCELLING:
		if (conn->cancels < CANCELS_MAX)
			send_cancel(conn);
		else
			lose_call(conn, ERR_TIMEOUT, "the query took too long and did not stop when asked");
		break;
	default: break;
	}
	dispatch(pool);
}

/* More than once, since a cancel that comes before PostgreSQL has begun with the query is forgotten. */
static void send_cancel(struct pool_conn *conn)
{
	conn->cancels++;
	pg_cancel(conn->pool->loop, conn->link.raw);
	(void)uv_timer_start(&conn->timer, on_conn_timer, CANCEL_AGAIN_MS, 0);
}

static void cancel_running(struct pool_conn *conn)
{
	if (conn->state != CONN_BUSY) return;
	conn->state = CONN_CANCELLING;
	conn->pipeline.drops_rows = true;
	pipeline_resume(&conn->pipeline); /* PostgreSQL heeds a cancel only once it need not wait for us */
	conn->cancels = 0;
	send_cancel(conn);
}

static void start_run_timer(struct pool_conn *conn)
{
	int64_t run_ms = conn->call->run_ms > 0 ? conn->call->run_ms : conn->pool->settings.run_ms;
	(void)uv_timer_start(&conn->timer, on_conn_timer, (uint64_t)run_ms, 0);
}

static void become_idle(struct pool_conn *conn)
{
	conn->state = CONN_IDLE;
	conn->call = NULL;
	conn->idle_since_ms = clock_now_ms();
	(void)uv_timer_stop(&conn->timer);
}

static void send_call(struct pool_conn *conn, struct pg_call *call, bool is_fresh)
{
	conn->call = call;
	conn->state = CONN_BUSY;
	conn->affinity = call->affinity;
	call->conn = conn;
	start_run_timer(conn);
	conn->pipeline.link = &conn->link;
	conn->pipeline.statements = conn->statements;
	conn->is_broken = !pipeline_send(&conn->pipeline, call, is_fresh) || !pipeline_flush(&conn->pipeline);
	if (conn->is_broken) (void)uv_timer_start(&conn->timer, on_conn_timer, 0, 0);
}

/* A reader that stopped reading holds a connection that others may need. */
static void watch_paused(struct pool_conn *conn)
{
	const struct pg_pool_settings *s = &conn->pool->settings;
	int64_t paused_ms = clock_now_ms() - conn->paused_since_ms;
	if (paused_ms >= s->stall_ms || (paused_ms >= s->stall_pressed_ms && conn->pool->queued > 0)) {
		cancel_running(conn);
		return;
	}
	int64_t next_ms = paused_ms < s->stall_pressed_ms ? s->stall_pressed_ms - paused_ms : STALL_LOOK_MS;
	if (next_ms > s->stall_ms - paused_ms) next_ms = s->stall_ms - paused_ms;
	(void)uv_timer_start(&conn->timer, on_conn_timer, (uint64_t)next_ms, 0);
}

static void pause_conn(struct pool_conn *conn)
{
	conn->paused_since_ms = clock_now_ms();
	watch_paused(conn);
}

static void step_busy(struct pool_conn *conn)
{
	struct pg_pool *pool = conn->pool;
	enum pipeline_state state = pipeline_receive(&conn->pipeline);
	if (state == PIPELINE_RUNNING) {
		if (conn->pipeline.is_paused) pause_conn(conn);
		return;
	}
	struct pg_call *call = conn->call;
	if (state == PIPELINE_BROKEN) {
		lose_call(conn, ERR_UNAVAILABLE, LOST);
		dispatch(pool);
		return;
	}
	if (!call->is_retried && !call->is_cancelled && pipeline_is_outdated(call)) {
		call->is_retried = true;
		pg_call_clear(call);
		send_call(conn, call, true);
		return;
	}
	/* A cancel that comes late must not hit the next query: such a connection is not lent again. */
	if (conn->state == CONN_CANCELLING || conn->is_old)
		close_conn(conn);
	else
		become_idle(conn);
	conn->call = NULL;
	finish(call);
	dispatch(pool);
}

static void on_link_ready(struct pg_link *link)
{
	struct pool_conn *conn = link->owner;
	if (conn->state == CONN_BUSY || conn->state == CONN_CANCELLING) {
		step_busy(conn);
		return;
	}
	/* Idle, and the server says something: a setting changed, or it is going away. */
	if (!PQconsumeInput(link->raw) || PQstatus(link->raw) != CONNECTION_OK) close_conn(conn);
}

static void on_link_open(struct pg_link *link, const struct err *err)
{
	struct pool_conn *conn = link->owner;
	struct pg_pool *pool = conn->pool;
	if (err != NULL || PQenterPipelineMode(link->raw) != 1) {
		struct err broken;
		(void)err_set(&broken, ERR_UNAVAILABLE, "PostgreSQL refused pipeline mode");
		connect_failed(conn, err != NULL ? err : &broken);
	} else {
		pool->backoff_ms = 0;
		pool->last_err.code = ERR_NONE;
		pool->is_up = true;
		if (conn->is_old)
			close_conn(conn);
		else
			become_idle(conn);
	}
	dispatch(pool);
}

static const struct pg_link_events link_events = {on_link_open, on_link_ready};

static void open_conn(struct pg_pool *pool)
{
	struct err err;
	struct pool_conn *conn = calloc(1, sizeof *conn);
	if (conn == NULL || uv_timer_init(pool->loop, &conn->timer) != 0) abort();
	conn->timer.data = conn;
	conn->pool = pool;
	conn->statements = pg_statements_new(pool->settings.statements_max);
	conn->next = pool->conns;
	pool->conns = conn;
	pool->conn_count++;
	pool->handles++;
	(void)uv_timer_start(&conn->timer, on_conn_timer, CONNECT_MS, 0);
	if (!pg_link_open(&conn->link, pool->loop, pool->conninfo, &link_events, conn, &err))
		connect_failed(conn, &err);
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
		finish(call);
	}
	dispatch(pool);
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

static void dispatch(struct pg_pool *pool)
{
	if (pool->is_stopping) return;
	while (pool->first != NULL) {
		struct pool_conn *conn = pick_idle(pool, pool->first->affinity);
		if (conn == NULL) break;
		struct pg_call *call = pool->first;
		queue_take(pool, call);
		send_call(conn, call, false);
	}
	int wanted = pool->queued - count_state(pool, CONN_CONNECTING);
	while (wanted-- > 0 && pool->conn_count < pool->settings.size &&
	       !uv_is_active((uv_handle_t *)&pool->backoff_timer))
		open_conn(pool);
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
	queue_put(pool, call, false);
	dispatch(pool);
	return true;
}

void pg_call_cancel(struct pg_pool *pool, struct pg_call *call)
{
	call->is_cancelled = true;
	if (call->conn != NULL) {
		cancel_running(call->conn);
		return;
	}
	if (call->prev == NULL && call->next == NULL && pool->first != call) return;
	queue_take(pool, call);
	call->queued_until_ms = 0;
	queue_put(pool, call, true);
	arm_wait(pool);
}

void pg_call_resume(struct pg_call *call)
{
	struct pool_conn *conn = call->conn;
	if (conn == NULL || conn->state != CONN_BUSY || !conn->pipeline.is_paused) return;
	pipeline_resume(&conn->pipeline);
	start_run_timer(conn);
}

static void on_timer_closed(uv_handle_t *handle)
{
	struct pg_pool *pool = handle->data;
	pool->handles--;
	free_pool_when_done(pool);
}

void pg_pool_stop(struct pg_pool *pool, void (*stopped)(void *arg), void *arg)
{
	pool->is_stopping = true;
	pool->stopped = stopped;
	pool->stopped_arg = arg;
	while (pool->conns != NULL) lose_call(pool->conns, ERR_UNAVAILABLE, "shutting down");
	while (pool->first != NULL) {
		struct pg_call *call = pool->first;
		queue_take(pool, call);
		(void)err_set(&call->err, ERR_UNAVAILABLE, "shutting down");
		finish(call);
	}
	uv_close((uv_handle_t *)&pool->wait_timer, on_timer_closed);
	uv_close((uv_handle_t *)&pool->backoff_timer, on_timer_closed);
}

void pg_pool_renew(struct pg_pool *pool)
{
	for (struct pool_conn *conn = pool->conns, *next; conn != NULL; conn = next) {
		next = conn->next;
		conn->is_old = true;
		if (conn->state == CONN_IDLE) close_conn(conn);
	}
}

void pg_pool_stats(const struct pg_pool *pool, struct pg_pool_stats *ret_stats)
{
	*ret_stats = (struct pg_pool_stats){.connections = pool->conn_count,
					    .idle = count_state(pool, CONN_IDLE),
					    .queued = pool->queued,
					    .is_up = pool->is_up};
}
