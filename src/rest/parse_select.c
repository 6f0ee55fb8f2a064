/* SPDX-License-Identifier: Apache-2.0
 *
 * select=id,name:title::text,author!inner(name,…),...cover(color),price.sum() and order=… */
#include "rest/parse.h"
#include "rest/rest.h"

#define ORDER_TERMS_MAX 64

/* alias: — but not the :: of a cast. */
static bool read_alias(struct parser *p, struct str *ret_alias)
{
	size_t from = p->at;
	struct str name;
	if (parse_field_name(p, &name) && parse_peek(p, ":") && !parse_peek(p, "::")) {
		p->at++;
		*ret_alias = name;
		return true;
	}
	p->at = from;
	return false;
}

/* Up to two of !hint, !inner, !left. */
static bool read_embed_params(struct parser *p, struct select_item *item)
{
	for (int i = 0; i < 2 && parse_peek(p, "!"); i++) {
		struct str hint;
		p->at++;
		if (parse_peek(p, "left")) {
			p->at += 4;
			if (item->join == JOIN_DEFAULT) item->join = JOIN_LEFT;
		} else if (parse_peek(p, "inner")) {
			p->at += 5;
			if (item->join == JOIN_DEFAULT) item->join = JOIN_INNER;
		} else if (parse_field_name(p, &hint)) {
			if (item->hint.ptr == NULL) item->hint = hint;
		} else {
			return false;
		}
	}
	return true;
}

/* [alias:]name[!hint][!inner] or ...name[…], when a bracket follows. Else nothing is read. */
static bool read_relation(struct parser *p, struct select_item *item)
{
	size_t from = p->at;
	parse_blanks(p);
	item->kind = parse_word(p, "...") ? SELECT_SPREAD : SELECT_RELATION;
	if (item->kind == SELECT_RELATION) (void)read_alias(p, &item->alias);
	bool ok = parse_field_name(p, &item->field.name) &&
		  (item->kind == SELECT_SPREAD || !str_eq(item->field.name, STR("count"))) &&
		  read_embed_params(p, item) && parse_peek(p, "(");
	if (ok) return true;
	*item = (struct select_item){0};
	p->at = from;
	return false;
}

static bool read_star(struct parser *p, struct select_item *item)
{
	if (!parse_peek(p, "*")) return false;
	p->at++;
	item->field.name = STR("*");
	return parse_end(p, "),");
}

static bool read_cast(struct parser *p, struct str *ret_cast)
{
	if (!parse_peek(p, "::")) {
		parse_expect(p, p->at, "\"::\"");
		return true;
	}
	p->at += 2;
	return parse_identifier(p, ret_cast);
}

/* [alias:]count()[::cast] */
static bool read_count(struct parser *p, struct select_item *item)
{
	size_t from = p->at;
	(void)read_alias(p, &item->alias);
	if (parse_peek(p, "count()")) {
		p->at += 7;
		item->field.name = STR("*");
		item->aggregate = AGG_COUNT;
		if (read_cast(p, &item->aggregate_cast) && parse_end(p, "),")) return true;
	}
	*item = (struct select_item){0};
	p->at = from;
	return false;
}

static void read_aggregate(struct parser *p, struct select_item *item)
{
	static const struct {
		const char *text;
		enum aggregate aggregate;
	} all[] = {{".sum()", AGG_SUM},
		   {".avg()", AGG_AVG},
		   {".count()", AGG_COUNT},
		   {".max()", AGG_MAX},
		   {".min()", AGG_MIN}};
	for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
		if (!parse_peek(p, all[i].text)) continue;
		p->at += strlen(all[i].text);
		item->aggregate = all[i].aggregate;
		return;
	}
}

static bool read_field_item(struct parser *p, struct select_item *item)
{
	parse_blanks(p);
	if (parse_peek(p, "*")) return read_star(p, item);
	if (read_count(p, item)) return true;
	(void)read_alias(p, &item->alias);
	if (!parse_field(p, &item->field) || !read_cast(p, &item->cast)) return false;
	read_aggregate(p, item);
	if (!read_cast(p, &item->aggregate_cast) || !parse_end(p, "),")) return false;
	parse_blanks(p);
	return true;
}

static bool read_forest(struct parser *p, struct select_item **ret_items);

static bool read_item(struct parser *p, struct select_item *item)
{
	if (!read_relation(p, item)) return read_field_item(p, item);
	if (!parse_enter(p) || !parse_char(p, '(') || !read_forest(p, &item->children) || !parse_char(p, ')'))
		return false;
	p->depth--;
	parse_blanks(p);
	return true;
}

/* Nothing at all is an empty list. */
static bool read_forest(struct parser *p, struct select_item **ret_items)
{
	struct select_item **at = ret_items;
	*ret_items = NULL;
	if (p->at >= p->text.len || parse_peek(p, ")")) return true;
	for (;;) {
		struct select_item *item = arena_alloc(p->arena, sizeof *item);
		if (item == NULL) {
			p->is_over_limit = true;
			return false;
		}
		if (!read_item(p, item)) return false;
		*at = item;
		at = &item->next;
		parse_blanks(p);
		if (!parse_peek(p, ",")) return true;
		p->at++;
		parse_blanks(p);
	}
}

bool parse_select(struct parser *p, struct select_item **ret_items)
{
	return read_forest(p, ret_items);
}

static bool read_nulls(struct parser *p, enum order_nulls *ret)
{
	if (parse_peek(p, ".nullsfirst")) {
		*ret = NULLS_FIRST;
		p->at += 11;
	} else if (parse_peek(p, ".nullslast")) {
		*ret = NULLS_LAST;
		p->at += 10;
	} else if (parse_peek(p, ".")) {
		parse_expect(p, p->at + 1, "\"nullsfirst\"");
		parse_expect(p, p->at + 1, "\"nullslast\"");
	} else {
		parse_expect(p, p->at, PARSE_DELIMITER);
	}
	return parse_end(p, ",");
}

static bool read_direction(struct parser *p, struct order_term *term)
{
	if (parse_peek(p, ".asc")) {
		term->direction = ORDER_ASC;
		p->at += 4;
	} else if (parse_peek(p, ".desc")) {
		term->direction = ORDER_DESC;
		p->at += 5;
	} else if (parse_peek(p, ".")) {
		parse_expect(p, p->at + 1, "\"asc\"");
		parse_expect(p, p->at + 1, "\"desc\"");
	}
	return read_nulls(p, &term->nulls);
}

/* relation(field), when a bracket follows the first name. */
static bool read_related(struct parser *p, struct order_term *term)
{
	size_t from = p->at;
	struct str name;
	if (parse_field_name(p, &name) && parse_peek(p, "(") && parse_char(p, '(') && parse_field(p, &term->field) &&
	    parse_char(p, ')')) {
		term->relation = name;
		return true;
	}
	p->at = from;
	return false;
}

bool parse_order(struct parser *p, struct order_term **ret_terms, int *ret_count)
{
	struct order_term *terms = arena_array(p->arena, ORDER_TERMS_MAX, sizeof *terms);
	int n = 0;
	if (terms == NULL) return false;
	for (;;) {
		if (n == ORDER_TERMS_MAX) {
			p->is_over_limit = true;
			return false;
		}
		struct order_term *term = &terms[n++];
		parse_blanks(p);
		if (!read_related(p, term) && !parse_field(p, &term->field)) return false;
		if (!read_direction(p, term)) return false;
		parse_blanks(p);
		if (!parse_peek(p, ",")) break;
		p->at++;
	}
	*ret_terms = terms;
	*ret_count = n;
	return true;
}
