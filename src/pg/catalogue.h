/* SPDX-License-Identifier: Apache-2.0
 *
 * What the database looks like, as /rest/v1 needs it: a snapshot in one arena, never changed after it was built,
 * counted by those who use it and replaced as a whole. Names and types are PostgreSQL's own words; every text ends in
 * NUL.
 *
 * Relationships are found as PostgREST finds them: foreign keys; the same seen through views whose columns are traced
 * to their tables; many-to-many where a table's primary key holds two foreign keys; their inverses; and functions that
 * take a row of one relation and return rows of another, which replace what was found between the two. */
#ifndef FREEHOLD_PG_CATALOGUE_H
#define FREEHOLD_PG_CATALOGUE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"
#include "pg/pool.h"

struct catalogue_name {
	struct str schema, name;
};

struct catalogue_column {
	struct str name;
	struct str type; /* as declared: "character varying(20)", a domain's name */
	struct str base_type; /* without length; a domain over one of PostgreSQL's own types is that type */
	struct str default_sql; /* .len 0: none, or generated */
	struct str comment;
	bool is_nullable;
	int number;
};

struct catalogue_pair {
	struct str from, to; /* columns */
};

enum catalogue_cardinality { REL_O2M, REL_M2O, REL_O2O, REL_M2M, REL_COMPUTED };

struct catalogue_rel {
	enum catalogue_cardinality cardinality;
	struct catalogue_name table, foreign; /* from, to */
	bool is_self, table_is_view, foreign_is_view;
	bool is_parent; /* one-to-one: the key stands on the other side */
	struct str constraint; /* of the foreign key; many-to-many: the one from the junction to `table` */
	struct catalogue_pair *pairs; /* table's column, foreign's column; many-to-many: table's, junction's */
	int pair_count;
	struct catalogue_name junction; /* many-to-many only, as what follows */
	struct str constraint2; /* from the junction to `foreign` */
	struct catalogue_pair *pairs2; /* foreign's, junction's */
	int pair2_count;
	struct catalogue_name function; /* computed only */
	bool is_single; /* computed: at most one row */
};

struct catalogue_table {
	struct catalogue_name name;
	struct str comment;
	uint32_t oid;
	char kind; /* pg_class.relkind: r v m f p */
	bool is_view; /* v or m */
	bool is_insertable, is_updatable, is_deletable;
	bool is_partition;
	struct catalogue_column *columns;
	int column_count;
	struct str *key; /* primary key's columns, by name; a view's: those of its tables */
	int key_count;
	struct catalogue_rel *rels; /* where this is `table`; in PostgREST's order */
	int rel_count;
	bool has_hidden_rels; /* to other tables, by a junction in a schema that is not exposed: they are not in rels */
};

struct catalogue_param {
	struct str name; /* .len 0: unnamed */
	struct str type; /* "integer", "bit" */
	struct str cast_type; /* the same without a length that would cut: "bit varying" */
	bool is_required, is_variadic;
};

struct catalogue_routine {
	struct catalogue_name name;
	uint32_t oid;
	struct str comment;
	struct catalogue_param *params;
	int param_count;
	struct catalogue_name returns; /* a relation's or a type's name, domains followed */
	bool returns_set, returns_composite;
	char volatility; /* v s i */
	bool is_variadic;
	struct str settings; /* of CREATE FUNCTION … SET, "name=value" a line */
};

/* An implicit cast by a function from or to a domain: how a column wants to be read or shown. */
struct catalogue_representation {
	struct str from, to, function; /* types; function as SQL names it */
};

/* A function or aggregate that makes a media type of its own. */
struct catalogue_handler {
	struct catalogue_name function;
	struct catalogue_name target; /* relation or routine; schema pg_catalog and name anyelement: any */
	struct str media_type; /* the domain's name, lower case, "*" "/" "*" too */
	struct str resolved; /* what it is sent as */
};

/* ALTER ROLE … SET, of a role that we may become. */
struct catalogue_role_setting {
	struct str role, name, value;
};

struct catalogue {
	struct arena *arena;
	int references;
	struct catalogue_table *tables; /* sorted by schema and name */
	int table_count;
	struct catalogue_routine *routines; /* sorted by schema, name, number of parameters */
	int routine_count;
	struct catalogue_representation *representations;
	int representation_count;
	struct catalogue_handler *handlers;
	int handler_count;
	struct str *timezones; /* sorted */
	int timezone_count;
	struct catalogue_role_setting *role_settings; /* by role */
	int role_setting_count;
	struct str *schemas; /* the exposed ones */
	int schema_count;
};

/* catalogue is the callee's reference, to be put; NULL on failure. */
typedef void (*catalogue_fn)(void *arg, struct catalogue *catalogue, const struct err *err);

/* Reads the system catalogues in one round trip. done is called once, from the loop. schemas: the exposed ones. */
void catalogue_load(struct pg_pool *pool, const char *const *schemas, int schema_count, catalogue_fn done, void *arg);

struct catalogue *catalogue_get(struct catalogue *c);
void catalogue_put(struct catalogue *c); /* NULL is allowed */

/* NULL when there is none in an exposed schema. */
const struct catalogue_table *catalogue_table(const struct catalogue *c, struct str schema, struct str name);
const struct catalogue_column *catalogue_column(const struct catalogue_table *t, struct str name);

/* The overloads of a name, next to each other; their number. */
int catalogue_routines(const struct catalogue *c, struct str schema, struct str name,
		       const struct catalogue_routine **ret_first);
const struct catalogue_representation *catalogue_representation(const struct catalogue *c, struct str from,
								struct str to);
bool catalogue_has_schema(const struct catalogue *c, struct str schema);
bool catalogue_has_timezone(const struct catalogue *c, struct str name);

int catalogue_name_compare(const struct catalogue_name *a, const struct catalogue_name *b);
bool catalogue_name_eq(const struct catalogue_name *a, const struct catalogue_name *b);

#endif
