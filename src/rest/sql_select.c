/* SPDX-License-Identifier: Apache-2.0 */
#include "rest/sql_select.h"

struct str sql_shown_name(const struct plan_node *n)
{
	return n->alias.ptr != NULL ? n->alias : n->name;
}

static const struct catalogue_representation *writer_of(struct sql *s, const struct catalogue_column *c)
{
	if (c == NULL || s->plan->catalogue->representation_count == 0) return NULL;
	return catalogue_representation(s->plan->catalogue, c->type, STR("json"));
}

/* What a field is called in the answer, when it is not its own name: alias, last key of a json path. */
struct str sql_label(const struct select_item *item)
{
	if (item->alias.ptr != NULL) return item->alias;
	if (item->aggregate != AGG_NONE || item->field.path_count == 0) return (struct str){0};
	for (int i = item->field.path_count - 1; i >= 0; i--)
		if (!item->field.path[i].is_index) return item->field.path[i].value;
	return item->field.name;
}

static const char *const aggregates[] = {"", "sum(", "avg(", "count(", "max(", "min("};
static const char *const aggregate_names[] = {"", "sum", "avg", "count", "max", "min"};

/* An aggregate of a spread relation is made by the first relation above that is not spread itself; until there its
 * plain value travels under this name. count() alone has no value. */
static void travel_name(struct sql *s, const struct plan_node *n, const struct select_item *item)
{
	int number = 0;
	for (const struct plan_column *c = n->columns; c != NULL && c->item != item; c = c->next) number++;
	buf_printf(&s->text, "\"freehold %d ", number);
	for (size_t i = 0; i < n->embed_alias.len; i++) {
		if (n->embed_alias.ptr[i] == '"') buf_putc(&s->text, '"');
		buf_putc(&s->text, n->embed_alias.ptr[i]);
	}
	buf_putc(&s->text, '"');
}

static bool is_counted(const struct select_item *item)
{
	return item->aggregate == AGG_COUNT && (item->field.name.len == 0 || str_eq(item->field.name, STR("*")));
}

static void travelling_item(struct sql *s, const struct plan_node *n, const struct select_item *item)
{
	if (item->cast.ptr != NULL) buf_puts(&s->text, "cast(");
	if (is_counted(item))
		buf_puts(&s->text, "1");
	else
		sql_field(s, sql_node_name(n), n->table, &item->field);
	if (item->cast.ptr != NULL) buf_printf(&s->text, " as %.*s)", STR_FMT(item->cast));
	buf_puts(&s->text, " as ");
	travel_name(s, n, item);
}

/* The aggregate itself over what travelled here in the rows called `alias`. */
static void arrived_item(struct sql *s, const struct plan_node *n, const struct select_item *item, struct str alias)
{
	if (item->aggregate_cast.ptr != NULL) buf_puts(&s->text, "cast(");
	buf_puts(&s->text, aggregates[item->aggregate]);
	if (is_counted(item)) {
		buf_putc(&s->text, '*');
	} else {
		sql_ident(s, alias);
		buf_putc(&s->text, '.');
		travel_name(s, n, item);
	}
	buf_putc(&s->text, ')');
	if (item->aggregate_cast.ptr != NULL) buf_printf(&s->text, " as %.*s)", STR_FMT(item->aggregate_cast));
	buf_puts(&s->text, " as ");
	sql_ident(s, item->alias.ptr != NULL ? item->alias : str_from(aggregate_names[item->aggregate]));
}

static void field_item(struct sql *s, const struct plan_node *n, const struct select_item *item)
{
	if (n->spread == SPREAD_ONE && item->aggregate != AGG_NONE) {
		travelling_item(s, n, item);
		return;
	}
	const struct catalogue_column *c =
	    n->table != NULL && item->field.path_count == 0 ? catalogue_column(n->table, item->field.name) : NULL;
	const struct catalogue_representation *writer = writer_of(s, c);
	struct str name = sql_label(item);
	if (item->aggregate_cast.ptr != NULL) buf_puts(&s->text, "cast(");
	buf_puts(&s->text, aggregates[item->aggregate]);
	if (item->cast.ptr != NULL) buf_puts(&s->text, "cast(");
	if (writer != NULL) buf_printf(&s->text, "%.*s(", STR_FMT(writer->function));
	sql_field(s, sql_node_name(n), n->table, &item->field);
	if (writer != NULL) buf_putc(&s->text, ')');
	if (item->cast.ptr != NULL) buf_printf(&s->text, " as %.*s)", STR_FMT(item->cast));
	if (item->aggregate != AGG_NONE) buf_putc(&s->text, ')');
	if (item->aggregate_cast.ptr != NULL) buf_printf(&s->text, " as %.*s)", STR_FMT(item->aggregate_cast));
	if (name.ptr == NULL && writer != NULL && item->aggregate == AGG_NONE) name = item->field.name;
	if (name.ptr == NULL) return;
	buf_puts(&s->text, " as ");
	sql_ident(s, name);
}

/* Of its own or of what is spread into it. */
bool sql_has_aggregates(const struct plan_node *n)
{
	for (const struct plan_column *c = n->columns; c != NULL; c = c->next)
		if (c->item->aggregate != AGG_NONE) return true;
	for (const struct plan_node *c = n->children; c != NULL; c = c->next)
		if (c->spread == SPREAD_ONE && sql_has_aggregates(c)) return true;
	return false;
}

