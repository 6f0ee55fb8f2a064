/* SPDX-License-Identifier: Apache-2.0
 *
 * From PostgreSQL's answer to HTTP's: status, headers, body. Pure. */
#ifndef FREEHOLD_REST_REPLY_H
#define FREEHOLD_REST_REPLY_H

#include "rest/sql.h"

#define REPLY_HEADERS_MAX 48

struct reply {
	struct rest_reply http;
	struct rest_header headers[REPLY_HEADERS_MAX];
};

/* The main statement's row; estimate: PostgreSQL's guess of all rows, -1 without one. False: *ret_problem. */
bool reply_make(struct arena *a, const struct rest_settings *settings, const struct plan *plan, const PGresult *row,
		int64_t estimate, struct reply *ret_reply, struct problem *ret_problem);

/* GET /: the facts' row. */
bool reply_root(struct arena *a, const struct rest_settings *settings, const struct plan *plan, const PGresult *row,
		struct reply *ret_reply, struct problem *ret_problem);

/* OPTIONS */
void reply_info(struct arena *a, const struct plan *plan, struct reply *ret_reply);

void reply_problem(struct arena *a, const struct problem *problem, struct reply *ret_reply);

/* How many rows the guard counted is not what was asked for: why. */
bool reply_guard_problem(struct arena *a, const struct plan *plan, const PGresult *row, struct problem *ret_problem);

#endif
