/* SPDX-License-Identifier: Apache-2.0
 *
 * SELECT … FROM function(arguments): by the query string or a form each argument is a parameter, by JSON all come from
 * one. */
#include "rest/sql.h"

static const struct catalogue_param *whole_body(const struct plan *p)
{
	const struct catalogue_routine *f = p->routine;
	return f->param_count == 1 && f->params[0].name.len == 0 ? &f->params[0] : NULL;
}

static bool is_given(const struct plan *p, struct str name)
{
	for (int i = 0; i < p->argument_count; i++)
		if (str_eq(p->argument_names[i], name)) return true;
	return false;
}

/* The values of one name, in the order given; the last is the value unless the parameter is variadic. */
static int values_of(const struct plan *p, struct str name, struct str *ret_values, int max)
{
	int n = 0;
	const struct target *t = &p->ask->target;
	for (int i = 0; p->ask->is_form && i < p->ask->form_count; i++)
		if (str_eq(p->ask->form[i].name, name)) ret_values[n < max ? n++ : max - 1] = p->ask->form[i].value;
	for (int i = 0; !p->ask->is_form && i < t->argument_count; i++)
		if (str_eq(t->arguments[i].name, name)) ret_values[n < max ? n++ : max - 1] = t->arguments[i].value;
	return n;
}

#define VALUES_MAX 512

static void array_of(struct sql *s, const struct str *values, int count)
{
	BUF_CLEANUP struct buf b;
	buf_init(&b, SQL_TEXT_MAX);
	buf_putc(&b, '{');
	for (int i = 0; i < count; i++) {
		buf_puts(&b, i > 0 ? ",\"" : "\"");
		for (size_t k = 0; k < values[i].len; k++) {
			char c = values[i].ptr[k];
			if (c == '"' || c == '\\') buf_putc(&b, '\\');
			buf_putc(&b, c);
		}
		buf_putc(&b, '"');
	}
	buf_putc(&b, '}');
	sql_param(s, buf_view(&b));
	s->is_over = s->is_over || !buf_is_ok(&b);
}

static void named_arguments(struct sql *s, bool from_body)
{
	const struct plan *p = s->plan;
	bool is_first = true;
	for (int i = 0; i < p->routine->param_count; i++) {
		const struct catalogue_param *param = &p->routine->params[i];
		struct str values[VALUES_MAX];
		if (!is_given(p, param->name)) continue;
		buf_puts(&s->text, is_first ? "" : ", ");
		is_first = false;
		if (param->is_variadic) buf_puts(&s->text, "variadic ");
		sql_ident(s, param->name);
		buf_puts(&s->text, " := ");
		if (from_body) {
			sql_column(s, (struct catalogue_name){STR(""), STR("pgrst_body")}, param->name);
			continue;
		}
		int n = values_of(p, param->name, values, VALUES_MAX);
		if (param->is_variadic)
			array_of(s, values, n);
		else
			sql_param(s, n > 0 ? values[n - 1] : STR(""));
		buf_printf(&s->text, "::%.*s", STR_FMT(param->cast_type));
	}
}

/* As PostgreSQL writes bytea: "\\x0aff". */
static void bytes_param(struct sql *s, struct str bytes)
{
	static const char digits[] = "0123456789abcdef";
	char *text = arena_alloc(s->arena, 2 * bytes.len + 2);
	size_t len = 0;
	if (text == NULL) {
		s->is_over = true;
		return;
	}
	text[len++] = '\\';
	text[len++] = 'x';
	for (size_t i = 0; i < bytes.len; i++) {
		text[len++] = digits[(unsigned char)bytes.ptr[i] >> 4];
		text[len++] = digits[(unsigned char)bytes.ptr[i] & 15];
	}
	sql_param(s, (struct str){text, len});
}

static void arguments(struct sql *s, bool from_body)
{
	const struct catalogue_param *whole = whole_body(s->plan);
	if (whole == NULL) {
		named_arguments(s, from_body);
		return;
	}
	if (str_eq(whole->type, STR("bytea")))
		bytes_param(s, s->plan->ask->payload);
	else
		sql_param(s, s->plan->ask->payload);
	buf_printf(&s->text, "::%.*s", STR_FMT(whole->type));
}

static void call_it(struct sql *s, bool from_body)
{
	bool is_value = !s->plan->routine->returns_composite;
	if (is_value) buf_puts(&s->text, "(select ");
	sql_name(s, s->plan->routine->name);
	buf_putc(&s->text, '(');
	arguments(s, from_body);
	buf_puts(&s->text, is_value ? ") pgrst_scalar) pgrst_call" : ") pgrst_call");
}

