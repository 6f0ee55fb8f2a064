/* SPDX-License-Identifier: Apache-2.0
 *
 * The SELECT of a relation and of what is embedded in it: each embed is a lateral join whose rows come as JSON. */
#include "rest/sql.h"

struct catalogue_name sql_node_name(const struct plan_node *n)
{
	return n->from_alias.ptr != NULL ? (struct catalogue_name){STR(""), n->from_alias} : n->from;
}

static struct str shown_name(const struct plan_node *n)
{
	return n->alias.ptr != NULL ? n->alias : n->name;
}

static const struct catalogue_representation *writer_of(struct sql *s, const struct catalogue_column *c)
{
	if (c == NULL || s->plan->catalogue->representation_count == 0) return NULL;
	return catalogue_representation(s->plan->catalogue, c->type, STR("json"));
}

/* What a field is called in the answer, when it is not its own name: alias, last key of a json path. */
static struct str label(const struct select_item *item)
{
	if (item->alias.ptr != NULL) return item->alias;
	if (item->aggregate != AGG_NONE || item->field.path_count == 0) return (struct str){0};
	for (int i = item->field.path_count - 1; i >= 0; i--)
		if (!item->field.path[i].is_index) return item->field.path[i].value;
	return item->field.name;
}

static void field_item(struct sql *s, const struct plan_node *n, const struct select_item *item)
{
	static const char *const aggregates[] = {"", "sum(", "avg(", "count(", "max(", "min("};
	const struct catalogue_column *c =
	    n->table != NULL && item->field.path_count == 0 ? catalogue_column(n->table, item->field.name) : NULL;
	const struct catalogue_representation *writer = writer_of(s, c);
	struct str name = label(item);
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

static bool has_aggregates(const struct plan_node *n)
{
	for (const struct plan_column *c = n->columns; c != NULL; c = c->next)
		if (c->item->aggregate != AGG_NONE) return true;
	return false;
}

/* * is written out where each column must be known: it is shown by a function, grouped by, or spread. */
static bool expands(struct sql *s, const struct plan_node *n)
{
	if (n->table == NULL) return false;
	if (has_aggregates(n)) return true;
	for (const struct plan_node *up = n; up != NULL && up->spread != SPREAD_NONE; up = up->parent)
		if (up->spread == SPREAD_MANY) return true;
	for (int i = 0; s->plan->catalogue->representation_count > 0 && i < n->table->column_count; i++)
		if (writer_of(s, &n->table->columns[i]) != NULL) return true;
	return false;
}

typedef void (*item_fn)(struct sql *s, const struct plan_node *n, const struct select_item *item, int number);

static void each_item(struct sql *s, const struct plan_node *n, item_fn fn)
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

static void put_item(struct sql *s, const struct plan_node *n, const struct select_item *item, int number)
{
	if (number > 0) buf_puts(&s->text, ", ");
	field_item(s, n, item);
}

/* Nothing is selected, all the way down: joined for its filters only. */
static bool is_empty(const struct plan_node *n)
{
	if (n->columns != NULL) return false;
	for (const struct plan_node *c = n->children; c != NULL; c = c->next)
		if (!is_empty(c)) return false;
	return true;
}

/* The columns of a spread relation, as its parent shows them. */
static void spread_names(struct sql *s, const struct plan_node *n, struct str alias, bool *is_first)
{
	for (const struct plan_column *c = n->columns; c != NULL; c = c->next) {
		struct str name = label(c->item);
		bool expands_here =
		    str_eq(c->item->field.name, STR("*")) && n->spread == SPREAD_MANY && n->table != NULL;
		int count = expands_here ? n->table->column_count : 1;
		for (int i = 0; i < count; i++) {
			struct str column = expands_here       ? n->table->columns[i].name
					    : name.ptr != NULL ? name
							       : c->item->field.name;
			if (!*is_first) buf_puts(&s->text, ", ");
			*is_first = false;
			sql_column(s, (struct catalogue_name){STR(""), alias}, column);
		}
	}
	for (const struct plan_node *c = n->children; c != NULL; c = c->next) {
		if (c->spread != SPREAD_NONE) {
			spread_names(s, c, alias, is_first);
			continue;
		}
		if (is_empty(c)) continue;
		if (!*is_first) buf_puts(&s->text, ", ");
		*is_first = false;
		sql_column(s, (struct catalogue_name){STR(""), alias}, shown_name(c));
	}
}

static void embedded_items(struct sql *s, const struct plan_node *n, bool *is_first)
{
	for (const struct plan_node *c = n->children; c != NULL; c = c->next) {
		if (c->spread != SPREAD_NONE) {
			spread_names(s, c, c->embed_alias, is_first);
			continue;
		}
		if (is_empty(c)) continue;
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
		sql_ident(s, shown_name(c));
	}
}

static void put_from(struct sql *s, const struct plan_node *n)
{
	buf_puts(&s->text, " from ");
	if (n->rel != NULL && n->rel->cardinality == REL_COMPUTED) {
		sql_name(s, n->rel->function);
		buf_putc(&s->text, '(');
		sql_ident(s, n->computed_alias);
		buf_puts(&s->text, "::");
		sql_name(s, n->rel->table);
		buf_putc(&s->text, ')');
	} else {
		sql_name(s, n->from);
	}
	if (n->from_alias.ptr != NULL) {
		buf_puts(&s->text, " as ");
		sql_ident(s, n->from_alias);
	}
	if (n->rel != NULL && n->rel->cardinality == REL_M2M) {
		buf_puts(&s->text, ", ");
		sql_name(s, n->rel->junction);
	}
}

/* Many rows become one JSON array, or, spread, one array a column. */
static void many(struct sql *s, const struct plan_node *c)
{
	buf_puts(&s->text, "select json_agg(");
	sql_ident(s, c->embed_alias);
	buf_puts(&s->text, ")::jsonb as ");
	sql_ident(s, c->embed_alias);
	if (c->spread == SPREAD_MANY) {
		struct sql names;
		bool is_first = true;
		sql_begin(&names, s->arena, s->plan);
		spread_names(&names, c, c->embed_alias, &is_first);
		struct str rest = buf_view(&names.text), part;
		while (!is_first && rest.ptr != NULL) {
			ptrdiff_t at = str_find(rest, STR("\", \""));
			part = at >= 0 ? str_sub(rest, 0, (size_t)at + 1) : rest;
			rest = at >= 0 ? str_sub(rest, (size_t)at + 3, rest.len) : (struct str){0};
			size_t cut = c->embed_alias.len + 3; /* "alias". */
			buf_printf(&s->text, ", coalesce(json_agg(%.*s), '[]')::jsonb as %.*s", STR_FMT(part),
				   STR_FMT(str_sub(part, cut, part.len)));
		}
		buf_done(&names.text);
	}
	buf_puts(&s->text, " from (");
	sql_read(s, c);
	buf_puts(&s->text, ") as ");
	sql_ident(s, c->embed_alias);
}

static void put_joins(struct sql *s, const struct plan_node *n)
{
	for (const struct plan_node *c = n->children; c != NULL; c = c->next) {
		bool is_one = plan_is_to_one(c->rel), is_inner = c->join == JOIN_INNER;
		buf_puts(&s->text, is_inner ? " inner join lateral (" : " left join lateral (");
		if (is_one)
			sql_read(s, c);
		else
			many(s, c);
		buf_puts(&s->text, ") as ");
		sql_ident(s, c->embed_alias);
		buf_puts(&s->text, " on ");
		if (is_inner && !is_one) {
			sql_ident(s, c->embed_alias);
			buf_puts(&s->text, " is not null");
		} else {
			buf_puts(&s->text, "true");
		}
	}
}

/* clients=is.null on an embed asks whether there are any. */
static const struct plan_node *null_embed(const struct plan_node *n, const struct filter *f)
{
	if (f->op != OP_IS || f->is != IS_NULL || f->field.path_count > 0) return NULL;
	for (const struct plan_node *c = n->children; c != NULL; c = c->next)
		if (str_eq(shown_name(c), f->field.name)) return c;
	return NULL;
}

static void node_filter(struct sql *s, const struct plan_node *n, const struct filter *f, bool is_count)
{
	const struct plan_node *embed = null_embed(n, f);
	if (embed == NULL) {
		sql_filter(s, sql_node_name(n), n->table, f);
	} else if (is_count) {
		buf_puts(&s->text, f->is_negated ? "exists (" : "not exists (");
		sql_count(s, embed);
		buf_putc(&s->text, ')');
	} else {
		sql_ident(s, embed->embed_alias);
		buf_puts(&s->text, f->is_negated ? " is distinct from null" : " is not distinct from null");
	}
}

static void node_logic(struct sql *s, const struct plan_node *n, const struct logic *l, bool is_count)
{
	if (l->is_leaf) {
		node_filter(s, n, &l->filter, is_count);
		return;
	}
	buf_puts(&s->text, l->is_negated ? "not (" : "(");
	for (const struct logic *c = l->children; c != NULL; c = c->next) {
		if (c != l->children) buf_puts(&s->text, l->is_or ? " or " : " and ");
		node_logic(s, n, c, is_count);
	}
	buf_putc(&s->text, ')');
}

static void and_where(struct sql *s, bool *is_first)
{
	buf_puts(&s->text, *is_first ? " where " : " and ");
	*is_first = false;
}

static void put_where(struct sql *s, const struct plan_node *n, bool is_count, bool *is_first)
{
	for (const struct plan_filter *f = n->filters; f != NULL; f = f->next) {
		and_where(s, is_first);
		if (f->filter != NULL)
			node_filter(s, n, f->filter, is_count);
		else
			node_logic(s, n, f->logic, is_count);
	}
	for (int i = 0; i < n->join_count; i++) {
		and_where(s, is_first);
		sql_column(s, n->joins[i].left, n->joins[i].left_column);
		buf_puts(&s->text, " = ");
		sql_column(s, n->joins[i].right, n->joins[i].right_column);
	}
}

static void group_item(struct sql *s, const struct plan_node *n, const struct select_item *item, int number)
{
	(void)number;
	if (item->aggregate != AGG_NONE) return;
	struct str name = label(item);
	buf_puts(&s->text, s->text.ptr[s->text.len - 1] == '\t' ? " " : ", ");
	if (name.ptr != NULL)
		sql_ident(s, name);
	else
		sql_field(s, sql_node_name(n), n->table, &item->field);
}

static void put_group(struct sql *s, const struct plan_node *n)
{
	if (!has_aggregates(n)) return;
	bool has_terms = n->children != NULL;
	for (const struct plan_column *c = n->columns; c != NULL; c = c->next)
		has_terms = has_terms || c->item->aggregate == AGG_NONE;
	if (!has_terms) return;
	buf_puts(&s->text, " group by\t");
	each_item(s, n, group_item);
	for (const struct plan_node *c = n->children; c != NULL; c = c->next) {
		if (c->spread != SPREAD_NONE || is_empty(c)) continue;
		buf_puts(&s->text, s->text.ptr[s->text.len - 1] == '\t' ? " " : ", ");
		sql_ident(s, shown_name(c));
	}
}

static void put_order(struct sql *s, const struct plan_node *n)
{
	static const char *const directions[] = {"", " asc", " desc"}, *const nulls[] = {"", " nulls first",
											 " nulls last"};
	for (int i = 0; i < n->order_count; i++) {
		const struct order_term *o = &n->order[i];
		buf_puts(&s->text, i == 0 ? " order by " : ", ");
		const struct plan_node *related = NULL;
		for (const struct plan_node *c = n->children; o->relation.ptr != NULL && c != NULL; c = c->next)
			if (str_eq(shown_name(c), o->relation)) related = c;
		if (related != NULL)
			sql_field(s, (struct catalogue_name){STR(""), related->embed_alias}, NULL, &o->field);
		else
			sql_field(s, sql_node_name(n), n->table, &o->field);
		buf_printf(&s->text, "%s%s", directions[o->direction], nulls[o->nulls]);
	}
}

static void put_number(struct sql *s, int64_t n)
{
	char text[24];
	(void)snprintf(text, sizeof text, "%lld", (long long)n);
	sql_param(s, str_from(text));
}

static void put_range(struct sql *s, struct range range)
{
	if (range_is_all(range)) return;
	if (range.has_upper) {
		buf_puts(&s->text, " limit ");
		put_number(s, range.upper - range.lower + 1);
	}
	if (range.lower != 0) {
		buf_puts(&s->text, " offset ");
		put_number(s, range.lower);
	}
}

void sql_read(struct sql *s, const struct plan_node *n)
{
	bool is_first = true;
	buf_puts(&s->text, "select ");
	if (n->columns == NULL && n->children == NULL) {
		sql_column(s, sql_node_name(n), STR("*"));
	} else {
		is_first = n->columns == NULL;
		each_item(s, n, put_item);
		embedded_items(s, n, &is_first);
	}
	put_from(s, n);
	put_joins(s, n);
	is_first = true;
	put_where(s, n, false, &is_first);
	put_group(s, n);
	put_order(s, n);
	put_range(s, n->range);
}

void sql_count(struct sql *s, const struct plan_node *n)
{
	bool is_first = true;
	buf_puts(&s->text, "select 1");
	put_from(s, n);
	put_where(s, n, true, &is_first);
	for (const struct plan_node *c = n->children; c != NULL; c = c->next) {
		if (c->join != JOIN_INNER) continue;
		and_where(s, &is_first);
		buf_puts(&s->text, "exists (");
		sql_count(s, c);
		buf_putc(&s->text, ')');
	}
}
