/* SPDX-License-Identifier: Apache-2.0
 *
 * Text becomes a tree: cut_action finds the next {{ … }}, read_* take its words. */
#include <errno.h>
#include <stdlib.h>

#include "mail/template_tree.h"

#define ARGS_MAX 32

struct parser {
	struct str rest; /* of the template */
	struct str in; /* of the action that is read */
	struct arena *arena;
	struct err *err;
	int line, nodes, depth;
	bool is_trimmed; /* the last action ended in -}} */
};

struct action {
	struct str before; /* the text */
	struct str inside;
	int line;
};

static const char *const functions[TEMPLATE_FUNCTIONS] = {
    "and", "or", "not", "eq", "ne", "lt", "le", "gt", "ge", "len", "index", "print", "printf", "html", "urlquery"};

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool is_word(char c)
{
	return c == '_' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (unsigned char)c >= 0x80;
}

static bool fail(struct parser *p, const char *words)
{
	return err_set(p->err, ERR_INVALID, "line %d: %s", p->line, words);
}

static bool is_full(struct parser *p)
{
	return err_set(p->err, ERR_LIMIT, "the template is larger than %u bytes, %d parts or %d levels",
		       MAIL_TEMPLATE_MAX_BYTES, MAIL_TEMPLATE_NODES_MAX, MAIL_TEMPLATE_DEPTH_MAX);
}

static void *make(struct parser *p, size_t size)
{
	void *made = p->nodes++ < MAIL_TEMPLATE_NODES_MAX ? arena_alloc(p->arena, size) : NULL;
	if (made == NULL) (void)is_full(p);
	return made;
}

static int count_lines(struct str text)
{
	int n = 0;
	for (size_t i = 0; i < text.len; i++) n += text.ptr[i] == '\n';
	return n;
}

static struct str trim_left(struct str s)
{
	while (s.len > 0 && is_space(s.ptr[0])) s = str_sub(s, 1, s.len);
	return s;
}

static struct str trim_right(struct str s)
{
	while (s.len > 0 && is_space(s.ptr[s.len - 1])) s.len--;
	return s;
}

/* Where the action ends: "}}" that is not within quotes. */
static ptrdiff_t find_end(struct str s)
{
	char quote = '\0';
	for (size_t i = 0; i < s.len; i++) {
		char c = s.ptr[i];
		if (quote == '"' && c == '\\')
			i++;
		else if (quote != '\0')
			quote = c == quote ? '\0' : quote;
		else if (c == '"' || c == '`')
			quote = c;
		else if (c == '}' && i + 1 < s.len && s.ptr[i + 1] == '}')
			return (ptrdiff_t)i;
	}
	return -1;
}

static bool is_comment(struct str inside)
{
	struct str s = str_trim(inside);
	return str_has_prefix(s, STR("/*"));
}

static ptrdiff_t find_comment_end(struct str s)
{
	ptrdiff_t end = str_find(s, STR("*/"));
	if (end < 0) return -1;
	ptrdiff_t close = str_find(str_sub(s, (size_t)end, s.len), STR("}}"));
	return close < 0 ? -1 : end + close;
}

/* The text up to the next action, and the action; inside.ptr is NULL at the end of the template. */
static bool cut_action(struct parser *p, struct action *ret_action)
{
	struct action a = {0};
	ptrdiff_t open = str_find(p->rest, STR("{{"));
	a.before = open < 0 ? p->rest : str_sub(p->rest, 0, (size_t)open);
	if (p->is_trimmed) a.before = trim_left(a.before);
	p->line += count_lines(open < 0 ? p->rest : str_sub(p->rest, 0, (size_t)open));
	p->is_trimmed = false;
	a.line = p->line;
	if (open < 0) {
		p->rest = STR("");
		*ret_action = a;
		return true;
	}
	struct str s = str_sub(p->rest, (size_t)open + 2, p->rest.len);
	bool is_trimming = s.len > 1 && s.ptr[0] == '-' && is_space(s.ptr[1]);
	if (is_trimming) a.before = trim_right(a.before), s = str_sub(s, 1, s.len);
	ptrdiff_t end = is_comment(s) ? find_comment_end(s) : find_end(s);
	if (end < 0) return fail(p, "{{ is not closed by }}");
	a.inside = str_sub(s, 0, (size_t)end);
	p->rest = str_sub(s, (size_t)end + 2, s.len);
	if (a.inside.len > 1 && a.inside.ptr[a.inside.len - 1] == '-' && is_space(a.inside.ptr[a.inside.len - 2]))
		a.inside.len--, p->is_trimmed = true;
	p->line += count_lines(a.inside);
	a.inside = str_trim(a.inside);
	*ret_action = a;
	return true;
}

