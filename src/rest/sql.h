/* SPDX-License-Identifier: Apache-2.0
 *
 * From a plan to statements: text and parameters. Values are parameters only ($1 …, of no declared type, so that
 * PostgreSQL infers it); identifiers come from the catalogue or are quoted names that PostgreSQL will not know; casts
 * and languages are checked by the grammar. Pure. */
#ifndef FREEHOLD_REST_SQL_H
#define FREEHOLD_REST_SQL_H

#include "pg/pool.h"
#include "rest/plan.h"

#define SQL_STATEMENTS_MAX 8
#define SQL_TEXT_MAX (1u << 20)
#define SQL_PARAMS_MAX 8000

struct sql_batch {
	struct pg_statement statements[SQL_STATEMENTS_MAX];
	int count;
	int main, explain, guard; /* indexes; -1: not there */
};

/* Columns of the main statement's one row. */
enum sql_column {
	SQL_TOTAL, /* all rows that fit, or null */
	SQL_ROWS, /* rows answered */
	SQL_BODY,
	SQL_HEADERS, /* response.headers, or null */
	SQL_STATUS, /* response.status, or null */
	SQL_LOCATION, /* insert: "key=eq.value" pairs of the one row as a JSON array, or null */
	SQL_INSERTED, /* upsert: rows that were new */
};

/* False when the statement would be larger than declared: *ret_problem says so. main: NULL, or the main statement with
 * its parameters, which is there already (rest/shape.h). */
bool sql_make(struct arena *a, const struct rest_settings *settings, const struct rest_request *request,
	      const struct plan *plan, const struct pg_statement *main, struct sql_batch *ret_batch,
	      struct problem *ret_problem);

/* The main statement alone. */
bool sql_make_main(struct arena *a, const struct rest_settings *settings, const struct plan *plan,
		   struct pg_statement *ret);

/* GET /: who asks, pre-request, and what openapi.h wants to know. */
bool sql_make_root(struct arena *a, const struct rest_settings *settings, const struct rest_request *request,
		   const struct plan *plan, struct sql_batch *ret_batch, struct problem *ret_problem);

/* The statement being written; for the sql_*.c files. */
struct sql {
	struct arena *arena;
	struct buf text;
	const char **params;
	int param_count;
	const struct plan *plan;
	bool is_over;
	bool is_written; /* the text is there already; only parameters are gathered */
};

/* sql_setup.c: the statements before the main one. Each its own, since permissions are checked before one runs. */
bool sql_setup(struct arena *a, const struct rest_settings *settings, const struct rest_request *r,
	       const struct plan *plan, struct pg_statement *ret);
bool sql_pre_request(struct arena *a, const struct rest_settings *settings, struct pg_statement *ret);
const char *sql_isolation(const struct rest_request *r, const struct plan *plan); /* NULL: the usual one */

void sql_begin(struct sql *s, struct arena *a, const struct plan *plan);
bool sql_end(struct sql *s, struct pg_statement *ret_statement);
void sql_ident(struct sql *s, struct str name);
void sql_name(struct sql *s, struct catalogue_name name); /* without a schema when that is empty */
void sql_column(struct sql *s, struct catalogue_name table, struct str column);
void sql_param(struct sql *s, struct str value); /* $n in the text, and its value */
void sql_value(struct sql *s, struct str value); /* the value alone */
void sql_number(struct sql *s, int64_t n); /* of our own making, not below 0 */
void sql_literal(struct sql *s, struct str text); /* of names from the catalogue only */

struct catalogue_name sql_node_name(const struct plan_node *n); /* its alias, or its table */
void sql_field(struct sql *s, struct catalogue_name of, const struct catalogue_table *t, const struct field *f);
void sql_filter(struct sql *s, struct catalogue_name of, const struct catalogue_table *t, const struct filter *f);
void sql_logic(struct sql *s, struct catalogue_name of, const struct catalogue_table *t, const struct logic *l);
void sql_read(struct sql *s, const struct plan_node *n); /* sql_read.c: the SELECT of a node */
void sql_count(struct sql *s, const struct plan_node *n); /* SELECT 1 of all its rows */
void sql_write(struct sql *s); /* sql_write.c: INSERT, UPDATE, DELETE */
void sql_call(struct sql *s); /* the SELECT that calls the function */

/* "name", "name2" as they are written to json_to_record, from $n; with the names of pgrst_body. */
void sql_records(struct sql *s, const struct catalogue_column *const *columns, int count, bool with_defaults);
bool sql_is_object(struct str json);

#endif
