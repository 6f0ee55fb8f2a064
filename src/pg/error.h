/* SPDX-License-Identifier: Apache-2.0
 *
 * What PostgreSQL says when it refuses: the fields of its error message (documented under "Error and Notice Message
 * Fields"), copied out of the result so that it can be freed. A text that does not fit is cut. */
#ifndef FREEHOLD_PG_ERROR_H
#define FREEHOLD_PG_ERROR_H

#include <libpq-fe.h>

#include "base/err.h"

/* How a message begins when there was no connection to be had. */
#define PG_CANNOT_CONNECT "cannot connect to PostgreSQL: "

struct pg_error {
	char sqlstate[6]; /* "" when the connection broke before the server could say anything */
	char severity[16];
	int position; /* of the offending character in the statement, counted from 1 in characters; 0: not given */
	char message[1024];
	char detail[1024];
	char hint[512];
	char context[512];
	char schema[64], table[64], column[64], constraint[64];
};

/* Copies the fields of a failed result; a result without them (a broken connection) gives the connection's message. */
void pg_error_from_result(struct pg_error *ret_error, const PGresult *result, const PGconn *conn);

/* The connection itself failed: only .message is set, without line breaks at its end. */
void pg_error_from_conn(struct pg_error *ret_error, const PGconn *conn);

/* The class of our errors a SQLSTATE belongs to: 23505 is a conflict, 42501 a denial, 57014 a timeout, 08*, 53* and
 * 57P* mean unavailable, no SQLSTATE too; everything else ERR_FAILED. */
enum err_code pg_error_class(const char *sqlstate);

/* "relation \"x\" does not exist (42P01)", with detail and hint where there are any. Returns false. */
bool pg_error_set(struct err *err, const struct pg_error *error);

#endif
