/* SPDX-License-Identifier: Apache-2.0 */
#include "pg/pool_conn.h"

#include <stdlib.h>

#include "base/clock.h"
#include "pg/cancel.h"

#define CONNECT_MS 10000
#define CANCEL_AGAIN_MS 500
#define CANCELS_MAX 6
#define STALL_LOOK_MS 500
#define BACKOFF_FIRST_MS 50
#define BACKOFF_MAX_MS 2000
#define LOST "lost the connection to PostgreSQL; try again"

static void on_conn_closed(uv_handle_t *handle)
{
	struct pool_conn *conn = handle->data;
	struct pg_pool *pool = conn->pool;
	pg_statements_free(conn->statements);
	free(conn);
	pool->handles--;
	pool_free_when_done(pool);
}

void pool_conn_close(struct pool_conn *conn)
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
void pool_conn_lose(struct pool_conn *conn, enum err_code code, const char *why)
{
	struct pg_pool *pool = conn->pool;
	struct pg_call *call = conn->call;
	conn->call = NULL;
	pool_conn_close(conn);
	if (call == NULL) return;
	if (call->is_repeatable && !call->is_retried && !call->is_cancelled && code == ERR_UNAVAILABLE &&
	    !pool->is_stopping) {
		call->is_retried = true;
		call->conn = NULL;
		pg_call_clear(call);
		pool_queue_put(pool, call, true);
		return;
	}
	if (call->failed < 0) (void)err_set(&call->err, code, "%s", why);
	pool_finish(call);
}

static void on_backoff(uv_timer_t *timer)
{
	pool_dispatch(timer->data);
}

static void connect_failed(struct pool_conn *conn, const struct err *err)
{
	struct pg_pool *pool = conn->pool;
	pool->last_err = *err;
	pool->is_up = false;
	pool_conn_close(conn);
	pool->backoff_ms = pool->backoff_ms == 0 ? BACKOFF_FIRST_MS : pool->backoff_ms * 2;
	if (pool->backoff_ms > BACKOFF_MAX_MS) pool->backoff_ms = BACKOFF_MAX_MS;
	if (!pool->is_stopping) (void)uv_timer_start(&pool->backoff_timer, on_backoff, (uint64_t)pool->backoff_ms, 0);
}

static void send_cancel(struct pool_conn *conn);
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
			pool_conn_lose(conn, ERR_UNAVAILABLE, LOST);
		else if (conn->pipeline.is_paused)
			watch_paused(conn);
		else
			pool_conn_cancel(conn);
		break;
	case CONN_CANCELLING:
		if (conn->cancels < CANCELS_MAX)
			send_cancel(conn);
		else
			pool_conn_lose(conn, ERR_TIMEOUT, "the query took too long and did not stop when asked");
		break;
	default: break;
	}
	pool_dispatch(pool);
}

/* More than once, since a cancel that comes before PostgreSQL has begun with the query is forgotten. */
static void send_cancel(struct pool_conn *conn)
{
	conn->cancels++;
	pg_cancel(conn->pool->loop, conn->link.raw);
	(void)uv_timer_start(&conn->timer, on_conn_timer, CANCEL_AGAIN_MS, 0);
}

void pool_conn_cancel(struct pool_conn *conn)
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

void pool_conn_send(struct pool_conn *conn, struct pg_call *call, bool is_fresh)
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
		pool_conn_cancel(conn);
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
		pool_conn_lose(conn, ERR_UNAVAILABLE, LOST);
		pool_dispatch(pool);
		return;
	}
	if (!call->is_retried && !call->is_cancelled && pipeline_is_outdated(call)) {
		call->is_retried = true;
		pg_call_clear(call);
		pool_conn_send(conn, call, true);
		return;
	}
	/* A cancel that comes late must not hit the next query: such a connection is not lent again. */
	if (conn->state == CONN_CANCELLING || conn->is_old)
		pool_conn_close(conn);
	else
		become_idle(conn);
	conn->call = NULL;
	pool_finish(call);
	pool_dispatch(pool);
}

static void on_link_ready(struct pg_link *link)
{
	struct pool_conn *conn = link->owner;
	if (conn->state == CONN_BUSY || conn->state == CONN_CANCELLING) {
		step_busy(conn);
		return;
	}
	/* Idle, and the server says something: a setting changed, or it is going away. */
	if (!PQconsumeInput(link->raw) || PQstatus(link->raw) != CONNECTION_OK) pool_conn_close(conn);
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
			pool_conn_close(conn);
		else
			become_idle(conn);
	}
	pool_dispatch(pool);
}

static const struct pg_link_events link_events = {on_link_open, on_link_ready};

void pool_conn_open(struct pg_pool *pool)
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

void pool_conn_resume(struct pool_conn *conn)
{
	if (conn->state != CONN_BUSY || !conn->pipeline.is_paused) return;
	pipeline_resume(&conn->pipeline);
	start_run_timer(conn);
}
