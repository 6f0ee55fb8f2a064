/* SPDX-License-Identifier: Apache-2.0
 *
 * One blocking connection to PostgreSQL, for programs that may wait: the control plane, migrations, tests. Every wait
 * has a deadline: past it the statement is cancelled and, if the server does not answer that either, the connection is
 * broken for good. The event loop of the backend uses pg/pool.h instead. */
#ifndef FREEHOLD_PG_CONN_H
#define FREEHOLD_PG_CONN_H

#include <libpq-fe.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "pg/error.h"

struct pg_conn;

/* conninfo is libpq's ("host=/run/x port=5432 dbname=app user=api", or a postgresql:// URI). deadline_ms counts from
 * now. A server that is starting up answers "the database system is starting up": ERR_UNAVAILABLE, try again. Refused
 * passwords and roles are ERR_DENIED, a database that is not there ERR_NOT_FOUND. */
bool pg_conn_open(const char *conninfo, int64_t deadline_ms, struct pg_conn **ret_conn, struct err *err);
void pg_conn_close(struct pg_conn *conn); /* NULL is allowed */

/* The connection underneath, for what this header does not offer (COPY, LISTEN). */
PGconn *pg_conn_raw(struct pg_conn *conn);

/* What each following call may take; 0: no limit. 60 s after open. */
void pg_conn_set_deadline(struct pg_conn *conn, int64_t deadline_ms);

/* False once it broke; a broken connection only refuses and is to be closed. */
bool pg_conn_is_ok(const struct pg_conn *conn);

/* One statement with text parameters ($1 …; a NULL entry is SQL null), results as text. ret_result may be NULL, else
 * the caller PQclears it. ret_error may be NULL; it is filled when PostgreSQL refused. */
bool pg_conn_exec(struct pg_conn *conn, const char *sql, int param_count, const char *const *params,
		  PGresult **ret_result, struct pg_error *ret_error, struct err *err);

/* Any number of statements, as PostgreSQL's simple protocol runs them: one transaction unless they say otherwise. It
 * stops at the first error; ret_error->position then counts within the whole script. */
bool pg_conn_script(struct pg_conn *conn, const char *sql, struct pg_error *ret_error, struct err *err);

/* The same of one, with its result: what a connection for replication understands (replication=database). */
bool pg_conn_command(struct pg_conn *conn, const char *command, PGresult **ret_result, struct err *err);

/* The first column of the only row, copied to ret_text ("" for null). ERR_NOT_FOUND without a row, ERR_LIMIT when it
 * does not fit. */
bool pg_conn_text(struct pg_conn *conn, const char *sql, int param_count, const char *const *params, char *ret_text,
		  size_t size, struct err *err);

/* A connection string of its own: "key='value' …" with value quoted as libpq wants it. ERR_LIMIT when it does not fit.
 * Starts from "" or what an earlier call left. */
bool pg_conninfo_add(char *conninfo, size_t size, const char *key, const char *value, struct err *err);

void pg_result_cleanup(PGresult **result);
#define PG_RESULT_CLEANUP __attribute__((cleanup(pg_result_cleanup)))

#endif
