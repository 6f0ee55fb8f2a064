/* SPDX-License-Identifier: Apache-2.0
 *
 * The right side of a filter, and trees of filters: eq.5, not.in.(1,2), like(any).{a*,b*}, and=(a.eq.1,or(…)). */
#include <strings.h>

#include "rest/parse.h"
#include "rest/rest.h"

#define OPERATOR_LABEL "operator (eq, gt, ...)"

/* How the value behind the operator ends: a parameter's value is all that follows; in a tree it ends at , or ). */
typedef bool (*read_value_fn)(struct parser *p, struct str *ret_value);

enum outcome { READ_OK, READ_NOTHING, READ_FAILED };

static bool read_rest(struct parser *p, struct str *ret_value)
{
	*ret_value = str_sub(p->text, p->at, p->text.len);
	p->at = p->text.len;
	return true;
}

static bool is_list_end(const struct parser *p)
{
	return p->at >= p->text.len || p->text.ptr[p->at] == ',' || p->text.ptr[p->at] == ')';
}

/* "quoted", or whatever stands before the next , or ). */
static bool read_element(struct parser *p, struct str *ret_value)
{
	size_t from = p->at;
	if (parse_peek(p, "\"") && parse_quoted(p, ret_value) && is_list_end(p)) return true;
	p->at = from;
	while (!is_list_end(p)) p->at++;
	*ret_value = str_sub(p->text, from, p->at);
	return true;
}

/* The same, and an array literal may hold commas. */
static bool read_tree_value(struct parser *p, struct str *ret_value)
{
	size_t from = p->at;
	if (parse_peek(p, "{")) {
		size_t end = from + 1;
		while (end < p->text.len && p->text.ptr[end] != '{' && p->text.ptr[end] != '}') end++;
		if (end < p->text.len && p->text.ptr[end] == '}') {
			p->at = end + 1;
			*ret_value = str_sub(p->text, from, p->at);
			return true;
		}
	}
	return read_element(p, ret_value);
}

static bool read_list(struct parser *p, struct filter *f)
{
	size_t room = 1;
	if (!parse_bracket(p, '(')) return false;
	for (size_t i = p->at; i < p->text.len; i++) room += p->text.ptr[i] == ',';
	f->values = arena_array(p->arena, room, sizeof *f->values);
	if (f->values == NULL) {
		p->is_over_limit = true;
		return false;
	}
	for (;;) {
		(void)read_element(p, &f->values[f->value_count++]);
		if (!parse_peek(p, ",")) break;
		p->at++;
	}
	return parse_bracket(p, ')');
}

static bool read_is(struct parser *p, struct filter *f)
{
	static const struct {
		const char *word;
		enum filter_is is;
	} all[] = {{"null", IS_NULL},
		   {"not_null", IS_NOT_NULL},
		   {"true", IS_TRUE},
		   {"false", IS_FALSE},
		   {"unknown", IS_UNKNOWN}};
	for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
		size_t len = strlen(all[i].word);
		if (p->text.len - p->at < len || strncasecmp(p->text.ptr + p->at, all[i].word, len) != 0) continue;
		p->at += len;
		f->is = all[i].is;
		return true;
	}
	parse_expect(p, p->at, "isVal: (null, not_null, true, false, unknown)");
	return false;
}

static const struct {
	const char *word;
	enum filter_op op;
} operators[] = {
    {"neq", OP_NEQ},     {"cs", OP_CS},       {"cd", OP_CD},         {"ov", OP_OV},   {"sl", OP_SL},
    {"sr", OP_SR},       {"nxr", OP_NXR},     {"nxl", OP_NXL},       {"adj", OP_ADJ}, {"eq", OP_EQ},
    {"gte", OP_GTE},     {"gt", OP_GT},       {"lte", OP_LTE},       {"lt", OP_LT},   {"like", OP_LIKE},
    {"ilike", OP_ILIKE}, {"match", OP_MATCH}, {"imatch", OP_IMATCH}, {"fts", OP_FTS}, {"plfts", OP_PLFTS},
    {"phfts", OP_PHFTS}, {"wfts", OP_WFTS},
};

static bool read_modifier(struct parser *p, struct filter *f)
{
	size_t from = p->at;
	if (f->op >= OP_FTS && f->op <= OP_WFTS) {
		p->at++;
		if (parse_identifier(p, &f->language) && parse_peek(p, ")")) {
			p->at++;
			return true;
		}
		f->language = (struct str){0};
		p->at = from;
		return false;
	}
	if (f->op > OP_IMATCH) return false;
	f->quantifier = parse_peek(p, "(any)") ? QUANT_ANY : parse_peek(p, "(all)") ? QUANT_ALL : QUANT_NONE;
	if (f->quantifier == QUANT_NONE) return false;
	p->at += 5;
	return true;
}

