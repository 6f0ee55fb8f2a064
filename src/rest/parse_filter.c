/* SPDX-License-Identifier: Apache-2.0
 *
 * The right side of a filter, and trees of filters: eq.5, not.in.(1,2), like(any).{a*,b*}, and=(a.eq.1,or(…)). */
#include <strings.h>

#include "rest/parse.h"
#include "rest/rest.h"

/* How the value behind the operator ends: a parameter's value is all that follows; in a tree it ends at , or ). */
typedef bool (*read_value_fn)(struct reader *p, struct str *ret_value);

static bool read_rest(struct reader *p, struct str *ret_value)
{
	*ret_value = str_sub(p->text, p->at, p->text.len);
	while (read_none_of(p, "")) {
	}
	return true;
}

static bool read_whole_quoted(struct reader *p, struct str *ret_value)
{
	struct read_mark mark = read_begin(p);
	bool ok = parse_quoted(p, ret_value) && read_not_none_of(p, ",)");
	return read_end_try(p, &mark, ok);
}

/* "quoted", or whatever stands before the next , or ). */
static bool read_element(struct reader *p, struct str *ret_value)
{
	if (read_whole_quoted(p, ret_value)) return true;
	size_t from = p->at;
	while (read_none_of(p, ",)")) {
	}
	*ret_value = str_sub(p->text, from, p->at);
	return true;
}

/* {…} without further braces; commas are part of it. */
static bool read_array(struct reader *p, struct str *ret_value)
{
	struct read_mark mark = read_begin(p);
	bool ok = read_text(p, "{");
	while (ok && read_none_of(p, "{}")) {
	}
	ok = ok && read_text(p, "}");
	*ret_value = str_sub(p->text, mark.at, p->at);
	return read_end_try(p, &mark, ok);
}

static bool read_tree_value(struct reader *p, struct str *ret_value)
{
	return read_whole_quoted(p, ret_value) || read_array(p, ret_value) || read_element(p, ret_value);
}

/* A bracket with blanks around it. */
static bool read_bracket(struct reader *p, char c)
{
	read_blanks(p);
	if (!read_char(p, c)) return false;
	read_blanks(p);
	return true;
}

static bool read_list(struct reader *p, struct filter *f)
{
	size_t room = 1;
	if (!read_bracket(p, '(')) return false;
	for (size_t i = p->at; i < p->text.len; i++) room += p->text.ptr[i] == ',';
	f->values = arena_array(p->arena, room, sizeof *f->values);
	if (f->values == NULL) {
		p->is_over_limit = true;
		return false;
	}
	(void)read_element(p, &f->values[f->value_count++]);
	while (read_char(p, ',')) {
		(void)read_element(p, &f->values[f->value_count++]);
		read_next(p);
	}
	return read_bracket(p, ')');
}

/* One letter in either case, then the next. */
static bool read_any_case(struct reader *p, const char *word)
{
	struct read_mark mark = read_begin(p);
	bool ok = true;
	for (; ok && *word != '\0'; word++) {
		char upper = *word >= 'a' && *word <= 'z' ? (char)(*word - 'a' + 'A') : *word;
		ok = read_char(p, *word) || read_char(p, upper);
	}
	return read_end_try(p, &mark, ok);
}

static bool read_is(struct reader *p, struct filter *f)
{
	static const struct {
		const char *word;
		enum filter_is is;
	} all[] = {{"null", IS_NULL},
		   {"not_null", IS_NOT_NULL},
		   {"true", IS_TRUE},
		   {"false", IS_FALSE},
		   {"unknown", IS_UNKNOWN}};
	struct read_mark mark = read_begin(p);
	bool ok = false;
	for (size_t i = 0; i < sizeof all / sizeof all[0] && !ok; i++) {
		ok = read_any_case(p, all[i].word);
		f->is = all[i].is;
	}
	return read_end_named(p, &mark, ok, "isVal: (null, not_null, true, false, unknown)");
}

struct op_word {
	const char *word;
	enum filter_op op;
};

/* The first of the words that stands here, in their order. */
static bool read_op(struct reader *p, const struct op_word *words, size_t count, enum filter_op *ret)
{
	for (size_t i = 0; i < count; i++) {
		*ret = words[i].op;
		if (read_word(p, words[i].word)) return true;
	}
	return false;
}

static bool read_named_op(struct reader *p, const struct op_word *words, size_t count, enum filter_op *ret)
{
	struct read_mark mark = read_begin(p);
	return read_end_named(p, &mark, read_op(p, words, count, ret), "unknown single value operator");
}

static void read_language(struct reader *p, struct str *ret)
{
	struct read_mark mark = read_begin(p);
	struct str language;
	bool ok = read_char(p, '(') && parse_identifier(p, &language) && read_char(p, ')');
	if (read_end_try(p, &mark, ok)) *ret = language;
}

static bool read_search(struct reader *p, read_value_fn read_value, struct filter *f)
{
	static const struct op_word words[] = {
	    {"fts", OP_FTS}, {"plfts", OP_PLFTS}, {"phfts", OP_PHFTS}, {"wfts", OP_WFTS}};
	struct read_mark mark = read_begin(p);
	bool ok = read_op(p, words, sizeof words / sizeof words[0], &f->op);
	if (ok) read_language(p, &f->language);
	ok = ok && parse_delimiter(p) && read_value(p, &f->value);
	if (!ok) f->language = (struct str){0};
	return read_end_try(p, &mark, ok);
}