static void put_column(struct sql *s, struct str name, bool *is_first)
{
	buf_puts(&s->text, *is_first ? "" : ", ");
	*is_first = false;
	sql_column(s, (struct catalogue_name){STR(""), STR("pgrst_call")}, name);
}

/* Names of columns, each once. */
struct names {
	struct str *items;
	int count, room;
};

static void name_once(struct names *n, struct str name)
{
	for (int i = 0; i < n->count; i++)
		if (str_eq(n->items[i], name)) return;
	if (n->count < n->room) n->items[n->count++] = name;
}

static int count_leaves(const struct logic *l)
{
	int n = 0;
	for (; l != NULL; l = l->next) n += l->is_leaf ? 1 : count_leaves(l->children);
	return n;
}

static bool is_embed(const struct plan *p, struct str name)
{
	for (const struct plan_node *n = p->root->children; n != NULL; n = n->next)
		if (str_eq(n->name, name) || (n->alias.ptr != NULL && str_eq(n->alias, name))) return true;
	return false;
}

static void name_leaves(struct names *n, const struct plan *p, const struct logic *l)
{
	for (; l != NULL; l = l->next)
		if (!l->is_leaf)
			name_leaves(n, p, l->children);
		else if (!is_embed(p, l->filter.field.name))
			name_once(n, l->filter.field.name);
}

static void name_filtered(struct names *n, const struct plan *p)
{
	const struct target *t = &p->ask->target;
	for (int i = 0; i < t->filter_count; i++)
		if (t->filters[i].path.count == 0 && !is_embed(p, t->filters[i].filter.field.name))
			name_once(n, t->filters[i].filter.field.name);
	for (int i = 0; i < t->logic_count; i++)
		if (t->logics[i].path.count == 0) name_leaves(n, p, t->logics[i].logic);
}

/* What the answer needs of the function's rows, and what its filters look at. */
static void returned_columns(struct sql *s)
{
	const struct plan *p = s->plan;
	const struct target *t = &p->ask->target;
	struct names n = {.room = p->returning_count + t->filter_count};
	bool is_first = true;
	if (!p->routine->returns_composite) {
		buf_puts(&s->text, "pgrst_call.pgrst_scalar");
		return;
	}
	if (p->returning_count == 0) {
		buf_putc(&s->text, '*');
		return;
	}
	for (int i = 0; i < t->logic_count; i++) n.room += count_leaves(t->logics[i].logic);
	n.items = arena_array(s->arena, (size_t)n.room, sizeof *n.items);
	if (n.items == NULL) {
		s->is_over = true;
		return;
	}
	bool is_all = false;
	for (int i = 0; i < p->returning_count; i++) {
		name_once(&n, p->returning[i]);
		is_all = is_all || str_eq(p->returning[i], STR("*"));
	}
	if (!is_all) name_filtered(&n, p);
	for (int i = 0; i < n.count; i++) put_column(s, n.items[i], &is_first);
}

/* The arguments out of the JSON body; an array of objects calls once for each. */
static void body_arguments(struct sql *s)
{
	const struct plan *p = s->plan;
	bool is_first = true;
	buf_puts(&s->text, "(select * from json_to_record");
	buf_puts(&s->text, sql_is_object(p->ask->payload) ? "(" : "set(");
	sql_param(s, p->ask->payload);
	buf_puts(&s->text, "::json) as _(");
	for (int i = 0; i < p->routine->param_count; i++) {
		const struct catalogue_param *param = &p->routine->params[i];
		if (!is_given(p, param->name)) continue;
		buf_puts(&s->text, is_first ? "" : ", ");
		is_first = false;
		sql_ident(s, param->name);
		buf_printf(&s->text, " %.*s", STR_FMT(param->cast_type));
	}
	buf_puts(&s->text, ")) pgrst_body, lateral ");
}

void sql_call(struct sql *s)
{
	const struct plan *p = s->plan;
	bool has_named = false;
	for (int i = 0; i < p->routine->param_count; i++)
		has_named =
		    has_named || (p->routine->params[i].name.len > 0 && is_given(p, p->routine->params[i].name));
	bool from_body = p->ask->is_post && !p->ask->is_form && whole_body(p) == NULL && has_named;
	buf_puts(&s->text, "select ");
	returned_columns(s);
	buf_puts(&s->text, " from ");
	if (from_body) body_arguments(s);
	call_it(s, from_body);
}
