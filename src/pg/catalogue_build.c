/* SPDX-License-Identifier: Apache-2.0 */
#include "pg/catalogue_build.h"

#include <stdlib.h>
#include <string.h>

void *catalogue_alloc(struct catalogue *c, size_t count, size_t size)
{
	void *p = arena_array(c->arena, count > 0 ? count : 1, size);
	if (p == NULL) abort();
	return p;
}

uint32_t catalogue_oid_at(const PGresult *r, int row, int column)
{
	return (uint32_t)strtoul(PQgetvalue(r, row, column), NULL, 10);
}

struct str catalogue_text_at(struct catalogue *c, const PGresult *r, int row, int column)
{
	struct str s =
	    arena_str(c->arena, (struct str){PQgetvalue(r, row, column), (size_t)PQgetlength(r, row, column)});
	if (s.ptr == NULL) abort();
	return s;
}

static bool bool_at(const PGresult *r, int row, int column)
{
	return PQgetvalue(r, row, column)[0] == 't';
}

static int int_at(const PGresult *r, int row, int column)
{
	return (int)strtol(PQgetvalue(r, row, column), NULL, 10);
}

static struct catalogue_name name_at(struct catalogue *c, const PGresult *r, int row, int column)
{
	return (struct catalogue_name){catalogue_text_at(c, r, row, column), catalogue_text_at(c, r, row, column + 1)};
}

static int compare_tables(const void *a, const void *b)
{
	const struct catalogue_table *x = a, *y = b;
	return catalogue_name_compare(&x->name, &y->name);
}

static int compare_oids(const void *a, const void *b)
{
	uint32_t x = (*(struct catalogue_table *const *)a)->oid, y = (*(struct catalogue_table *const *)b)->oid;
	return x < y ? -1 : x > y;
}

/* Bits of pg_relation_is_updatable: 1 << CMD_UPDATE, CMD_INSERT, CMD_DELETE. */
#define BIT_UPDATE 4
#define BIT_INSERT 8
#define BIT_DELETE 16

static void build_tables(struct catalogue_draft *d, const PGresult *r)
{
	struct catalogue *c = d->c;
	int n = PQntuples(r);
	c->tables = catalogue_alloc(c, (size_t)n, sizeof *c->tables);
	c->table_count = n;
	for (int i = 0; i < n; i++) {
		int bits = int_at(r, i, 5);
		char kind = PQgetvalue(r, i, 3)[0];
		bool can = kind != 'm';
		c->tables[i] = (struct catalogue_table){
		    .oid = catalogue_oid_at(r, i, 0),
		    .name = name_at(c, r, i, 1),
		    .kind = kind,
		    .is_view = kind == 'v' || kind == 'm',
		    .is_partition = bool_at(r, i, 4),
		    .is_insertable = can && (bits & BIT_INSERT),
		    .is_updatable = can && (bits & BIT_UPDATE),
		    .is_deletable = can && (bits & BIT_DELETE),
		    .comment = catalogue_text_at(c, r, i, 6),
		};
	}
	qsort(c->tables, (size_t)n, sizeof *c->tables, compare_tables);
	d->by_oid = catalogue_alloc(c, (size_t)n, sizeof *d->by_oid);
	for (int i = 0; i < n; i++) d->by_oid[i] = &c->tables[i];
	qsort(d->by_oid, (size_t)n, sizeof *d->by_oid, compare_oids);
}

struct catalogue_table *catalogue_by_oid(const struct catalogue_draft *d, uint32_t oid)
{
	struct catalogue_table key = {.oid = oid}, *at = &key;
	struct catalogue_table **found =
	    bsearch(&at, d->by_oid, (size_t)d->c->table_count, sizeof *d->by_oid, compare_oids);
	return found != NULL ? *found : NULL;
}

struct str catalogue_column_name(const struct catalogue_table *t, int number)
{
	for (int i = 0; i < t->column_count; i++)
		if (t->columns[i].number == number) return t->columns[i].name;
	return STR("");
}

/* The rows come sorted by relation: each table's columns are one run of the array. */
static void build_columns(struct catalogue_draft *d, const PGresult *r)
{
	struct catalogue *c = d->c;
	int n = PQntuples(r);
	struct catalogue_column *columns = catalogue_alloc(c, (size_t)n, sizeof *columns);
	struct catalogue_table *t = NULL;
	for (int i = 0; i < n; i++) {
		uint32_t oid = catalogue_oid_at(r, i, 0);
		if (t == NULL || t->oid != oid) {
			t = catalogue_by_oid(d, oid);
			if (t == NULL) continue;
			t->columns = &columns[i];
		}
		columns[i] = (struct catalogue_column){
		    .number = int_at(r, i, 1),
		    .name = catalogue_text_at(c, r, i, 2),
		    .type = catalogue_text_at(c, r, i, 3),
		    .base_type = catalogue_text_at(c, r, i, 4),
		    .default_sql = catalogue_text_at(c, r, i, 5),
		    .is_nullable = !bool_at(r, i, 6),
		    .comment = catalogue_text_at(c, r, i, 7),
		};
		t->column_count++;
	}
}

