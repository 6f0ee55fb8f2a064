/* SPDX-License-Identifier: Apache-2.0
 *
 * Relationships: of foreign keys, of views over their tables, many-to-many, inverse, computed. The order of the steps
 * and of the result is PostgREST's, since its error messages list candidates. */
#include <stdlib.h>
#include <string.h>

#include "pg/catalogue_build.h"

#define ALTERNATIVES_MAX 8 /* columns of a view that show the same column */
#define RELS_MAX 200000

struct rel_list {
	struct catalogue_rel *items;
	int count, room;
};

/* For each column of a key, the view's columns that show it. */
struct shown {
	const struct catalogue_table *view;
	int columns[CATALOGUE_KEY_MAX][ALTERNATIVES_MAX];
	int counts[CATALOGUE_KEY_MAX];
	int key_count;
};

static struct catalogue_rel *add(struct rel_list *l)
{
	if (l->count == l->room) {
		l->room = l->room > 0 ? l->room * 2 : 256;
		l->items = realloc(l->items, (size_t)l->room * sizeof *l->items);
		if (l->items == NULL) abort();
	}
	struct catalogue_rel *rel = &l->items[l->count];
	if (l->count < RELS_MAX) l->count++;
	*rel = (struct catalogue_rel){0};
	return rel;
}

bool catalogue_is_exposed(const struct catalogue *c, const struct catalogue_name *name)
{
	return catalogue_has_schema(c, name->schema);
}

static struct catalogue_pair *pairs_of(struct catalogue_draft *d, const struct catalogue_table *t, const int *columns,
				       const struct catalogue_table *f, const int *foreign_columns, int count)
{
	struct catalogue_pair *pairs = catalogue_alloc(d->c, (size_t)count, sizeof *pairs);
	for (int i = 0; i < count; i++)
		pairs[i] = (struct catalogue_pair){catalogue_column_name(t, columns[i]),
						   catalogue_column_name(f, foreign_columns[i])};
	return pairs;
}

static bool is_in(const int *numbers, int count, int number)
{
	for (int i = 0; i < count; i++)
		if (numbers[i] == number) return true;
	return false;
}

/* The key's columns are all of a primary key or unique constraint: at most one row on this side. */
static bool is_one_to_one(const struct catalogue_draft *d, const struct catalogue_key *k)
{
	for (int i = 0; i < d->key_count; i++) {
		const struct catalogue_key *u = &d->keys[i];
		if (u->table != k->table || u->type == 'f' || u->count != k->count) continue;
		bool same = true;
		for (int j = 0; j < u->count; j++) same = same && is_in(k->columns, k->count, u->columns[j]);
		if (same) return true;
	}
	return false;
}

static void add_key_rel(struct catalogue_draft *d, struct rel_list *l, const struct catalogue_key *k, bool is_one,
			const struct catalogue_table *t, const int *columns, const struct catalogue_table *f,
			const int *foreign_columns)
{
	struct catalogue_rel *rel = add(l);
	rel->cardinality = is_one ? REL_O2O : REL_M2O;
	rel->table = t->name;
	rel->foreign = f->name;
	rel->is_self = t == f;
	rel->table_is_view = t->is_view;
	rel->foreign_is_view = f->is_view;
	rel->constraint = k->name;
	rel->pairs = pairs_of(d, t, columns, f, foreign_columns, k->count);
	rel->pair_count = k->count;
}

/* Whether the view shows every column of the key. Its traces are one run. */
static bool view_shows(const struct catalogue_draft *d, int first, int end, uint32_t table, const int *columns,
		       int count, struct shown *ret)
{
	*ret = (struct shown){.view = catalogue_by_oid(d, d->traces[first].view), .key_count = count};
	for (int c = 0; c < count; c++) {
		for (int i = first; i < end && ret->counts[c] < ALTERNATIVES_MAX; i++)
			if (d->traces[i].table == table && d->traces[i].table_column == columns[c])
				ret->columns[c][ret->counts[c]++] = d->traces[i].column;
		if (ret->counts[c] == 0) return false;
	}
	return true;
}

static int run_end(const struct catalogue_draft *d, int first)
{
	int end = first;
	while (end < d->trace_count && d->traces[end].view == d->traces[first].view) end++;
	return end;
}

