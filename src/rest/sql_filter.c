/* SPDX-License-Identifier: Apache-2.0 */
#include "rest/sql.h"

static const struct catalogue_column *column_of(const struct catalogue_table *t, const struct field *f)
{
	return t != NULL ? catalogue_column(t, f->name) : NULL;
}

void sql_field(struct sql *s, struct catalogue_name of, const struct catalogue_table *t, const struct field *f)
{
	const struct catalogue_column *c = column_of(t, f);
	bool is_json = c != NULL && (str_eq(c->type, STR("json")) || str_eq(c->type, STR("jsonb")));
	bool converts = f->path_count > 0 && !is_json;
	if (converts) buf_puts(&s->text, "to_jsonb(");
	sql_column(s, of, f->name);
	if (converts) buf_putc(&s->text, ')');
	for (int i = 0; i < f->path_count; i++) {
		buf_puts(&s->text, f->path[i].is_text ? "->>" : "->");
		sql_param(s, f->path[i].value);
		if (f->path[i].is_index) buf_puts(&s->text, "::int");
	}
}

static void language(struct sql *s, const struct filter *f)
{
	if (f->language.ptr == NULL) return;
	sql_param(s, f->language);
	buf_puts(&s->text, ", ");
}

/* '{"a","b"}', so that PostgreSQL infers the type of the elements. */
static void array_param(struct sql *s, const struct filter *f)
{
	size_t room = 3, len = 0;
	for (int i = 0; i < f->value_count; i++) room += 2 * f->values[i].len + 3;
	char *text = arena_alloc(s->arena, room);
	if (text == NULL) {
		s->is_over = true;
		return;
	}
	text[len++] = '{';
	for (int i = 0; i < f->value_count; i++) {
		if (i > 0) text[len++] = ',';
		text[len++] = '"';
		for (size_t k = 0; k < f->values[i].len; k++) {
			char c = f->values[i].ptr[k];
			if (c == '"' || c == '\\') text[len++] = '\\';
			text[len++] = c;
		}
		text[len++] = '"';
	}
	text[len++] = '}';
	sql_param(s, (struct str){text, len});
}

/* A parser of the app's own for this column's type. */
static const struct catalogue_representation *reader_of(struct sql *s, const struct catalogue_table *t,
							const struct field *f)
{
	const struct catalogue_column *c = column_of(t, f);
	if (c == NULL || s->plan->catalogue->representation_count == 0) return NULL;
	return catalogue_representation(s->plan->catalogue, STR("text"), c->type);
}

static void in_list(struct sql *s, const struct filter *f, const struct catalogue_representation *reader)
{
	if (f->value_count == 1 && f->values[0].len == 0) {
		buf_puts(&s->text, " = any ('{}')");
		return;
	}
	buf_puts(&s->text, " = any (");
	if (reader != NULL) buf_printf(&s->text, "(select %.*s(unnest(", STR_FMT(reader->function));
	array_param(s, f);
	if (reader != NULL) buf_puts(&s->text, "::text[])))");
	buf_putc(&s->text, ')');
}

static void starred_param(struct sql *s, struct str value)
{
	char *text = arena_cstr(s->arena, value);
	for (char *p = text; p != NULL && *p != '\0'; p++)
		if (*p == '*') *p = '%';
	sql_param(s, text != NULL ? str_from(text) : value);
}

static const char *const operators[] = {
    [OP_EQ] = "=",
    [OP_GTE] = ">=",
    [OP_GT] = ">",
    [OP_LTE] = "<=",
    [OP_LT] = "<",
    [OP_LIKE] = "like",
    [OP_ILIKE] = "ilike",
    [OP_MATCH] = "~",
    [OP_IMATCH] = "~*",
    [OP_NEQ] = "<>",
    [OP_CS] = "@>",
    [OP_CD] = "<@",
    [OP_OV] = "&&",
    [OP_SL] = "<<",
    [OP_SR] = ">>",
    [OP_NXR] = "&<",
    [OP_NXL] = "&>",
    [OP_ADJ] = "-|-",
    [OP_ISDISTINCT] = "is distinct from",
};

static void compare(struct sql *s, const struct filter *f, const struct catalogue_representation *reader)
{
	bool is_like = f->op == OP_LIKE || f->op == OP_ILIKE;
	bool reads = reader != NULL && !is_like && f->op != OP_ISDISTINCT;
	buf_putc(&s->text, ' ');
	buf_puts(&s->text, operators[f->op]);
	buf_putc(&s->text, ' ');
	if (f->quantifier != QUANT_NONE) buf_puts(&s->text, f->quantifier == QUANT_ANY ? "any (" : "all (");
	if (reads) buf_printf(&s->text, "%.*s(", STR_FMT(reader->function));
	if (is_like)
		starred_param(s, f->value);
	else
		sql_param(s, f->value);
	if (reads) buf_putc(&s->text, ')');
	if (f->quantifier != QUANT_NONE) buf_putc(&s->text, ')');
}

static void text_search(struct sql *s, struct catalogue_name of, const struct catalogue_table *t,
			const struct filter *f)
{
	static const char *const functions[] = {"to_tsquery", "plainto_tsquery", "phraseto_tsquery",
						"websearch_to_tsquery"};
	const struct catalogue_column *c = column_of(t, &f->field);
	/* Of what is no column of a table (computed, a function's) the type is not known; PostgREST takes it as it is.
	 */
	bool converts = c != NULL && !str_eq(c->base_type, STR("tsvector"));
	if (converts) {
		buf_puts(&s->text, "to_tsvector(");
		language(s, f);
	}
	sql_field(s, of, t, &f->field);
	if (converts) buf_putc(&s->text, ')');
	buf_printf(&s->text, " @@ %s(", functions[f->op - OP_FTS]);
	language(s, f);
	sql_param(s, f->value);
	buf_putc(&s->text, ')');
}

void sql_filter(struct sql *s, struct catalogue_name of, const struct catalogue_table *t, const struct filter *f)
{
	static const char *const is[] = {"null", "not null", "true", "false", "unknown"};
	if (f->is_negated) buf_puts(&s->text, "not ");
	if (f->op >= OP_FTS && f->op <= OP_WFTS) {
		text_search(s, of, t, f);
		return;
	}
	sql_field(s, of, t, &f->field);
	if (f->op == OP_IS)
		buf_printf(&s->text, " is %s", is[f->is]);
	else if (f->op == OP_IN)
		in_list(s, f, reader_of(s, t, &f->field));
	else
		compare(s, f, reader_of(s, t, &f->field));
}

void sql_logic(struct sql *s, struct catalogue_name of, const struct catalogue_table *t, const struct logic *l)
{
	if (l->is_leaf) {
		sql_filter(s, of, t, &l->filter);
		return;
	}
	buf_puts(&s->text, l->is_negated ? "not (" : "(");
	for (const struct logic *c = l->children; c != NULL; c = c->next) {
		if (c != l->children) buf_puts(&s->text, l->is_or ? " or " : " and ");
		sql_logic(s, of, t, c);
	}
	buf_putc(&s->text, ')');
}