/* Words of an action. */
static void skip(struct parser *p)
{
	p->in = trim_left(p->in);
}

static bool take(struct parser *p, struct str what)
{
	if (!str_has_prefix(p->in, what)) return false;
	p->in = str_sub(p->in, what.len, p->in.len);
	return true;
}

static struct str take_word(struct parser *p)
{
	size_t n = 0;
	while (n < p->in.len && is_word(p->in.ptr[n])) n++;
	struct str word = str_sub(p->in, 0, n);
	p->in = str_sub(p->in, n, p->in.len);
	return word;
}

static bool read_members(struct parser *p, struct template_expr *e)
{
	const struct template_name **tail = &e->members;
	while (p->in.len > 1 && p->in.ptr[0] == '.' && is_word(p->in.ptr[1])) {
		p->in = str_sub(p->in, 1, p->in.len);
		struct template_name *name = make(p, sizeof *name);
		if (name == NULL) return false;
		name->name = take_word(p);
		*tail = name;
		tail = &name->next;
	}
	return true;
}

static char unescape(char c)
{
	return c == 'n' ? '\n' : c == 't' ? '\t' : c == 'r' ? '\r' : c;
}

static bool read_string(struct parser *p, struct template_expr *e)
{
	char quote = p->in.ptr[0];
	char *to = arena_alloc(p->arena, p->in.len);
	size_t n = 0, i = 1;
	if (to == NULL) return is_full(p);
	for (; i < p->in.len && p->in.ptr[i] != quote; i++) {
		bool is_escaped = quote == '"' && p->in.ptr[i] == '\\' && i + 1 < p->in.len;
		to[n++] = is_escaped ? unescape(p->in.ptr[++i]) : p->in.ptr[i];
	}
	if (i >= p->in.len) return fail(p, "a string is not closed");
	p->in = str_sub(p->in, i + 1, p->in.len);
	e->kind = EXPR_STRING;
	e->text = (struct str){to, n};
	return true;
}

static bool read_number(struct parser *p, struct template_expr *e)
{
	size_t n = 0;
	while (n < p->in.len && (is_word(p->in.ptr[n]) || p->in.ptr[n] == '.' || p->in.ptr[n] == '-')) n++;
	const char *text = arena_cstr(p->arena, str_sub(p->in, 0, n));
	char *end = NULL;
	if (text == NULL) return is_full(p);
	p->in = str_sub(p->in, n, p->in.len);
	e->kind = EXPR_INTEGER;
	if (str_to_int(str_from(text), &e->integer)) return true;
	e->kind = EXPR_REAL;
	e->real = strtod(text, &end);
	return *end == '\0' || fail(p, "a number is malformed");
}

static bool read_pipeline(struct parser *p, struct template_expr *e);

static bool read_paren(struct parser *p, struct template_expr *e)
{
	if (++p->depth > MAIL_TEMPLATE_DEPTH_MAX) return is_full(p);
	p->in = str_sub(p->in, 1, p->in.len);
	if (!read_pipeline(p, e)) return false;
	p->depth--;
	skip(p);
	if (!take(p, STR(")"))) return fail(p, "( is not closed by )");
	/* Members of what the parentheses give: an index of no keys gives its argument as it is. */
	if (p->in.len > 1 && p->in.ptr[0] == '.' && is_word(p->in.ptr[1])) {
		struct template_expr *inner = make(p, sizeof *inner);
		if (inner == NULL) return false;
		*inner = *e;
		*e = (struct template_expr){
		    .kind = EXPR_CALL, .function = FN_INDEX, .args = inner, .arg_count = 1, .line = p->line};
	}
	return true;
}

static bool read_word(struct parser *p, struct template_expr *e)
{
	struct str word = take_word(p);
	e->kind = EXPR_BOOL;
	e->integer = str_eq(word, STR("true"));
	if (e->integer || str_eq(word, STR("false"))) return true;
	e->kind = EXPR_NIL;
	if (str_eq(word, STR("nil"))) return true;
	e->kind = EXPR_CALL;
	for (int i = 0; i < TEMPLATE_FUNCTIONS; i++) {
		if (!str_eq(word, str_from(functions[i]))) continue;
		e->function = (enum template_function)i;
		return true;
	}
	return err_set(p->err, ERR_INVALID,
		       "line %d: there is no function \"%.*s\"; a value is written with a dot, as {{ .Email }}",
		       p->line, STR_FMT(str_sub(word, 0, 40)));
}

