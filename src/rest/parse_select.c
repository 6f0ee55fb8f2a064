/* SPDX-License-Identifier: Apache-2.0
 *
 * select=id,name:title::text,author!inner(name,…),...cover(color),price.sum() and order=… */
#include "rest/parse.h"
#include "rest/rest.h"

#define ORDER_TERMS_MAX 64

/* name: — but not the :: of a cast. */
static void read_alias(struct reader *p, struct str *ret_alias)
{
	struct read_mark mark = read_begin(p);
	struct str name;
	bool ok = parse_field_name(p, &name) && read_char(p, ':') && read_not_char(p, ':');
	if (read_end_try(p, &mark, ok)) *ret_alias = name;
}

static bool read_hint(struct reader *p, struct str *ret_hint)
{
	struct read_mark mark = read_begin(p);
	return read_end_try(p, &mark, parse_field_name(p, ret_hint));
}

/* Up to two of !hint, !inner, !left; the first of a kind counts. */
static bool read_embed_params(struct reader *p, struct select_item *item)
{
	for (int i = 0; i < 2; i++) {
		struct str hint;
		if (!read_char(p, '!')) continue;
		enum join_type join = read_word(p, "left")    ? JOIN_LEFT
				      : read_word(p, "inner") ? JOIN_INNER
							      : JOIN_DEFAULT;
		if (join == JOIN_DEFAULT && !read_hint(p, &hint)) return false;
		if (join != JOIN_DEFAULT && item->join == JOIN_DEFAULT) item->join = join;
		if (join == JOIN_DEFAULT && item->hint.ptr == NULL) item->hint = hint;
	}
	return true;
}

/* The bracket follows; it is not read. */
static bool sees_bracket(struct reader *p)
{
	struct read_mark mark = read_begin(p), inner = read_begin(p);
	bool ok = read_end_ahead(p, &inner, read_text(p, "("));
	return read_end_try(p, &mark, ok);
}

static bool read_embed(struct reader *p, enum select_kind kind, struct select_item *item)
{
	*item = (struct select_item){.kind = kind};
	read_blanks(p);
	if (kind == SELECT_SPREAD && !read_text(p, "...")) return false;
	if (kind == SELECT_RELATION) read_alias(p, &item->alias);
	if (!parse_field_name(p, &item->field.name)) return false;
	if (kind == SELECT_RELATION && str_eq(item->field.name, STR("count"))) return false;
	if (!read_embed_params(p, item) || !sees_bracket(p)) return false;
	read_blanks(p);
	return true;
}

/* [alias:]name[!hint][!inner] or ...name[…], when a bracket follows. Else nothing is read. */
static bool read_relation(struct reader *p, enum select_kind kind, struct select_item *item)
{
	struct read_mark mark = read_begin(p);
	return read_end_try(p, &mark, read_embed(p, kind, item));
}

static bool ends_item(struct reader *p)
{
	static const char *const ends[] = {")", ","};
	for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
		struct read_mark mark = read_begin(p), inner = read_begin(p);
		bool ok = read_end_ahead(p, &inner, read_text(p, ends[i]));
		if (read_end_try(p, &mark, ok)) return true;
	}
	return read_end(p);
}

static bool read_cast(struct reader *p, struct str *ret_cast)
{
	size_t from = p->at;
	if (!read_text(p, "::")) return read_may_choose(p, from);
	return parse_identifier(p, ret_cast);
}

static bool read_star(struct reader *p, struct select_item *item)
{
	struct read_mark mark = read_begin(p);
	*item = (struct select_item){.field.name = STR("*")};
	return read_end_try(p, &mark, read_text(p, "*") && ends_item(p));
}

/* [alias:]count()[::cast] */
static bool read_count(struct reader *p, struct select_item *item)
{
	struct read_mark mark = read_begin(p);
	*item = (struct select_item){.field.name = STR("*"), .aggregate = AGG_COUNT};
	read_alias(p, &item->alias);
	bool ok = read_text(p, "count()") && read_cast(p, &item->aggregate_cast) && ends_item(p);
	return read_end_try(p, &mark, ok);
}

/* The words as PostgREST tries them: a failure within one of the first three ends it. */
static bool read_aggregate_name(struct reader *p, enum aggregate *ret)
{
	static const struct {
		const char *text;
		enum aggregate aggregate;
	} all[] = {{"sum", AGG_SUM}, {"avg", AGG_AVG}, {"count", AGG_COUNT}, {"max", AGG_MAX}, {"min", AGG_MIN}};
	for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
		size_t from = p->at;
		bool is_try = i >= 3;
		*ret = all[i].aggregate;
		if (is_try ? read_word(p, all[i].text) : read_text(p, all[i].text)) return true;
		if (!read_may_choose(p, from)) return false;
	}
	return false;
}