/* The n-th choice of one shown column for each of the key's; false past the last. */
static bool choose(const struct shown *s, int n, int *ret_columns)
{
	for (int c = s->key_count - 1; c >= 0; c--) {
		ret_columns[c] = s->columns[c][n % s->counts[c]];
		n /= s->counts[c];
	}
	return n == 0;
}

static void add_view_to_view(struct catalogue_draft *d, struct rel_list *l, const struct catalogue_key *k, bool is_one,
			     const struct shown *from)
{
	struct shown to;
	int columns[CATALOGUE_KEY_MAX], foreign_columns[CATALOGUE_KEY_MAX];
	for (int first = 0; first < d->trace_count; first = run_end(d, first)) {
		if (!view_shows(d, first, run_end(d, first), k->foreign, k->foreign_columns, k->count, &to)) continue;
		for (int n = 0; choose(from, n, columns); n++)
			for (int m = 0; choose(&to, m, foreign_columns); m++)
				add_key_rel(d, l, k, is_one, from->view, columns, to.view, foreign_columns);
	}
}

/* The foreign key as views show it: on its own side, on the other, on both. */
static void add_view_rels(struct catalogue_draft *d, struct rel_list *l, const struct catalogue_key *k, bool is_one,
			  const struct catalogue_table *t, const struct catalogue_table *f)
{
	struct shown shown;
	int columns[CATALOGUE_KEY_MAX];
	for (int first = 0; first < d->trace_count; first = run_end(d, first)) {
		int end = run_end(d, first);
		if (view_shows(d, first, end, k->table, k->columns, k->count, &shown)) {
			for (int n = 0; choose(&shown, n, columns); n++)
				add_key_rel(d, l, k, is_one, shown.view, columns, f, k->foreign_columns);
			add_view_to_view(d, l, k, is_one, &shown);
		}
		if (view_shows(d, first, end, k->foreign, k->foreign_columns, k->count, &shown))
			for (int n = 0; choose(&shown, n, columns); n++)
				add_key_rel(d, l, k, is_one, t, k->columns, shown.view, columns);
	}
}

static void add_foreign_keys(struct catalogue_draft *d, struct rel_list *l)
{
	for (int i = 0; i < d->key_count; i++) {
		const struct catalogue_key *k = &d->keys[i];
		const struct catalogue_table *t = catalogue_by_oid(d, k->table), *f = catalogue_by_oid(d, k->foreign);
		if (k->type != 'f' || t == NULL || f == NULL) continue;
		bool is_one = is_one_to_one(d, k);
		add_key_rel(d, l, k, is_one, t, k->columns, f, k->foreign_columns);
		add_view_rels(d, l, k, is_one, t, f);
	}
}

/* A view has the primary keys of the tables it shows whole. */
static void set_view_keys(struct catalogue_draft *d)
{
	struct shown shown;
	for (int first = 0; first < d->trace_count; first = run_end(d, first)) {
		struct catalogue_table *view = catalogue_by_oid(d, d->traces[first].view);
		view->key = catalogue_alloc(d->c, (size_t)view->column_count, sizeof *view->key);
		for (int i = 0; i < d->key_count; i++) {
			const struct catalogue_key *k = &d->keys[i];
			if (k->type != 'p') continue;
			if (!view_shows(d, first, run_end(d, first), k->table, k->columns, k->count, &shown)) continue;
			for (int c = 0; c < k->count && view->key_count < view->column_count; c++)
				view->key[view->key_count++] = catalogue_column_name(view, shown.columns[c][0]);
		}
	}
}

static bool key_has(const struct catalogue_table *t, const struct catalogue_pair *pairs, int count)
{
	for (int i = 0; i < count; i++) {
		bool found = false;
		for (int k = 0; k < t->key_count; k++) found = found || str_eq(t->key[k], pairs[i].from);
		if (!found) return false;
	}
	return true;
}

static struct catalogue_pair *swapped(struct catalogue_draft *d, const struct catalogue_pair *pairs, int count)
{
	struct catalogue_pair *copy = catalogue_alloc(d->c, (size_t)count, sizeof *copy);
	for (int i = 0; i < count; i++) copy[i] = (struct catalogue_pair){pairs[i].to, pairs[i].from};
	return copy;
}

