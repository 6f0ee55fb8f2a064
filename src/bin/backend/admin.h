/* SPDX-License-Identifier: Apache-2.0
 *
 * The admin port of a standalone backend, as PostgREST has it:
 *
 *     /live           200: this process answers; 500: its socket has lost its name
 *     /ready          200: the database answers and the schema has been read; else 503, or 500 as above
 *     /schema_cache   what is known of the schema, as JSON
 *     /metrics        figures in Prometheus' text form, under PostgREST's names, of this process
 *
 * The handler is called on the loop. */
#ifndef FREEHOLD_BIN_BACKEND_ADMIN_H
#define FREEHOLD_BIN_BACKEND_ADMIN_H

#include "bin/backend/token.h"
#include "http/server.h"
#include "pg/pool.h"
#include "rest/rest.h"

struct admin {
	const struct pg_pool *pool;
	int pool_max;
	const struct rest *rest; /* NULL: not there yet */
	const struct tokens *tokens; /* NULL: no keys */
	const char *unix_socket; /* where it listens; NULL: on a port */
};

void admin_answer(const struct admin *admin, struct http_request *http);

#endif