/* operator[(modifier)]. — read whole or not at all. */
static bool read_operator(struct parser *p, struct filter *f)
{
	size_t from = p->at;
	for (size_t i = 0; i < sizeof operators / sizeof operators[0]; i++) {
		if (!parse_peek(p, operators[i].word)) continue;
		p->at = from + strlen(operators[i].word);
		f->op = operators[i].op;
		if (parse_peek(p, "(")) (void)read_modifier(p, f);
		if (parse_peek(p, ".")) {
			p->at++;
			return true;
		}
		p->at = from;
		f->quantifier = QUANT_NONE;
		f->language = (struct str){0};
	}
	return false;
}

static enum outcome read_operation(struct parser *p, read_value_fn read_value, struct filter *f)
{
	size_t from = p->at;
	if (parse_peek(p, "not.")) {
		f->is_negated = true;
		p->at += 4;
	} else {
		(void)parse_word(p, "not");
		p->at = from;
	}
	size_t at = p->at;
	if (parse_peek(p, "in.")) {
		p->at += 3;
		f->op = OP_IN;
		return read_list(p, f) ? READ_OK : READ_FAILED;
	}
	if (parse_peek(p, "is.")) {
		p->at += 3;
		f->op = OP_IS;
		return read_is(p, f) ? READ_OK : READ_FAILED;
	}
	if (parse_peek(p, "isdistinct.")) {
		p->at += 11;
		f->op = OP_ISDISTINCT;
		return read_value(p, &f->value) ? READ_OK : READ_FAILED;
	}
	if (read_operator(p, f)) return read_value(p, &f->value) ? READ_OK : READ_FAILED;
	p->at = at;
	parse_expect(p, at, OPERATOR_LABEL);
	return f->is_negated ? READ_FAILED : READ_NOTHING;
}

bool parse_operation(struct parser *p, bool is_argument_allowed, struct filter *ret_filter)
{
	enum outcome outcome = read_operation(p, read_rest, ret_filter);
	if (outcome == READ_OK) return true;
	if (outcome == READ_FAILED || !is_argument_allowed) return false;
	ret_filter->op = OP_NONE;
	ret_filter->value = p->text;
	return true;
}

bool parse_logic_path(struct parser *p, struct embed_path *ret_path, bool *ret_is_negated, struct str *ret_op)
{
	struct field last;
	if (!parse_tree_path(p, ret_path, &last)) return false;
	int kept = 0;
	*ret_is_negated = false;
	for (int i = 0; i < ret_path->count; i++) {
		if (str_eq(ret_path->names[i], STR("not")))
			*ret_is_negated = true;
		else
			ret_path->names[kept++] = ret_path->names[i];
	}
	ret_path->count = kept;
	*ret_op = last.name;
	return true;
}

static bool read_leaf(struct parser *p, struct logic *l)
{
	if (!parse_field(p, &l->filter.field)) return false;
	if (!parse_peek(p, ".")) {
		parse_expect(p, p->at, PARSE_DELIMITER);
		return false;
	}
	p->at++;
	l->is_leaf = true;
	return read_operation(p, read_tree_value, &l->filter) == READ_OK;
}

static bool read_branch(struct parser *p, struct logic *l)
{
	struct logic **at = &l->children;
	if (parse_peek(p, "not.")) {
		l->is_negated = true;
		p->at += 4;
	} else {
		parse_expect(p, p->at, "negation operator (not)");
	}
	if (parse_peek(p, "and")) {
		p->at += 3;
	} else if (parse_peek(p, "or")) {
		p->at += 2;
		l->is_or = true;
	} else {
		parse_expect(p, p->at, "logic operator (and, or)");
		return false;
	}
	if (!parse_enter(p) || !parse_bracket(p, '(')) return false;
	for (;;) {
		if (!parse_logic(p, at)) return false;
		at = &(*at)->next;
		parse_blanks(p);
		if (!parse_peek(p, ",")) break;
		p->at++;
		parse_blanks(p);
	}
	p->depth--;
	return parse_bracket(p, ')');
}

bool parse_logic(struct parser *p, struct logic **ret_logic)
{
	size_t from = p->at;
	struct logic *l = arena_alloc(p->arena, sizeof *l);
	if (l == NULL) {
		p->is_over_limit = true;
		return false;
	}
	*ret_logic = l;
	if (read_leaf(p, l)) return true;
	*l = (struct logic){0};
	p->at = from;
	return read_branch(p, l);
}
