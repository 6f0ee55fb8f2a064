/* SPDX-License-Identifier: Apache-2.0
 *
 * One web request of the database:  net_send_begin ─▶ under way ─▶ recorded in net._http_response ─▶ done */
#ifndef FREEHOLD_JOBS_SEND_H
#define FREEHOLD_JOBS_SEND_H

#include <jansson.h>
#include <libpq-fe.h>
#include <uv.h>

#include "base/arena.h"
#include "base/buf.h"
#include "http/multi.h"
#include "jobs/address.h"
#include "jobs/egress.h"
#include "pg/pool.h"

#define SEND_ERROR_SIZE 400

struct net_send {
	enum { SEND_FREE, SEND_UNDER_WAY, SEND_RECORDING } state;
	struct pg_pool *pool;
	struct http_multi *multi;
	struct http_transfer transfer; /* its curl is NULL when there is none */
	struct curl_slist *headers, *connect_to;
	struct arena *arena;
	struct egress egress;
	struct buf body; /* of the answer */
	uv_timer_t timer; /* ends it from the loop; records again when the database was away */
	int64_t timeout_ms;
	char fault[CURL_ERROR_SIZE], refused[64]; /* refused: the address that may not be reached */

	struct pg_call pg;
	struct pg_statement statement;
	const char *params[7];
	char id[24], status[8], error[SEND_ERROR_SIZE];
	void (*done)(void *arg);
	void *arg;
};

/* Once, before the first; done is called at each end, never from inside net_send_begin. */
void net_send_init(struct net_send *send, uv_loop_t *loop, struct pg_pool *pool, struct http_multi *multi,
		   void (*done)(void *arg), void *arg);

/* From SEND_FREE. A row of the claim: id, method, url, headers as a JSON list of lines, body, milliseconds; in binary
 * form. The row may go afterwards. */
void net_send_begin(struct net_send *send, const PGresult *rows, int row, const struct address_map *map,
		    const struct egress *egress);

/* done is not called any more. The pool must have been stopped. */
void net_send_cut(struct net_send *send, uv_close_cb on_closed);

#endif
