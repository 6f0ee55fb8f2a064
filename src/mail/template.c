/* SPDX-License-Identifier: Apache-2.0
 *
 * Runs the tree: eval gives a value (the caller's reference, NULL: none), run_nodes writes. */
#include "mail/template.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codec/json.h"
#include "codec/url.h"
#include "mail/escape.h"
#include "mail/template_tree.h"

#define VARIABLES_MAX 32
#define TEXT_MAX_BYTES (64u << 10) /* of one value */
#define ARGS_MAX 33

struct variable {
	struct str name;
	json_t *value;
};

struct run {
	const json_t *root;
	enum mail_form form;
	struct mail_escape escape;
	struct buf *to;
	struct err *err;
	int steps;
	struct variable variables[VARIABLES_MAX];
	int variable_count;
};

/* Go's truth: not empty, not zero, not nil. */
static bool is_true(const json_t *v)
{
	if (v == NULL) return false;
	switch (json_typeof(v)) {
	case JSON_OBJECT: return json_object_size(v) > 0;
	case JSON_ARRAY: return json_array_size(v) > 0;
	case JSON_STRING: return json_string_length(v) > 0;
	case JSON_INTEGER: return json_integer_value(v) != 0;
	case JSON_REAL: return json_real_value(v) < 0 || json_real_value(v) > 0;
	case JSON_TRUE: return true;
	default: return false;
	}
}

static void put_text(const json_t *v, struct buf *to)
{
	if (v == NULL || json_is_null(v)) return;
	if (json_is_string(v)) {
		buf_append(to, json_string_value(v), json_string_length(v));
		return;
	}
	char *text = json_dumps(v, JSON_ENCODE_ANY | JSON_COMPACT | JSON_REAL_PRECISION(15));
	if (text == NULL) return;
	buf_puts(to, text);
	free(text);
}

static json_t *string_of(const struct buf *text)
{
	return json_stringn_nocheck(buf_cstr(text), text->len);
}

static json_t *member(json_t *value, const struct template_name *names)
{
	for (; names != NULL && value != NULL; names = names->next) {
		json_t *next = json_object_getn(value, names->name.ptr, names->name.len);
		json_incref(next);
		json_decref(value);
		value = next;
	}
	return value;
}

static bool eval(struct run *r, const struct template_expr *e, const json_t *dot, json_t **ret_value);

static int compare(const json_t *a, const json_t *b)
{
	if (json_is_number(a) && json_is_number(b)) {
		double x = json_number_value(a), y = json_number_value(b);
		return (x > y) - (x < y);
	}
	BUF_CLEANUP struct buf left, right;
	buf_init(&left, TEXT_MAX_BYTES);
	buf_init(&right, TEXT_MAX_BYTES);
	put_text(a, &left);
	put_text(b, &right);
	int order = strcmp(buf_cstr(&left), buf_cstr(&right));
	return (order > 0) - (order < 0);
}

/* eq compares the first with each of the others. */
static bool is_equal(json_t *const *args, int count)
{
	for (int i = 1; i < count; i++)
		if (compare(args[0], args[i]) == 0) return true;
	return false;
}

static bool call_compare(struct run *r, enum template_function fn, json_t *const *args, int count, json_t **ret_value)
{
	if (count < 2 || (count > 2 && fn != FN_EQ))
		return err_set(r->err, ERR_INVALID, "a comparison needs two values");
	int order = compare(args[0], args[1]);
	bool is = fn == FN_EQ   ? is_equal(args, count)
		  : fn == FN_NE ? order != 0
		  : fn == FN_LT ? order < 0
		  : fn == FN_LE ? order <= 0
		  : fn == FN_GT ? order > 0
				: order >= 0;
	*ret_value = json_boolean(is);
	return true;
}

static bool call_len(json_t *const *args, int count, json_t **ret_value)
{
	const json_t *v = count > 0 ? args[0] : NULL;
	size_t n = json_is_array(v)    ? json_array_size(v)
		   : json_is_object(v) ? json_object_size(v)
		   : json_is_string(v) ? json_string_length(v)
				       : 0;
	*ret_value = json_integer((json_int_t)n);
	return true;
}

static bool call_index(json_t *const *args, int count, json_t **ret_value)
{
	json_t *v = count > 0 ? args[0] : NULL;
	for (int i = 1; i < count && v != NULL; i++) {
		if (json_is_array(v) && json_is_integer(args[i]) && json_integer_value(args[i]) >= 0)
			v = json_array_get(v, (size_t)json_integer_value(args[i]));
		else
			v = json_is_string(args[i]) ? json_object_get(v, json_string_value(args[i])) : NULL;
	}
	*ret_value = json_incref(v);
	return true;
}

