/* SPDX-License-Identifier: Apache-2.0
 *
 * What is asked, held against the catalogue: every name found, every relationship chosen, or the reason why not. Pure.
 * The plan points into the ask and the catalogue. */
#ifndef FREEHOLD_REST_PLAN_H
#define FREEHOLD_REST_PLAN_H

#include "rest/ask.h"

/* "left" = "right", of a table in its schema or of an alias (schema .len 0). */
struct plan_join {
	struct catalogue_name left, right;
	struct str left_column, right_column;
};

struct plan_filter {
	struct plan_filter *next;
	const struct filter *filter; /* one of the two */
	const struct logic *logic;
};

struct plan_column {
	struct plan_column *next;
	struct select_item *item;
};

enum plan_spread { SPREAD_NONE, SPREAD_ONE, SPREAD_MANY };

/* One relation of the answer: the outermost, or one that is embedded. */
struct plan_node {
	struct plan_node *next, *children, *parent;
	int depth;
	struct str name, alias, hint; /* as asked; alias .ptr NULL: none */
	enum join_type join;
	const struct catalogue_rel *rel; /* to the parent; NULL for the outermost */
	const struct catalogue_table *table; /* NULL: rows of a function that are no relation's */
	struct catalogue_name from; /* in SQL: the table, or pgrst_source without a schema */
	struct str from_alias; /* .ptr NULL: none */
	struct str computed_alias; /* what a computed relationship's function is called with */
	struct str embed_alias; /* of the joined rows, unique within the parent */
	struct plan_join *joins;
	int join_count;
	struct plan_column *columns;
	struct plan_filter *filters;
	const struct order_term *order;
	int order_count;
	struct range range;
	bool range_is_zero;
	enum plan_spread spread;
};

enum plan_handler {
	HANDLER_NONE, /* no body is wanted */
	HANDLER_JSON,
	HANDLER_JSON_STRIPPED,
	HANDLER_OBJECT,
	HANDLER_OBJECT_STRIPPED,
	HANDLER_CSV,
	HANDLER_GEOJSON,
	HANDLER_CUSTOM,
};

enum plan_form { /* rest/rows.h */
		 FORM_VALUE, /* the body is one value */
		 FORM_BOUNDED, /* the same, and null when it is too large */
		 FORM_ROWS, /* a first row of everything else, then its pieces */
};

struct plan {
	const struct ask *ask;
	const struct catalogue *catalogue;
	struct str canonical; /* query, of the ask's target, or of the request whose shape this is (rest/shape.h) */
	struct plan_node *root;
	enum plan_handler handler;
	const struct catalogue_handler *custom;
	struct media media;
	bool is_read_only;
	enum plan_form form;
	bool explains; /* the answer is PostgreSQL's plan, not what it would give */

	/* writing */
	const struct catalogue_table *table;
	const struct catalogue_column **columns;
	int column_count;
	struct str *returning; /* .len 1 "*" alone: all */
	int returning_count;
	struct str *conflict;
	int conflict_count;

	/* calling */
	const struct catalogue_routine *routine;
	struct str *argument_names;
	int argument_count;
};

bool plan_make(struct arena *a, const struct rest_settings *settings, const struct catalogue *c, const struct ask *ask,
	       struct plan *ret_plan, struct problem *ret_problem);

/* GET / */
bool plan_root(struct arena *a, const struct rest_settings *settings, const struct catalogue *c, const struct ask *ask,
	       struct plan *ret_plan, struct problem *ret_problem);

/* plan_tree.c: the tree of embeds with its filters, orders, ranges and relationships. */
bool plan_tree(struct arena *a, const struct rest_settings *settings, struct plan *plan, struct problem *problem);

/* plan_relate.c */
bool plan_relate(struct arena *a, struct plan *plan, struct plan_node *node, struct problem *problem);
bool plan_is_to_one(const struct catalogue_rel *rel);

/* plan_call.c */
bool plan_find_routine(struct arena *a, struct plan *plan, struct problem *problem);
bool routine_is_scalar(const struct catalogue_routine *f); /* one value, void too */
bool routine_is_void(const struct catalogue_routine *f);

/* The hint of a name that is nearly one of these; NULL when none is near. */
struct str plan_nearest(struct arena *a, struct str name, const struct str *candidates, int count, double least);

#endif
