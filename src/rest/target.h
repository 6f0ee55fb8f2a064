/* SPDX-License-Identifier: Apache-2.0
 *
 * From the bytes of a query string to what is asked: a pure parser, fuzzed. It knows nothing of the database. */
#ifndef FREEHOLD_REST_TARGET_H
#define FREEHOLD_REST_TARGET_H

#include "base/arena.h"
#include "rest/parse.h"
#include "rest/query.h"

#define TARGET_PARAMS_MAX 2000

struct target_filter {
	struct embed_path path;
	struct filter filter;
	struct str key; /* as it stood in the query string */
};

struct target_logic {
	struct embed_path path;
	struct logic *logic;
};

struct target_order {
	struct embed_path path;
	struct order_term *terms;
	int term_count;
};

struct target_range {
	struct embed_path path;
	struct range range;
	bool is_zero; /* limit=0 */
};

struct target_argument {
	struct str name, value;
};

struct target {
	struct select_item *select;
	struct target_filter *filters;
	int filter_count;
	struct target_logic *logics;
	int logic_count;
	struct target_order *orders;
	int order_count;
	struct target_range *ranges; /* of embeds */
	int range_count;
	struct parse_error range_error; /* a path among them cannot be read; .message NULL: none */
	struct target_range top; /* limit and offset of the outermost */
	bool has_limit; /* limit or offset stood there */
	struct target_argument *arguments; /* rpc by GET */
	int argument_count;
	struct str *columns;
	int column_count;
	bool has_columns;
	struct str *on_conflict;
	int on_conflict_count;
	bool has_on_conflict;
	struct str canonical; /* sorted and encoded again, without '?' */
};

/* False: *ret_error says why (PGRST100). is_call: parameters that are no filters are arguments. */
bool target_parse(struct arena *a, struct str query, bool is_call, struct target *ret_target,
		  struct parse_error *ret_error);

/* %XX and '+' decoded; what is no valid sequence stays; nothing after a NUL. A NUL stands behind it. .ptr NULL at the
 * arena's limit. */
struct str target_decode(struct arena *a, struct str text, bool is_plus_space);

/* Appends the text as canonical writes it to out, which has room for TARGET_ENCODED_MAX times its length. */
#define TARGET_ENCODED_MAX 6
void target_encode(char *out, size_t *len, struct str text);

#define RANGE_ALL ((struct range){0, 0, false})
struct range range_intersect(struct range a, struct range b);
bool range_is_empty(struct range r);
bool range_is_all(struct range r);

#endif