static void add_junction(struct catalogue_draft *d, struct rel_list *l, int a, int b)
{
	struct catalogue_rel *rel = add(l);
	const struct catalogue_rel *one = &l->items[a], *two = &l->items[b];
	rel->cardinality = REL_M2M;
	rel->table = one->foreign;
	rel->foreign = two->foreign;
	rel->is_self = catalogue_name_eq(&one->foreign, &two->foreign);
	rel->table_is_view = one->foreign_is_view;
	rel->foreign_is_view = two->foreign_is_view;
	rel->junction = one->table;
	rel->constraint = one->constraint;
	rel->constraint2 = two->constraint;
	rel->pairs = swapped(d, one->pairs, one->pair_count);
	rel->pair_count = one->pair_count;
	rel->pairs2 = swapped(d, two->pairs, two->pair_count);
	rel->pair2_count = two->pair_count;
}

static struct catalogue_table *table_named(const struct catalogue *c, const struct catalogue_name *name)
{
	int low = 0, high = c->table_count;
	while (low < high) {
		int middle = (low + high) / 2;
		int order = catalogue_name_compare(name, &c->tables[middle].name);
		if (order == 0) return &c->tables[middle];
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}

/* The junction's primary key holds both foreign keys. */
static void add_many_to_many(struct catalogue_draft *d, struct rel_list *l)
{
	int count = l->count;
	for (int a = 0; a < count; a++) {
		if (l->items[a].cardinality != REL_M2O) continue;
		const struct catalogue_table *junction = table_named(d->c, &l->items[a].table);
		if (junction == NULL || !key_has(junction, l->items[a].pairs, l->items[a].pair_count)) continue;
		for (int b = 0; b < count; b++) {
			const struct catalogue_rel *one = &l->items[a], *two = &l->items[b];
			if (two->cardinality != REL_M2O || two->table.name.ptr != one->table.name.ptr) continue;
			if (str_eq(one->constraint, two->constraint)) continue;
			if (key_has(junction, two->pairs, two->pair_count)) add_junction(d, l, a, b);
		}
	}
}

static void add_inverses(struct catalogue_draft *d, struct rel_list *l)
{
	int count = l->count;
	for (int i = 0; i < count; i++) {
		if (l->items[i].cardinality != REL_M2O && l->items[i].cardinality != REL_O2O) continue;
		struct catalogue_rel *rel = add(l);
		const struct catalogue_rel *of = &l->items[i];
		*rel = *of;
		rel->cardinality = of->cardinality == REL_M2O ? REL_O2M : REL_O2O;
		rel->is_parent = of->cardinality == REL_O2O;
		rel->table = of->foreign;
		rel->foreign = of->table;
		rel->table_is_view = of->foreign_is_view;
		rel->foreign_is_view = of->table_is_view;
		rel->pairs = swapped(d, of->pairs, of->pair_count);
	}
}

/* A computed relationship takes the place of what was found to a relation of its function's name. */
static void override(struct rel_list *l, const struct catalogue_rel *computed)
{
	int kept = 0;
	for (int i = 0; i < l->count; i++) {
		const struct catalogue_rel *rel = &l->items[i];
		if (rel->cardinality != REL_COMPUTED && catalogue_name_eq(&rel->table, &computed->table) &&
		    catalogue_name_eq(&rel->foreign, &computed->function))
			continue;
		l->items[kept++] = *rel;
	}
	l->count = kept;
}

static struct catalogue_name name_at(struct catalogue_draft *d, const PGresult *r, int row, int column)
{
	return (struct catalogue_name){catalogue_text_at(d->c, r, row, column),
				       catalogue_text_at(d->c, r, row, column + 1)};
}

static void add_computed(struct catalogue_draft *d, struct rel_list *l, const PGresult *r)
{
	for (int i = 0; i < PQntuples(r); i++) {
		struct catalogue_rel rel = {.cardinality = REL_COMPUTED,
					    .function = name_at(d, r, i, 0),
					    .table = name_at(d, r, i, 2),
					    .foreign = name_at(d, r, i, 4),
					    .is_single = PQgetvalue(r, i, 6)[0] == 't'};
		rel.is_self = catalogue_name_eq(&rel.table, &rel.foreign);
		override(l, &rel);
		*add(l) = rel;
	}
}

static int compare_texts(struct str a, struct str b)
{
	int order = memcmp(a.ptr, b.ptr, a.len < b.len ? a.len : b.len);
	return order != 0 ? order : a.len < b.len ? -1 : a.len > b.len;
}

static int compare_pairs(const struct catalogue_pair *a, int a_count, const struct catalogue_pair *b, int b_count)
{
	for (int i = 0; i < a_count && i < b_count; i++) {
		int order = compare_texts(a[i].from, b[i].from);
		if (order == 0) order = compare_texts(a[i].to, b[i].to);
		if (order != 0) return order;
	}
	return a_count - b_count;
}

static int compare_junctions(const struct catalogue_rel *x, const struct catalogue_rel *y)
{
	int order = catalogue_name_compare(&x->junction, &y->junction);
	if (order == 0) order = compare_texts(x->constraint, y->constraint);
	if (order == 0) order = compare_texts(x->constraint2, y->constraint2);
	if (order == 0) order = compare_pairs(x->pairs, x->pair_count, y->pairs, y->pair_count);
	if (order == 0) order = compare_pairs(x->pairs2, x->pair2_count, y->pairs2, y->pair2_count);
	return order;
}

static int compare_rels(const void *a, const void *b)
{
	const struct catalogue_rel *x = a, *y = b;
	int order = catalogue_name_compare(&x->table, &y->table);
	if (order == 0) order = (x->cardinality == REL_COMPUTED) - (y->cardinality == REL_COMPUTED);
	if (order == 0 && x->cardinality == REL_COMPUTED) return catalogue_name_compare(&x->function, &y->function);
	if (order == 0) order = catalogue_name_compare(&x->foreign, &y->foreign);
	if (order == 0) order = x->is_self - y->is_self;
	if (order == 0) order = (int)x->cardinality - (int)y->cardinality;
	if (order == 0 && x->cardinality == REL_M2M) order = compare_junctions(x, y);
	if (order == 0) order = compare_texts(x->constraint, y->constraint);
	if (order == 0) order = compare_pairs(x->pairs, x->pair_count, y->pairs, y->pair_count);
	if (order == 0) order = x->is_parent - y->is_parent;
	return order;
}

static bool has_exposed_ends(const struct catalogue *c, const struct catalogue_rel *rel)
{
	return catalogue_is_exposed(c, &rel->table) && catalogue_is_exposed(c, &rel->foreign);
}

static bool is_visible(const struct catalogue *c, const struct catalogue_rel *rel)
{
	return has_exposed_ends(c, rel) && (rel->cardinality != REL_M2M || catalogue_is_exposed(c, &rel->junction));
}

static void note_hidden(struct catalogue *c, const struct catalogue_rel *rel)
{
	struct catalogue_table *t = has_exposed_ends(c, rel) ? table_named(c, &rel->table) : NULL;
	if (t != NULL) t->has_hidden_rels = true;
}

static void keep_visible(struct catalogue_draft *d, const struct rel_list *l)
{
	struct catalogue *c = d->c;
	struct catalogue_rel *kept = catalogue_alloc(c, (size_t)l->count, sizeof *kept);
	int count = 0;
	for (int i = 0; i < l->count; i++)
		if (is_visible(c, &l->items[i]))
			kept[count++] = l->items[i];
		else
			note_hidden(c, &l->items[i]);
	qsort(kept, (size_t)count, sizeof *kept, compare_rels);
	for (int i = 0; i < count;) {
		int end = i + 1;
		while (end < count && catalogue_name_eq(&kept[end].table, &kept[i].table)) end++;
		struct catalogue_table *t = table_named(c, &kept[i].table);
		if (t != NULL) {
			t->rels = &kept[i];
			t->rel_count = end - i;
		}
		i = end;
	}
}

void catalogue_relate(struct catalogue_draft *d, const PGresult *computed)
{
	struct rel_list l = {0};
	set_view_keys(d);
	add_foreign_keys(d, &l);
	add_many_to_many(d, &l);
	add_inverses(d, &l);
	add_computed(d, &l, computed);
	keep_visible(d, &l);
	free(l.items);
}
