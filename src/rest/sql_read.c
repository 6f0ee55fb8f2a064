/* SPDX-License-Identifier: Apache-2.0
 *
 * The SELECT of a relation and of what is embedded in it: each embed is a lateral join whose rows come as JSON. */
#include "rest/sql_select.h"

struct catalogue_name sql_node_name(const struct plan_node *n)
{
	return n->from_alias.ptr != NULL ? (struct catalogue_name){STR(""), n->from_alias} : n->from;
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
		bool is_first = false;
		sql_spread_names(s, c, c, c->embed_alias, SPREAD_GATHERED, &is_first);
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
		if (str_eq(sql_shown_name(c), f->field.name)) return c;
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
	struct str name = sql_label(item);
	buf_puts(&s->text, s->text.ptr[s->text.len - 1] == '\t' ? " " : ", ");
	if (name.ptr != NULL)
		sql_ident(s, name);
	else
		sql_field(s, sql_node_name(n), n->table, &item->field);
}

/* What is not aggregated: columns, spread columns, embeds. Aggregates of a spread relation are made further up. */
static void put_group(struct sql *s, const struct plan_node *n)
{
	static const char words[] = " group by\t";
	if (n->spread == SPREAD_ONE || !sql_has_aggregates(n)) return;
	buf_puts(&s->text, words);
	size_t start = s->text.len;
	sql_each_item(s, n, group_item);
	for (const struct plan_node *c = n->children; c != NULL; c = c->next) {
		bool is_first = s->text.ptr[s->text.len - 1] == '\t';
		if (c->spread == SPREAD_ONE) {
			sql_spread_names(s, c, n, c->embed_alias, SPREAD_GROUPED, &is_first);
		} else if (c->spread == SPREAD_NONE && !sql_is_empty(c)) {
			sql_next(s, &is_first);
			sql_ident(s, sql_shown_name(c));
		}
	}
	if (s->text.len > start) return;
	s->text.len -= sizeof words - 1; /* everything is aggregated: one row */
	s->text.ptr[s->text.len] = '\0';
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
			if (str_eq(sql_shown_name(c), o->relation)) related = c;
		if (related != NULL)
			sql_field(s, (struct catalogue_name){STR(""), related->embed_alias}, NULL, &o->field);
		else
			sql_field(s, sql_node_name(n), n->table, &o->field);
		buf_puts(&s->text, directions[o->direction]);
		buf_puts(&s->text, nulls[o->nulls]);
	}
}

static void put_number(struct sql *s, int64_t n)
{
	char text[24];
	(void)snprintf(text, sizeof text, "%lld", (long long)n);
	sql_param(s, str_from(text));
}

/* A limit that PostgreSQL cannot see makes it plan at each execution, since it guesses a tenth of all rows otherwise.
 * So the usual ones are written out, as numbers of our own making; the others are parameters, lest they fill the cache
 * of prepared statements. */
#define LIMIT_WRITTEN_MAX 1000

static void put_range(struct sql *s, struct range range)
{
	if (range_is_all(range)) return;
	int64_t limit = range.upper - range.lower + 1;
	if (range.has_upper && limit <= LIMIT_WRITTEN_MAX) {
		buf_puts(&s->text, " limit ");
		sql_number(s, limit);
	} else if (range.has_upper) {
		buf_puts(&s->text, " limit ");
		put_number(s, limit);
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
		sql_each_item(s, n, sql_item);
		sql_embedded_items(s, n, &is_first);
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