/* "{1,2}" */
static int parse_numbers(const char *text, int *ret_numbers)
{
	int n = 0;
	for (const char *p = text; *p != '\0' && n < CATALOGUE_KEY_MAX;) {
		if (*p < '0' || *p > '9') {
			p++;
			continue;
		}
		char *end;
		ret_numbers[n++] = (int)strtol(p, &end, 10);
		p = end;
	}
	return n;
}

static int compare_texts(const void *a, const void *b)
{
	const struct str *x = a, *y = b;
	size_t n = x->len < y->len ? x->len : y->len;
	int order = memcmp(x->ptr, y->ptr, n);
	return order != 0 ? order : x->len < y->len ? -1 : x->len > y->len;
}

static void set_primary_key(struct catalogue_draft *d, const struct catalogue_key *k)
{
	struct catalogue_table *t = catalogue_by_oid(d, k->table);
	if (t == NULL) return;
	t->key = catalogue_alloc(d->c, (size_t)k->count, sizeof *t->key);
	t->key_count = k->count;
	for (int i = 0; i < k->count; i++) t->key[i] = catalogue_column_name(t, k->columns[i]);
	qsort(t->key, (size_t)t->key_count, sizeof *t->key, compare_texts);
}

static void build_keys(struct catalogue_draft *d, const PGresult *r)
{
	int n = PQntuples(r);
	d->keys = catalogue_alloc(d->c, (size_t)n, sizeof *d->keys);
	d->key_count = n;
	for (int i = 0; i < n; i++) {
		struct catalogue_key *k = &d->keys[i];
		k->table = catalogue_oid_at(r, i, 0);
		k->name = catalogue_text_at(d->c, r, i, 1);
		k->type = PQgetvalue(r, i, 2)[0];
		k->count = parse_numbers(PQgetvalue(r, i, 3), k->columns);
		k->foreign = catalogue_oid_at(r, i, 4);
		(void)parse_numbers(PQgetvalue(r, i, 5), k->foreign_columns);
		if (k->type == 'p') set_primary_key(d, k);
	}
}

/* Types whose length PostgreSQL would assume to be 1 when it is not written. */
static struct str uncut(struct str type)
{
	if (str_eq(type, STR("bit"))) return STR("bit varying");
	if (str_eq(type, STR("bit[]"))) return STR("bit varying[]");
	if (str_eq(type, STR("character"))) return STR("character varying");
	if (str_eq(type, STR("character[]"))) return STR("character varying[]");
	return type;
}

static bool takes_a_body(struct str type)
{
	return str_eq(type, STR("json")) || str_eq(type, STR("jsonb")) || str_eq(type, STR("text")) ||
	       str_eq(type, STR("xml")) || str_eq(type, STR("bytea"));
}

/* A function that no request could call: parameters without names, but for one that takes the body whole. */
static bool is_callable(const struct catalogue_routine *f)
{
	int unnamed = 0;
	for (int i = 0; i < f->param_count; i++) unnamed += f->params[i].name.len == 0;
	return unnamed == 0 || (unnamed == 1 && takes_a_body(f->params[0].type));
}

static int compare_routines(const void *a, const void *b)
{
	const struct catalogue_routine *x = a, *y = b;
	int order = catalogue_name_compare(&x->name, &y->name);
	if (order != 0) return order;
	if (x->param_count != y->param_count) return x->param_count - y->param_count;
	for (int i = 0; i < x->param_count; i++) {
		order = compare_texts(&x->params[i].name, &y->params[i].name);
		if (order == 0) order = compare_texts(&x->params[i].type, &y->params[i].type);
		if (order != 0) return order;
	}
	return 0;
}

static void build_params(struct catalogue *c, struct catalogue_routine *f, uint32_t oid, int required,
			 const PGresult *r, int *at)
{
	int first = *at;
	while (first < PQntuples(r) && catalogue_oid_at(r, first, 0) < oid) first++;
	int end = first;
	while (end < PQntuples(r) && catalogue_oid_at(r, end, 0) == oid) end++;
	*at = end;
	f->param_count = end - first;
	f->params = catalogue_alloc(c, (size_t)f->param_count, sizeof *f->params);
	for (int i = 0; i < f->param_count; i++) {
		struct str type = catalogue_text_at(c, r, first + i, 3);
		f->params[i] = (struct catalogue_param){.name = catalogue_text_at(c, r, first + i, 2),
							.type = type,
							.cast_type = uncut(type),
							.is_required = i < required,
							.is_variadic = PQgetvalue(r, first + i, 4)[0] == 'v'};
	}
}