static bool read_operand(struct parser *p, struct template_expr *e)
{
	*e = (struct template_expr){.line = p->line};
	skip(p);
	char c = p->in.len > 0 ? p->in.ptr[0] : '\0';
	char second = p->in.len > 1 ? p->in.ptr[1] : '\0';
	bool ok = true;
	if (c == '(') {
		ok = read_paren(p, e);
	} else if (c == '"' || c == '`') {
		ok = read_string(p, e);
	} else if ((c >= '0' && c <= '9') || (c == '-' && second >= '0' && second <= '9')) {
		return read_number(p, e);
	} else if (c == '$') {
		p->in = str_sub(p->in, 1, p->in.len);
		e->text = take_word(p);
		e->kind = e->text.len > 0 ? EXPR_VARIABLE : EXPR_ROOT;
	} else if (c == '.') {
		e->kind = EXPR_DOT;
		if (!is_word(second)) p->in = str_sub(p->in, 1, p->in.len);
	} else if (is_word(c)) {
		return read_word(p, e);
	} else {
		return fail(p, c == '\0' ? "a value is missing" : "a value was expected");
	}
	return ok && read_members(p, e);
}

static bool is_at_end(struct parser *p)
{
	skip(p);
	return p->in.len == 0 || p->in.ptr[0] == '|' || p->in.ptr[0] == ')';
}

/* A function with its arguments, or one value. */
static bool read_command(struct parser *p, struct template_expr *e)
{
	if (!read_operand(p, e)) return false;
	bool is_call = e->kind == EXPR_CALL && e->arg_count == 0;
	struct template_expr **tail = &e->args;
	while (!is_at_end(p)) {
		if (!is_call) return fail(p, "only a function takes arguments");
		struct template_expr *arg = make(p, sizeof *arg);
		if (arg == NULL || !read_operand(p, arg)) return false;
		if (++e->arg_count > ARGS_MAX) return fail(p, "too many arguments");
		*tail = arg;
		tail = &arg->next;
	}
	return true;
}

/* What stands before a '|' becomes the last argument of what stands behind it. */
static bool read_pipeline(struct parser *p, struct template_expr *e)
{
	if (!read_command(p, e)) return false;
	for (skip(p); take(p, STR("|")); skip(p)) {
		struct template_expr *before = make(p, sizeof *before);
		if (before == NULL) return false;
		*before = *e;
		before->next = NULL;
		if (!read_command(p, e)) return false;
		if (e->kind != EXPR_CALL) return fail(p, "behind | there must be a function");
		if (++e->arg_count > ARGS_MAX) return fail(p, "too many arguments");
		struct template_expr **tail = &e->args;
		while (*tail != NULL) tail = &(*tail)->next;
		*tail = before;
	}
	return true;
}

static const struct template_expr *read_whole(struct parser *p)
{
	struct template_expr *e = make(p, sizeof *e);
	if (e == NULL || !read_pipeline(p, e)) return NULL;
	skip(p);
	if (p->in.len == 0) return e;
	(void)fail(p, "something follows that does not belong there");
	return NULL;
}

/* "$x := " or "$i, $x := " in front of a pipeline. */
static void read_variables(struct parser *p, struct template_node *node)
{
	struct str before = p->in;
	struct str names[2] = {0};
	int count = 0;
	skip(p);
	while (count < 2 && take(p, STR("$"))) {
		names[count++] = take_word(p);
		skip(p);
		if (!take(p, STR(","))) break;
		skip(p);
	}
	if (count > 0 && names[0].len > 0 && (take(p, STR(":=")) || (take(p, STR("=")) && count == 1))) {
		node->variable = names[count - 1];
		if (count == 2) node->key_variable = names[0];
		return;
	}
	p->in = before;
}

enum ending { ENDS_AT_END, ENDS_AT_ELSE, ENDS_WITH_TEXT };

static bool read_nodes(struct parser *p, const struct template_node **ret_first, enum ending *ret_ending);

static bool read_else(struct parser *p, const struct template_node **ret_nodes);

