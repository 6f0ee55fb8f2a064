/* SPDX-License-Identifier: Apache-2.0
 *
 * What a query string says, as data: the vocabulary between the parsers (parse_*.c), the plan and the SQL. Names and
 * values are decoded text in the request's arena. */
#ifndef FREEHOLD_REST_QUERY_H
#define FREEHOLD_REST_QUERY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

struct json_step {
	bool is_text; /* ->> */
	bool is_index; /* value is a signed number */
	struct str value;
};

struct field {
	struct str name;
	struct json_step *path;
	int path_count;
};

enum filter_op {
	OP_EQ,
	OP_GTE,
	OP_GT,
	OP_LTE,
	OP_LT,
	OP_LIKE,
	OP_ILIKE,
	OP_MATCH,
	OP_IMATCH, /* up to here any() and all() may follow */
	OP_NEQ,
	OP_CS,
	OP_CD,
	OP_OV,
	OP_SL,
	OP_SR,
	OP_NXR,
	OP_NXL,
	OP_ADJ,
	OP_IN,
	OP_IS,
	OP_ISDISTINCT,
	OP_FTS,
	OP_PLFTS,
	OP_PHFTS,
	OP_WFTS,
	OP_NONE, /* rpc by GET: an argument, not a filter */
};

enum filter_quantifier { QUANT_NONE, QUANT_ANY, QUANT_ALL };
enum filter_is { IS_NULL, IS_NOT_NULL, IS_TRUE, IS_FALSE, IS_UNKNOWN };

struct filter {
	struct field field;
	bool is_negated;
	enum filter_op op;
	enum filter_quantifier quantifier;
	enum filter_is is;
	struct str value;
	struct str *values; /* in.(…) */
	int value_count;
	struct str language; /* fts(…); .ptr NULL: none */
};

/* and(…), or(…), or one filter. */
struct logic {
	struct logic *next; /* sibling */
	bool is_leaf;
	struct filter filter;
	bool is_negated, is_or;
	struct logic *children;
};

enum order_direction { ORDER_DEFAULT, ORDER_ASC, ORDER_DESC };
enum order_nulls { NULLS_DEFAULT, NULLS_FIRST, NULLS_LAST };

struct order_term {
	struct str relation; /* order=clients(name); .ptr NULL: none */
	struct field field;
	enum order_direction direction;
	enum order_nulls nulls;
};

enum aggregate { AGG_NONE, AGG_SUM, AGG_AVG, AGG_COUNT, AGG_MAX, AGG_MIN };
enum join_type { JOIN_DEFAULT, JOIN_LEFT, JOIN_INNER };
enum select_kind { SELECT_FIELD, SELECT_RELATION, SELECT_SPREAD };

struct select_item {
	struct select_item *next, *children;
	enum select_kind kind;
	struct field field; /* a relation's name is field.name */
	struct str alias, cast, aggregate_cast, hint; /* .ptr NULL: none */
	enum aggregate aggregate;
	enum join_type join;
};

/* The embed a parameter is meant for: "clients.projects.order" has the path clients, projects. */
struct embed_path {
	struct str *names;
	int count;
};

/* Rows lower to upper, both included, counted from 0. */
struct range {
	int64_t lower, upper;
	bool has_upper;
};

#endif