static void build_routines(struct catalogue *c, const PGresult *r, const PGresult *params)
{
	int n = PQntuples(r), at = 0;
	c->routines = catalogue_alloc(c, (size_t)n, sizeof *c->routines);
	for (int i = 0; i < n; i++) {
		struct catalogue_routine f = {
		    .oid = catalogue_oid_at(r, i, 0),
		    .name = name_at(c, r, i, 1),
		    .volatility = PQgetvalue(r, i, 4)[0],
		    .is_variadic = bool_at(r, i, 5),
		    .returns_set = bool_at(r, i, 6),
		    .returns = name_at(c, r, i, 7),
		    .returns_composite = bool_at(r, i, 9),
		    .comment = catalogue_text_at(c, r, i, 10),
		    .settings = catalogue_text_at(c, r, i, 11),
		};
		build_params(c, &f, catalogue_oid_at(r, i, 0), int_at(r, i, 3), params, &at);
		if (is_callable(&f)) c->routines[c->routine_count++] = f;
	}
	qsort(c->routines, (size_t)c->routine_count, sizeof *c->routines, compare_routines);
}

static void build_representations(struct catalogue *c, const PGresult *r)
{
	c->representation_count = PQntuples(r);
	c->representations = catalogue_alloc(c, (size_t)c->representation_count, sizeof *c->representations);
	for (int i = 0; i < c->representation_count; i++)
		c->representations[i] = (struct catalogue_representation){
		    catalogue_text_at(c, r, i, 0), catalogue_text_at(c, r, i, 1), catalogue_text_at(c, r, i, 2)};
}

static void build_handlers(struct catalogue *c, const PGresult *r)
{
	c->handler_count = PQntuples(r);
	c->handlers = catalogue_alloc(c, (size_t)c->handler_count, sizeof *c->handlers);
	for (int i = 0; i < c->handler_count; i++)
		c->handlers[i] =
		    (struct catalogue_handler){name_at(c, r, i, 0), name_at(c, r, i, 2), catalogue_text_at(c, r, i, 4),
					       catalogue_text_at(c, r, i, 5)};
}

static void build_timezones(struct catalogue *c, const PGresult *r)
{
	c->timezone_count = PQntuples(r);
	c->timezones = catalogue_alloc(c, (size_t)c->timezone_count, sizeof *c->timezones);
	for (int i = 0; i < c->timezone_count; i++) c->timezones[i] = catalogue_text_at(c, r, i, 0);
	qsort(c->timezones, (size_t)c->timezone_count, sizeof *c->timezones, compare_texts);
}

static void build_role_settings(struct catalogue *c, const PGresult *r)
{
	c->role_setting_count = PQntuples(r);
	c->role_settings = catalogue_alloc(c, (size_t)c->role_setting_count, sizeof *c->role_settings);
	for (int i = 0; i < c->role_setting_count; i++)
		c->role_settings[i] = (struct catalogue_role_setting){
		    catalogue_text_at(c, r, i, 0), catalogue_text_at(c, r, i, 1), catalogue_text_at(c, r, i, 2)};
}

bool catalogue_build(const struct catalogue_rows *rows, const char *const *schemas, int schema_count,
		     struct catalogue **ret, struct err *err)
{
	struct catalogue *c = calloc(1, sizeof *c);
	if (c == NULL) abort();
	c->references = 1;
	c->arena = arena_new(CATALOGUE_MAX_BYTES);
	c->schemas = catalogue_alloc(c, (size_t)schema_count, sizeof *c->schemas);
	c->schema_count = schema_count;
	for (int i = 0; i < schema_count; i++) c->schemas[i] = str_from(arena_strdup(c->arena, schemas[i]));
	struct catalogue_draft d = {.c = c};
	if (rows->roles == NULL) {
		catalogue_put(c);
		return err_set(err, ERR_INTERNAL, "the catalogue's queries gave no answer");
	}
	build_tables(&d, rows->relations);
	build_columns(&d, rows->columns);
	build_keys(&d, rows->constraints);
	catalogue_trace_views(&d, rows->views);
	catalogue_relate(&d, rows->computed);
	build_routines(c, rows->routines, rows->params);
	build_representations(c, rows->representations);
	build_handlers(c, rows->handlers);
	build_timezones(c, rows->timezones);
	build_role_settings(c, rows->roles);
	*ret = c;
	return true;
}
