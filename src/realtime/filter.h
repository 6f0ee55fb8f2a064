/* SPDX-License-Identifier: Apache-2.0
 *
 * What a client wants to hear of (an element of config.postgres_changes): event, schema, table, columns and filters
 * such as "room=eq.7,id=not.in.(1,2)". Grammar and messages are those of Realtime's subscriptions.ex: filters are
 * separated by commas outside quotes and parentheses and must all be true. Pure. */
#ifndef FREEHOLD_REALTIME_FILTER_H
#define FREEHOLD_REALTIME_FILTER_H

#include <jansson.h>
#include <stdbool.h>

#include "base/arena.h"
#include "base/str.h"

#define FILTERS_MAX 16
#define FILTER_COLUMNS_MAX 256

enum filter_op {
	FILTER_EQ,
	FILTER_NEQ,
	FILTER_LT,
	FILTER_LTE,
	FILTER_GT,
	FILTER_GTE,
	FILTER_IN,
	FILTER_LIKE,
	FILTER_ILIKE,
	FILTER_IS,
	FILTER_MATCH,
	FILTER_IMATCH,
	FILTER_ISDISTINCT,
};

enum { FILTER_INSERT = 1, FILTER_UPDATE = 2, FILTER_DELETE = 4, FILTER_ALL = 7 };

struct filter {
	const char *column;
	enum filter_op op;
	bool is_negated;
	const char *value; /* of IN: PostgreSQL's text form of an array */
};

struct filter_wish {
	int events; /* FILTER_INSERT … */
	const char *schema, *table; /* "*": all */
	struct filter filters[FILTERS_MAX];
	int filter_count;
	const char *columns[FILTER_COLUMNS_MAX];
	int column_count; /* 0: all */
};

const char *filter_op_name(enum filter_op op); /* "eq" … */
const char *filter_event_name(int events); /* "INSERT" …, "*" */

/* The texts lie in the arena. False: *ret_problem says what is wrong with the element, in Realtime's words. */
bool filter_read(struct arena *a, const json_t *element, struct filter_wish *ret, const char **ret_problem);

/* How Realtime's messages show it: "[event: *, schema: public, table: t, filters: [], select: nil]". */
const char *filter_describe(struct arena *a, const struct filter_wish *wish);

#endif
