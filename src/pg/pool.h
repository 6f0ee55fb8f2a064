/* SPDX-License-Identifier: Apache-2.0
 *
 * Connections to one PostgreSQL, lent for one pipeline at a time, on one event loop.
 *
 * A pipeline is a list of statements sent together with one Sync at the end: one round trip and, without BEGIN and
 * COMMIT, one transaction of its own. The first statement that fails undoes all of them. A statement sees what those
 * before it set for the transaction (set_config(…, true)), role included, and nothing stays behind.
 *
 *     struct pg_call *call = …;                     lives until done is called: in the request's arena
 *     *call = (struct pg_call){.statements = s, .count = 2, .done = on_rows, .arg = request};
 *     if (!pg_pool_run(pool, call, err)) …          the queue is full; done will not be called
 *     on_rows(request, call) { if (call->failed >= 0 || call->err.code) …; pg_call_clear(call); }
 *
 * States of a call:  queued ─▶ running ─▶ done      and of a connection:  connecting ─▶ idle ⇄ busy ─▶ closed
 * Exactly one done for each accepted call, always from the loop, never from inside pg_pool_run.
 *
 * A statement may be streamed: its rows are shown to on_row one by one and never gathered, so that an answer of any
 * size needs the memory of a row. While on_row wants no more the connection is not read, and PostgreSQL waits in its
 * turn.
 *
 * A connection that broke, or that comes back inside a transaction, is closed and never lent again. When PostgreSQL is
 * away, calls wait in the queue up to their deadline while connecting is tried with growing pauses. */
#ifndef FREEHOLD_PG_POOL_H
#define FREEHOLD_PG_POOL_H

#include <libpq-fe.h>
#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "base/err.h"
#include "pg/error.h"

#define PG_PIPELINE_MAX 16

struct pg_pool;
struct pg_call;
struct pool_conn;

struct pg_pool_settings {
	const char *conninfo; /* copied */
	int size; /* connections at most, made when needed; 0: 10 */
	int queue_max; /* calls waiting at most; 0: 1024 */
	int64_t wait_ms; /* a call waits for a connection at most; 0: 10000 */
	int64_t run_ms; /* a pipeline may run, unless the call says otherwise; 0: 60000. Past it it is cancelled */
	int64_t stall_ms; /* nobody may want more rows for so long; 0: 30000. Past it it is cancelled … */
	int64_t stall_pressed_ms; /* … or past this when other calls wait for a connection; 0: 2000 */
	int statements_max; /* prepared statements a connection keeps; 0: 128 */
};

/* Text in, text out, unless it says otherwise. */
struct pg_statement {
	const char *sql;
	uint64_t hash; /* pg_text_hash(sql), from who has it at hand; 0: not known */
	int param_count;
	const char *const *params; /* NULL entries are SQL null */
	const int *lengths; /* for binary parameters only; may be NULL */
	const int *formats; /* 1: binary; may be NULL */
	bool is_prepared; /* keep it prepared on the connection: for texts that come again */
	bool is_streamed; /* its rows go to on_row; its result has none */
	bool is_binary; /* the result's columns come in PostgreSQL's binary form: texts as they are, bytea too */
};

struct pg_call {
	/* set by the caller, and alive until done */
	const struct pg_statement *statements;
	int count;
	uint64_t affinity; /* a number for the role the statements run under; see pg/statements.h */
	bool is_repeatable; /* reads only: sent once more when the connection turns out to be dead */
	int64_t run_ms; /* 0: the pool's */
	void (*done)(void *arg, struct pg_call *call);
	/* For streamed statements. The row is gone when it returns; false: no more until pg_call_resume. Not called any
	 * more once the call was cancelled. */
	bool (*on_row)(void *arg, struct pg_call *call, const PGresult *row);
	void *arg;

	/* read by done */
	struct err err; /* code ERR_NONE: all went well */
	int failed; /* the statement PostgreSQL refused, its result says why; count: the commit; -1: none */
	PGresult *results[PG_PIPELINE_MAX + 1]; /* of each statement, NULL from the failed one on but its own */

	/* the pool's */
	struct pg_call *next, *prev;
	struct pool_conn *conn;
	int64_t queued_until_ms;
	bool is_cancelled, is_retried;
};

struct pg_pool_stats {
	int connections, idle, queued;
	bool is_up; /* the last attempt to connect succeeded */
};

struct pg_pool *pg_pool_new(uv_loop_t *loop, const struct pg_pool_settings *settings);

/* Closes all connections; running and waiting calls are done with ERR_UNAVAILABLE. The pool is gone when the loop has
 * closed its handles; stopped (may be NULL) is told. */
void pg_pool_stop(struct pg_pool *pool, void (*stopped)(void *arg), void *arg);

bool pg_pool_run(struct pg_pool *pool, struct pg_call *call, struct err *err);

/* The caller has lost interest (its client left): a waiting call is taken out, a running one is cancelled in
 * PostgreSQL. done is still called, soon. */
void pg_call_cancel(struct pg_pool *pool, struct pg_call *call);

/* on_row, which wanted no more, wants more. It is called from the loop, not from here. */
void pg_call_resume(struct pg_call *call);

/* Frees the results; those set to NULL by the caller, who then owns them, stay. */
void pg_call_clear(struct pg_call *call);

/* What a connection was told when it began (its role's settings) has changed: those that are free are closed, the
 * others when they come back, and new ones are made when they are needed. */
void pg_pool_renew(struct pg_pool *pool);

void pg_pool_stats(const struct pg_pool *pool, struct pg_pool_stats *ret_stats);

/* A number for a role's name. */
uint64_t pg_affinity(const char *role, size_t len);

#endif