static void put_quoted(const json_t *v, struct buf *to)
{
	BUF_CLEANUP struct buf text;
	buf_init(&text, TEXT_MAX_BYTES);
	put_text(v, &text);
	json_t *s JSON_CLEANUP = string_of(&text);
	char *quoted = json_dumps(s, JSON_ENCODE_ANY);
	buf_puts(to, quoted != NULL ? quoted : "\"\"");
	free(quoted);
}

static bool call_printf(struct run *r, json_t *const *args, int count, struct buf *to)
{
	const char *f = count > 0 ? json_string_value(args[0]) : NULL;
	int next = 1;
	if (f == NULL) return err_set(r->err, ERR_INVALID, "printf needs a text first");
	for (; *f != '\0'; f++) {
		if (*f != '%') {
			buf_putc(to, *f);
			continue;
		}
		f++;
		if (*f == '%') {
			buf_putc(to, '%');
			continue;
		}
		if (*f == '\0' || strchr("svdq", *f) == NULL)
			return err_set(r->err, ERR_INVALID, "printf knows %%s, %%d, %%v and %%q only");
		const json_t *v = next < count ? args[next] : NULL;
		next++;
		if (*f == 'q')
			put_quoted(v, to);
		else
			put_text(v, to);
	}
	return true;
}

static bool is_encoded_anyway(const struct run *r)
{
	const struct mail_escape *e = &r->escape;
	return e->place == PLACE_VALUE && e->attribute == ATTRIBUTE_URL && e->is_query;
}

/* html and urlquery are the identity where the place escapes the same way, as in html/template. */
static bool call_text(struct run *r, enum template_function fn, json_t *const *args, int count, json_t **ret_value)
{
	BUF_CLEANUP struct buf text, out;
	buf_init(&text, TEXT_MAX_BYTES);
	buf_init(&out, TEXT_MAX_BYTES * 3);
	if (fn == FN_PRINTF) {
		if (!call_printf(r, args, count, &out)) return false;
	} else {
		for (int i = 0; i < count; i++) put_text(args[i], &text);
		if (fn == FN_HTML && r->form == MAIL_PLAIN)
			mail_escape_entities(buf_view(&text), &out);
		else if (fn == FN_URLQUERY && !is_encoded_anyway(r))
			url_encode(buf_view(&text), &out);
		else
			buf_str(&out, buf_view(&text));
	}
	if (!buf_is_ok(&text) || !buf_is_ok(&out)) return err_set(r->err, ERR_LIMIT, "a value is too long");
	*ret_value = string_of(&out);
	return true;
}

static bool call(struct run *r, enum template_function fn, json_t *const *args, int count, json_t **ret_value)
{
	switch (fn) {
	case FN_NOT: *ret_value = json_boolean(count == 0 || !is_true(args[0])); return true;
	case FN_LEN: return call_len(args, count, ret_value);
	case FN_INDEX: return call_index(args, count, ret_value);
	case FN_EQ:
	case FN_NE:
	case FN_LT:
	case FN_LE:
	case FN_GT:
	case FN_GE: return call_compare(r, fn, args, count, ret_value);
	default: return call_text(r, fn, args, count, ret_value);
	}
}

/* and gives the first value that is not true, or the last; or the first that is. */
static bool eval_logic(struct run *r, const struct template_expr *e, const json_t *dot, json_t **ret_value)
{
	json_t *value = NULL;
	for (const struct template_expr *arg = e->args; arg != NULL; arg = arg->next) {
		json_decref(value);
		value = NULL;
		if (!eval(r, arg, dot, &value)) return false;
		if (is_true(value) == (e->function == FN_OR)) break;
	}
	*ret_value = value;
	return true;
}

static bool eval_call(struct run *r, const struct template_expr *e, const json_t *dot, json_t **ret_value)
{
	json_t *args[ARGS_MAX] = {0};
	int count = 0;
	bool ok = true;
	if (e->function == FN_AND || e->function == FN_OR) return eval_logic(r, e, dot, ret_value);
	for (const struct template_expr *arg = e->args; ok && arg != NULL && count < ARGS_MAX; arg = arg->next)
		ok = eval(r, arg, dot, &args[count++]);
	ok = ok && call(r, e->function, args, count, ret_value);
	for (int i = 0; i < count; i++) json_decref(args[i]);
	return ok || (e->line > 0 && err_wrap(r->err, "line %d", e->line));
}

static json_t *variable_of(const struct run *r, struct str name)
{
	for (int i = r->variable_count - 1; i >= 0; i--)
		if (str_eq(r->variables[i].name, name)) return json_incref(r->variables[i].value);
	return NULL;
}

