/* SPDX-License-Identifier: Apache-2.0
 *
 * What went wrong, as PostgREST says it: a code (PGRST… or a SQLSTATE), a message, details, a hint, and the HTTP status
 * that goes with the code (PostgREST's documentation, "Errors"). */
#ifndef FREEHOLD_REST_PROBLEM_H
#define FREEHOLD_REST_PROBLEM_H

#include <libpq-fe.h>
#include <stdbool.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

#define PROBLEM_HEADERS_MAX 16

struct problem {
	int status;
	const char *reason; /* a phrase of the app's own, or NULL */
	const char *code;
	const char *message;
	const char *details, *hint; /* NULL: null */
	const char *details_json; /* instead of details: JSON text as it is */
	const char *headers[PROBLEM_HEADERS_MAX][2]; /* of a RAISE SQLSTATE 'PGRST' */
	int header_count;
};

/* Returns false. The texts are copied to nothing: they live in the arena or are literals. */
bool problem_set(struct problem *p, int status, const char *code, const char *message, const char *details,
		 const char *hint);

/* What PostgreSQL refused. */
bool problem_from_pg(struct problem *p, struct arena *a, const PGresult *result, bool is_authenticated);

/* PostgreSQL could not be asked. */
bool problem_from_err(struct problem *p, struct arena *a, const struct err *err);

/* {"code":…,"details":…,"hint":…,"message":…} */
void problem_write(const struct problem *p, struct buf *ret_json);

#endif