static bool read_block(struct parser *p, struct template_node *node, enum template_node_kind kind)
{
	enum ending ending;
	if (++p->depth > MAIL_TEMPLATE_DEPTH_MAX) return is_full(p);
	node->kind = kind;
	read_variables(p, node);
	if ((node->expr = read_whole(p)) == NULL) return false;
	if (!read_nodes(p, &node->body, &ending)) return false;
	if (ending == ENDS_AT_ELSE && !read_else(p, &node->otherwise)) return false;
	p->depth--;
	if (ending == ENDS_WITH_TEXT) return err_set(p->err, ERR_INVALID, "line %d: {{ end }} is missing", node->line);
	return true;
}

static bool take_keyword(struct parser *p, struct str keyword)
{
	struct str before = p->in;
	skip(p);
	if (take(p, keyword) && (p->in.len == 0 || !is_word(p->in.ptr[0]))) return true;
	p->in = before;
	return false;
}

/* "else if x" is an else that holds an if; one end closes both. */
static bool read_else(struct parser *p, const struct template_node **ret_nodes)
{
	enum ending ending;
	skip(p);
	if (p->in.len > 0) {
		struct template_node *node = make(p, sizeof *node);
		if (node == NULL) return false;
		node->line = p->line;
		*ret_nodes = node;
		if (take_keyword(p, STR("if"))) return read_block(p, node, NODE_IF);
		if (take_keyword(p, STR("with"))) return read_block(p, node, NODE_WITH);
		return fail(p, "behind else only \"if\" may stand");
	}
	if (!read_nodes(p, ret_nodes, &ending)) return false;
	return ending == ENDS_AT_END || fail(p, "{{ end }} is missing");
}

static bool read_action(struct parser *p, struct template_node *node)
{
	if (take_keyword(p, STR("if"))) return read_block(p, node, NODE_IF);
	if (take_keyword(p, STR("with"))) return read_block(p, node, NODE_WITH);
	if (take_keyword(p, STR("range"))) return read_block(p, node, NODE_RANGE);
	if (take_keyword(p, STR("define")) || take_keyword(p, STR("block")) || take_keyword(p, STR("template")) ||
	    take_keyword(p, STR("break")) || take_keyword(p, STR("continue")))
		return fail(p, "define, block, template, break and continue are not for mails");
	node->kind = NODE_VALUE;
	read_variables(p, node);
	if (node->variable.len > 0) node->kind = NODE_SET;
	return (node->expr = read_whole(p)) != NULL;
}

static bool add_text(struct parser *p, struct str text, int line, const struct template_node ***tail)
{
	if (text.len == 0) return true;
	struct template_node *node = make(p, sizeof *node);
	if (node == NULL) return false;
	*node = (struct template_node){.kind = NODE_TEXT, .text = text, .line = line};
	**tail = node;
	*tail = &node->next;
	return true;
}

static bool read_nodes(struct parser *p, const struct template_node **ret_first, enum ending *ret_ending)
{
	const struct template_node **tail = ret_first;
	struct action a = {0};
	for (;;) {
		if (!cut_action(p, &a) || !add_text(p, a.before, a.line, &tail)) return false;
		*ret_ending = ENDS_WITH_TEXT;
		if (a.inside.ptr == NULL) return true;
		if (is_comment(a.inside)) continue;
		p->in = a.inside;
		*ret_ending = ENDS_AT_END;
		if (str_eq(p->in, STR("end"))) return true;
		*ret_ending = ENDS_AT_ELSE;
		if (take_keyword(p, STR("else"))) return true;
		struct template_node *node = make(p, sizeof *node);
		if (node == NULL) return false;
		node->line = a.line;
		*tail = node;
		tail = &node->next;
		if (!read_action(p, node)) return false;
	}
}

bool mail_template_parse(struct str text, struct arena *a, const struct mail_template **ret_template, struct err *err)
{
	struct parser p = {.rest = text, .arena = a, .err = err, .line = 1};
	struct mail_template *t = arena_alloc(a, sizeof *t);
	enum ending ending;
	if (t == NULL || text.len > MAIL_TEMPLATE_MAX_BYTES) return is_full(&p);
	if (!str_is_utf8(text)) return err_set(err, ERR_INVALID, "the template is not UTF-8 text");
	if (!read_nodes(&p, &t->first, &ending)) return false;
	if (ending != ENDS_WITH_TEXT) return fail(&p, "{{ else }} or {{ end }} without an {{ if }}");
	*ret_template = t;
	return true;
}