static bool eval(struct run *r, const struct template_expr *e, const json_t *dot, json_t **ret_value)
{
	json_t *value = NULL;
	if (++r->steps > MAIL_TEMPLATE_STEPS_MAX)
		return err_set(r->err, ERR_LIMIT, "the template takes too many steps");
	switch (e->kind) {
	case EXPR_DOT: value = json_incref((json_t *)(uintptr_t)dot); break;
	case EXPR_ROOT: value = json_incref((json_t *)(uintptr_t)r->root); break;
	case EXPR_VARIABLE: value = variable_of(r, e->text); break;
	case EXPR_STRING: value = json_stringn_nocheck(e->text.ptr, e->text.len); break;
	case EXPR_INTEGER: value = json_integer(e->integer); break;
	case EXPR_REAL: value = json_real(e->real); break;
	case EXPR_BOOL: value = json_boolean(e->integer); break;
	case EXPR_NIL: break;
	case EXPR_CALL:
		if (!eval_call(r, e, dot, &value)) return false;
		break;
	}
	*ret_value = member(value, e->members);
	return true;
}

static bool set_variable(struct run *r, struct str name, json_t *value)
{
	if (name.len == 0) return true;
	if (r->variable_count == VARIABLES_MAX)
		return err_set(r->err, ERR_LIMIT, "the template has too many variables");
	r->variables[r->variable_count++] = (struct variable){name, json_incref(value)};
	return true;
}

static void forget_variables(struct run *r, int keep)
{
	while (r->variable_count > keep) json_decref(r->variables[--r->variable_count].value);
}

static bool run_nodes(struct run *r, const struct template_node *node, const json_t *dot);

static bool put_value(struct run *r, const json_t *value)
{
	BUF_CLEANUP struct buf text;
	buf_init(&text, TEXT_MAX_BYTES);
	put_text(value, &text);
	if (!buf_is_ok(&text)) return err_set(r->err, ERR_LIMIT, "a value is too long");
	if (r->form == MAIL_HTML) return mail_escape_value(&r->escape, buf_view(&text), r->to, r->err);
	buf_str(r->to, buf_view(&text));
	return true;
}

static bool run_item(struct run *r, const struct template_node *node, json_t *key, json_t *item)
{
	int keep = r->variable_count;
	bool ok = set_variable(r, node->key_variable, key) && set_variable(r, node->variable, item) &&
		  run_nodes(r, node->body, item);
	forget_variables(r, keep);
	return ok;
}

static bool run_range(struct run *r, const struct template_node *node, json_t *value, const json_t *dot)
{
	size_t i;
	json_t *item;
	const char *key;
	bool ok = true;
	if (!is_true(value) || !(json_is_array(value) || json_is_object(value)))
		return run_nodes(r, node->otherwise, dot);
	json_array_foreach(value, i, item)
	{
		json_t *index JSON_CLEANUP = json_integer((json_int_t)i);
		ok = ok && run_item(r, node, index, item);
	}
	json_object_foreach(value, key, item)
	{
		json_t *name JSON_CLEANUP = json_string(key);
		ok = ok && run_item(r, node, name, item);
	}
	return ok;
}

static bool run_block(struct run *r, const struct template_node *node, json_t *value, const json_t *dot)
{
	int keep = r->variable_count;
	if (node->kind == NODE_RANGE) return run_range(r, node, value, dot);
	bool ok = set_variable(r, node->variable, value);
	if (ok && is_true(value))
		ok = run_nodes(r, node->body, node->kind == NODE_WITH ? value : dot);
	else if (ok)
		ok = run_nodes(r, node->otherwise, dot);
	forget_variables(r, keep);
	return ok;
}

static bool run_node(struct run *r, const struct template_node *node, const json_t *dot)
{
	json_t *value JSON_CLEANUP = NULL;
	if (++r->steps > MAIL_TEMPLATE_STEPS_MAX)
		return err_set(r->err, ERR_LIMIT, "the template takes too many steps");
	if (node->kind == NODE_TEXT) {
		buf_str(r->to, node->text);
		if (r->form == MAIL_HTML) mail_escape_follow(&r->escape, node->text);
		return true;
	}
	if (!eval(r, node->expr, dot, &value)) return false;
	if (node->kind == NODE_SET) return set_variable(r, node->variable, value);
	if (node->kind != NODE_VALUE) return run_block(r, node, value, dot);
	return put_value(r, value) || err_wrap(r->err, "line %d", node->line);
}

static bool run_nodes(struct run *r, const struct template_node *node, const json_t *dot)
{
	for (; node != NULL; node = node->next) {
		if (!run_node(r, node, dot)) return false;
		if (!buf_is_ok(r->to))
			return err_set(r->err, ERR_LIMIT, "the mail would be larger than %zu bytes", r->to->max);
	}
	return true;
}

bool mail_template_render(const struct mail_template *t, const json_t *values, enum mail_form form,
			  struct buf *ret_text, struct err *err)
{
	struct run r = {.root = values, .form = form, .to = ret_text, .err = err};
	bool ok = run_nodes(&r, t->first, values);
	forget_variables(&r, 0);
	return ok;
}
