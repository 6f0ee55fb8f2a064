/* SPDX-License-Identifier: Apache-2.0
 *
 * From the rows of the system catalogues to a catalogue; used by catalogue_load.c. */
#ifndef FREEHOLD_PG_CATALOGUE_BUILD_H
#define FREEHOLD_PG_CATALOGUE_BUILD_H

#include <libpq-fe.h>

#include "pg/catalogue.h"

#define CATALOGUE_QUERIES 12
#define CATALOGUE_MAX_BYTES (256u << 20)
#define CATALOGUE_KEY_MAX 32 /* columns of a key (PostgreSQL's INDEX_MAX_KEYS) */

/* In the order of the queries. */
struct catalogue_rows {
	PGresult *setup, *relations, *columns, *constraints, *views, *routines, *params, *computed, *representations,
	    *handlers, *timezones, *roles;
};

/* A constraint as it stands in pg_constraint. */
struct catalogue_key {
	uint32_t table, foreign; /* oids */
	struct str name;
	char type; /* p u f */
	int columns[CATALOGUE_KEY_MAX], foreign_columns[CATALOGUE_KEY_MAX];
	int count;
};

/* A view's column and what it shows, through views of views too. */
struct catalogue_trace {
	uint32_t view;
	int column;
	uint32_t table;
	int table_column;
};

struct catalogue_draft {
	struct catalogue *c;
	struct catalogue_table **by_oid; /* sorted */
	struct catalogue_key *keys; /* sorted by table, name */
	int key_count;
	struct catalogue_trace *traces; /* sorted by view, column */
	int trace_count;
};

bool catalogue_build(const struct catalogue_rows *rows, const char *const *schemas, int schema_count,
		     struct catalogue **ret, struct err *err);

/* catalogue_views.c */
void catalogue_trace_views(struct catalogue_draft *d, const PGresult *views);

/* catalogue_rels.c: primary keys of views, and every relationship. */
void catalogue_relate(struct catalogue_draft *d, const PGresult *computed);

struct catalogue_table *catalogue_by_oid(const struct catalogue_draft *d, uint32_t oid);
struct str catalogue_column_name(const struct catalogue_table *t, int number); /* .len 0: none */
bool catalogue_is_exposed(const struct catalogue *c, const struct catalogue_name *name);

/* Out of the arena's limit is a failure of the whole build: these abort, since 256 MB of names is our mistake. */
void *catalogue_alloc(struct catalogue *c, size_t count, size_t size);

uint32_t catalogue_oid_at(const PGresult *r, int row, int column);
struct str catalogue_text_at(struct catalogue *c, const PGresult *r, int row, int column);

#endif
