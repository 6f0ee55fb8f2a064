/* SPDX-License-Identifier: Apache-2.0 */
#include "pg/catalogue.h"

#include <stdlib.h>
#include <string.h>

struct catalogue *catalogue_get(struct catalogue *c)
{
	c->references++;
	return c;
}

void catalogue_put(struct catalogue *c)
{
	if (c == NULL || --c->references > 0) return;
	arena_free(c->arena);
	free(c);
}

static int compare(struct str a, struct str b)
{
	int order = memcmp(a.ptr, b.ptr, a.len < b.len ? a.len : b.len);
	return order != 0 ? order : a.len < b.len ? -1 : a.len > b.len;
}

int catalogue_name_compare(const struct catalogue_name *a, const struct catalogue_name *b)
{
	int order = compare(a->schema, b->schema);
	return order != 0 ? order : compare(a->name, b->name);
}

bool catalogue_name_eq(const struct catalogue_name *a, const struct catalogue_name *b)
{
	return str_eq(a->name, b->name) && str_eq(a->schema, b->schema);
}

bool catalogue_has_schema(const struct catalogue *c, struct str schema)
{
	for (int i = 0; i < c->schema_count; i++)
		if (str_eq(c->schemas[i], schema)) return true;
	return false;
}

static int compare_to_table(const void *key, const void *table)
{
	return catalogue_name_compare(key, &((const struct catalogue_table *)table)->name);
}

const struct catalogue_table *catalogue_table(const struct catalogue *c, struct str schema, struct str name)
{
	struct catalogue_name key = {schema, name};
	if (!catalogue_has_schema(c, schema)) return NULL;
	const struct catalogue_table *t =
	    bsearch(&key, c->tables, (size_t)c->table_count, sizeof *c->tables, compare_to_table);
	return t != NULL && !t->is_partition ? t : NULL;
}

const struct catalogue_column *catalogue_column(const struct catalogue_table *t, struct str name)
{
	for (int i = 0; i < t->column_count; i++)
		if (str_eq(t->columns[i].name, name)) return &t->columns[i];
	return NULL;
}

static int compare_to_routine(const void *key, const void *routine)
{
	return catalogue_name_compare(key, &((const struct catalogue_routine *)routine)->name);
}

int catalogue_routines(const struct catalogue *c, struct str schema, struct str name,
		       const struct catalogue_routine **ret_first)
{
	struct catalogue_name key = {schema, name};
	if (c->routine_count == 0) return 0;
	const struct catalogue_routine *f =
	    bsearch(&key, c->routines, (size_t)c->routine_count, sizeof *c->routines, compare_to_routine);
	if (f == NULL) return 0;
	while (f > c->routines && catalogue_name_eq(&f[-1].name, &key)) f--;
	int n = 1;
	while (f + n < c->routines + c->routine_count && catalogue_name_eq(&f[n].name, &key)) n++;
	*ret_first = f;
	return n;
}

const struct catalogue_representation *catalogue_representation(const struct catalogue *c, struct str from,
								struct str to)
{
	for (int i = 0; i < c->representation_count; i++)
		if (str_eq(c->representations[i].from, from) && str_eq(c->representations[i].to, to))
			return &c->representations[i];
	return NULL;
}

static int compare_to_text(const void *key, const void *text)
{
	return compare(*(const struct str *)key, *(const struct str *)text);
}

bool catalogue_has_timezone(const struct catalogue *c, struct str name)
{
	return bsearch(&name, c->timezones, (size_t)c->timezone_count, sizeof *c->timezones, compare_to_text) != NULL;
}