static bool is_spread_into_many(const struct plan_node *n)
{
	for (; n != NULL && n->spread != SPREAD_NONE; n = n->parent)
		if (n->spread == SPREAD_MANY) return true;
	return false;
}

/* A spread relation above an aggregate shows each column by its name, to be grouped by. */
static bool is_spread_into_group(const struct plan_node *n)
{
	while (n != NULL && n->spread == SPREAD_ONE) n = n->parent;
	return n != NULL && sql_has_aggregates(n);
}

/* * is written out where each column must be known: it is shown by a function, grouped by, or spread. */
static bool expands(struct sql *s, const struct plan_node *n)
{
	if (n->table == NULL) return false;
	if (is_spread_into_group(n) || is_spread_into_many(n)) return true;
	for (int i = 0; s->plan->catalogue->representation_count > 0 && i < n->table->column_count; i++)
		if (writer_of(s, &n->table->columns[i]) != NULL) return true;
	return false;
}

void sql_each_item(struct sql *s, const struct plan_node *n, sql_item_fn fn)
{
	int number = 0;
	for (const struct plan_column *c = n->columns; c != NULL; c = c->next) {
		bool is_star = str_eq(c->item->field.name, STR("*")) && c->item->aggregate == AGG_NONE;
		if (!is_star || !expands(s, n)) {
			fn(s, n, c->item, number++);
			continue;
		}
		for (int i = 0; i < n->table->column_count; i++) {
			struct select_item item = *c->item;
			item.field.name = n->table->columns[i].name;
			fn(s, n, &item, number++);
		}
	}
}

void sql_item(struct sql *s, const struct plan_node *n, const struct select_item *item, int number)
{
	if (number > 0) buf_puts(&s->text, ", ");
	field_item(s, n, item);
}

/* Nothing is selected, all the way down: joined for its filters only. */
bool sql_is_empty(const struct plan_node *n)
{
	if (n->columns != NULL) return false;
	for (const struct plan_node *c = n->children; c != NULL; c = c->next)
		if (!sql_is_empty(c)) return false;
	return true;
}

void sql_next(struct sql *s, bool *is_first)
{
	if (!*is_first) buf_puts(&s->text, ", ");
	*is_first = false;
}

static void spread_aggregate(struct sql *s, const struct plan_node *n, const struct plan_node *into,
			     const struct select_item *item, struct str alias, bool *is_first)
{
	sql_next(s, is_first);
	if (into->spread != SPREAD_ONE) {
		arrived_item(s, n, item, alias);
		return;
	}
	sql_ident(s, alias);
	buf_putc(&s->text, '.');
	travel_name(s, n, item);
}

static void spread_column(struct sql *s, struct str alias, struct str column, enum spread_part part, bool *is_first)
{
	sql_next(s, is_first);
	if (part == SPREAD_GATHERED) buf_puts(&s->text, "coalesce(json_agg(");
	sql_column(s, (struct catalogue_name){STR(""), alias}, column);
	if (part != SPREAD_GATHERED) return;
	buf_puts(&s->text, "), '[]')::jsonb as ");
	sql_ident(s, column);
}

void sql_spread_names(struct sql *s, const struct plan_node *n, const struct plan_node *into, struct str alias,
		      enum spread_part part, bool *is_first)
{
	for (const struct plan_column *c = n->columns; c != NULL; c = c->next) {
		struct str name = sql_label(c->item);
		if (c->item->aggregate != AGG_NONE && n->spread == SPREAD_ONE) {
			if (part != SPREAD_GROUPED) spread_aggregate(s, n, into, c->item, alias, is_first);
			continue;
		}
		bool is_star = str_eq(c->item->field.name, STR("*"));
		bool expands_here = is_star && n->table != NULL && (is_spread_into_many(n) || is_spread_into_group(n));
		int count = expands_here ? n->table->column_count : 1;
		for (int i = 0; i < count; i++) {
			struct str column = expands_here       ? n->table->columns[i].name
					    : name.ptr != NULL ? name
							       : c->item->field.name;
			spread_column(s, alias, column, part, is_first);
		}
	}
	for (const struct plan_node *c = n->children; c != NULL; c = c->next) {
		if (c->spread != SPREAD_NONE) {
			sql_spread_names(s, c, into, alias, part, is_first);
			continue;
		}
		if (!sql_is_empty(c)) spread_column(s, alias, sql_shown_name(c), part, is_first);
	}
}

void sql_embedded_items(struct sql *s, const struct plan_node *n, bool *is_first)
{
	for (const struct plan_node *c = n->children; c != NULL; c = c->next) {
		if (c->spread != SPREAD_NONE) {
			sql_spread_names(s, c, n, c->embed_alias, SPREAD_SHOWN, is_first);
			continue;
		}
		if (sql_is_empty(c)) continue;
		if (!*is_first) buf_puts(&s->text, ", ");
		*is_first = false;
		buf_puts(&s->text, plan_is_to_one(c->rel) ? "row_to_json(" : "coalesce(");
		sql_ident(s, c->embed_alias);
		if (plan_is_to_one(c->rel)) {
			buf_puts(&s->text, ".*)::jsonb as ");
		} else {
			buf_putc(&s->text, '.');
			sql_ident(s, c->embed_alias);
			buf_puts(&s->text, ", '[]') as ");
		}
		sql_ident(s, sql_shown_name(c));
	}
}