static void read_aggregate(struct reader *p, struct select_item *item)
{
	struct read_mark mark = read_begin(p);
	enum aggregate aggregate = AGG_NONE;
	bool ok = read_char(p, '.') && read_aggregate_name(p, &aggregate) && read_text(p, "()");
	if (read_end_try(p, &mark, ok)) item->aggregate = aggregate;
}

static bool read_plain_field(struct reader *p, struct select_item *item)
{
	*item = (struct select_item){0};
	read_alias(p, &item->alias);
	if (!parse_field(p, &item->field) || !read_cast(p, &item->cast)) return false;
	read_aggregate(p, item);
	return read_cast(p, &item->aggregate_cast) && ends_item(p);
}

static bool read_field_item(struct reader *p, struct select_item *item)
{
	read_blanks(p);
	size_t from = p->at;
	bool ok = read_star(p, item) || read_count(p, item) || (read_may_choose(p, from) && read_plain_field(p, item));
	if (ok) read_blanks(p);
	return ok;
}

static bool read_forest(struct reader *p, struct select_item **ret_items);

static bool read_item(struct reader *p, struct select_item *item)
{
	if (!read_relation(p, SELECT_SPREAD, item) && !read_relation(p, SELECT_RELATION, item))
		return !p->is_over_limit && read_field_item(p, item);
	if (!parse_enter(p) || !read_char(p, '(') || !read_forest(p, &item->children) || !read_char(p, ')'))
		return false;
	p->depth--;
	return true;
}

static struct select_item *add_item(struct reader *p, struct select_item ***at)
{
	struct select_item *item = arena_alloc(p->arena, sizeof *item);
	if (item == NULL) p->is_over_limit = true;
	if (item != NULL) **at = item, *at = &item->next;
	return item;
}

/* Nothing at all is an empty list. */
static bool read_forest(struct reader *p, struct select_item **ret_items)
{
	struct select_item **at = ret_items, read, *item;
	size_t from = p->at;
	*ret_items = NULL;
	if (!read_item(p, &read)) return read_may_choose(p, from);
	for (;;) {
		if ((item = add_item(p, &at)) == NULL) return false;
		*item = read;
		from = p->at;
		read_blanks(p);
		if (!read_char(p, ',')) return read_may_choose(p, from);
		read_blanks(p);
		if (!read_item(p, &read)) return false;
		read_next(p);
	}
}

bool parse_select(struct reader *p, struct select_item **ret_items)
{
	return read_forest(p, ret_items);
}

/* .word, or nothing is read */
static bool read_dotted(struct reader *p, const char *word)
{
	struct read_mark mark = read_begin(p);
	return read_end_try(p, &mark, parse_delimiter(p) && read_text(p, word));
}

static bool ends_term(struct reader *p)
{
	struct read_mark mark = read_begin(p), inner = read_begin(p);
	bool ok = read_end_ahead(p, &inner, read_char(p, ','));
	return read_end_try(p, &mark, ok) || read_end(p);
}

static bool read_direction(struct reader *p, struct order_term *term)
{
	term->direction = read_dotted(p, "asc") ? ORDER_ASC : read_dotted(p, "desc") ? ORDER_DESC : ORDER_DEFAULT;
	term->nulls = read_dotted(p, "nullsfirst")  ? NULLS_FIRST
		      : read_dotted(p, "nullslast") ? NULLS_LAST
						    : NULLS_DEFAULT;
	return ends_term(p);
}

/* relation(field)… */
static bool read_related(struct reader *p, struct order_term *term)
{
	struct read_mark mark = read_begin(p);
	*term = (struct order_term){0};
	bool ok = parse_field_name(p, &term->relation) && read_char(p, '(') && parse_field(p, &term->field) &&
		  read_char(p, ')') && read_direction(p, term);
	return read_end_try(p, &mark, ok);
}

static bool read_plain_term(struct reader *p, struct order_term *term)
{
	*term = (struct order_term){0};
	return parse_field(p, &term->field) && read_direction(p, term);
}

static bool read_term(struct reader *p, struct order_term *term)
{
	read_blanks(p);
	if (!read_related(p, term) && !read_plain_term(p, term)) return false;
	read_blanks(p);
	return true;
}

bool parse_order(struct reader *p, struct order_term **ret_terms, int *ret_count)
{
	struct order_term *terms = arena_array(p->arena, ORDER_TERMS_MAX, sizeof *terms);
	int n = 0;
	p->is_over_limit = p->is_over_limit || terms == NULL;
	if (terms == NULL || !read_term(p, &terms[n++])) return false;
	while (read_char(p, ',')) {
		if (n == ORDER_TERMS_MAX) return p->is_over_limit = true, false;
		if (!read_term(p, &terms[n++])) return false;
		read_next(p);
	}
	*ret_terms = terms;
	*ret_count = n;
	return true;
}
