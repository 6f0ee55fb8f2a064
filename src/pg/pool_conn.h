/* SPDX-License-Identifier: Apache-2.0
 *
 * A connection of the pool (pool.h), for pool.c, which lends them:
 *
 *     connecting ─▶ idle ⇄ busy ─▶ closed
 *                           └─▶ cancelling ─▶ closed: a cancel that comes late must not hit the next query
 *
 * What happens to one is followed by pool_dispatch, which gives what waits to what is free. */
#ifndef FREEHOLD_PG_POOL_CONN_H
#define FREEHOLD_PG_POOL_CONN_H

#include "pg/link.h"
#include "pg/pipeline.h"
#include "pg/pool.h"
#include "pg/statements.h"

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

void pool_conn_open(struct pg_pool *pool);
void pool_conn_close(struct pool_conn *conn);

/* To an idle one. is_fresh: nothing that was prepared is relied on. */
void pool_conn_send(struct pool_conn *conn, struct pg_call *call, bool is_fresh);

void pool_conn_cancel(struct pool_conn *conn); /* what runs, if anything does */
void pool_conn_resume(struct pool_conn *conn); /* rows are wanted again */

/* The connection is closed. Its call (if any) is done with this, or, if it only reads, waits for another one. */
void pool_conn_lose(struct pool_conn *conn, enum err_code code, const char *why);

/* pool.c: */
void pool_dispatch(struct pg_pool *pool);
void pool_queue_put(struct pg_pool *pool, struct pg_call *call, bool is_at_head);
void pool_finish(struct pg_call *call);
void pool_free_when_done(struct pg_pool *pool); /* it is stopped, and libuv has closed its handles */

#endif