static bool read_simple(struct reader *p, read_value_fn read_value, struct filter *f)
{
	static const struct op_word words[] = {{"neq", OP_NEQ}, {"cs", OP_CS},   {"cd", OP_CD},
					       {"ov", OP_OV},   {"sl", OP_SL},   {"sr", OP_SR},
					       {"nxr", OP_NXR}, {"nxl", OP_NXL}, {"adj", OP_ADJ}};
	struct read_mark mark = read_begin(p);
	bool ok = read_named_op(p, words, sizeof words / sizeof words[0], &f->op) && parse_delimiter(p) &&
		  read_value(p, &f->value);
	return read_end_try(p, &mark, ok);
}

static void read_quantifier(struct reader *p, struct filter *f)
{
	struct read_mark mark = read_begin(p);
	bool is_any = false, ok = read_char(p, '(');
	if (ok) {
		is_any = read_word(p, "any");
		ok = (is_any || read_text(p, "all")) && read_char(p, ')');
	}
	if (read_end_try(p, &mark, ok)) f->quantifier = is_any ? QUANT_ANY : QUANT_ALL;
}

static bool read_quantifiable(struct reader *p, read_value_fn read_value, struct filter *f)
{
	static const struct op_word words[] = {{"eq", OP_EQ},       {"gte", OP_GTE},     {"gt", OP_GT},
					       {"lte", OP_LTE},     {"lt", OP_LT},       {"like", OP_LIKE},
					       {"ilike", OP_ILIKE}, {"match", OP_MATCH}, {"imatch", OP_IMATCH}};
	struct read_mark mark = read_begin(p);
	bool ok = read_named_op(p, words, sizeof words / sizeof words[0], &f->op);
	if (ok) read_quantifier(p, f);
	ok = ok && parse_delimiter(p) && read_value(p, &f->value);
	return read_end_try(p, &mark, ok);
}

/* word. or nothing is read */
static bool read_prefix(struct reader *p, const char *word)
{
	struct read_mark mark = read_begin(p);
	return read_end_try(p, &mark, read_text(p, word) && parse_delimiter(p));
}

static bool read_any_operator(struct reader *p, read_value_fn read_value, struct filter *f)
{
	if (read_prefix(p, "in")) return f->op = OP_IN, read_list(p, f);
	if (read_prefix(p, "is")) return f->op = OP_IS, read_is(p, f);
	if (read_prefix(p, "isdistinct")) return f->op = OP_ISDISTINCT, read_value(p, &f->value);
	return read_search(p, read_value, f) || read_simple(p, read_value, f) || read_quantifiable(p, read_value, f);
}

static bool read_operation(struct reader *p, read_value_fn read_value, struct filter *f)
{
	f->is_negated = read_prefix(p, "not");
	struct read_mark mark = read_begin(p);
	return read_end_named(p, &mark, read_any_operator(p, read_value, f), "operator (eq, gt, ...)");
}

bool parse_operation(struct reader *p, bool is_argument_allowed, struct filter *ret_filter)
{
	size_t from = p->at;
	if (read_operation(p, read_rest, ret_filter)) return true;
	if (!is_argument_allowed || !read_may_choose(p, from)) return false;
	*ret_filter = (struct filter){.op = OP_NONE, .value = p->text};
	return true;
}

bool parse_logic_path(struct reader *p, struct embed_path *ret_path, bool *ret_is_negated, struct str *ret_op)
{
	if (!parse_path(p, ret_path, ret_op)) return false;
	int kept = 0;
	*ret_is_negated = str_eq(*ret_op, STR("not"));
	for (int i = 0; i < ret_path->count; i++) {
		if (str_eq(ret_path->names[i], STR("not")))
			*ret_is_negated = true;
		else
			ret_path->names[kept++] = ret_path->names[i];
	}
	ret_path->count = kept;
	return true;
}

static bool read_leaf(struct reader *p, struct logic *l)
{
	struct read_mark mark = read_begin(p);
	*l = (struct logic){.is_leaf = true};
	bool ok =
	    parse_field(p, &l->filter.field) && parse_delimiter(p) && read_operation(p, read_tree_value, &l->filter);
	return read_end_try(p, &mark, ok);
}

static bool read_junction(struct reader *p, struct logic *l)
{
	struct read_mark mark = read_begin(p);
	l->is_negated = read_prefix(p, "not");
	(void)read_end_named(p, &mark, true, "negation operator (not)");
	mark = read_begin(p);
	l->is_or = !read_word(p, "and");
	bool ok = !l->is_or || read_text(p, "or");
	return read_end_named(p, &mark, ok, "logic operator (and, or)");
}

static bool read_branch(struct reader *p, struct logic *l)
{
	struct logic **at = &l->children;
	*l = (struct logic){0};
	if (!read_junction(p, l) || !parse_enter(p) || !read_bracket(p, '(') || !parse_logic(p, at)) return false;
	for (;;) {
		size_t from = p->at;
		at = &(*at)->next;
		if (!read_bracket(p, ',')) {
			if (!read_may_choose(p, from)) return false;
			break;
		}
		if (!parse_logic(p, at)) return false;
		read_next(p);
	}
	p->depth--;
	return read_bracket(p, ')');
}

bool parse_logic(struct reader *p, struct logic **ret_logic)
{
	struct logic *l = arena_alloc(p->arena, sizeof *l);
	if (l == NULL) {
		p->is_over_limit = true;
		return false;
	}
	*ret_logic = l;
	return read_leaf(p, l) || (!p->is_over_limit && read_branch(p, l));
}
