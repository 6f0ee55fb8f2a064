/* SPDX-License-Identifier: Apache-2.0 */
#include "rest/sql.h"

#include <ctype.h>
#include <stdlib.h>

#include "rest/openapi.h"

void sql_begin(struct sql *s, struct arena *a, const struct plan *plan)
{
	*s = (struct sql){.arena = a, .plan = plan};
	buf_init(&s->text, SQL_TEXT_MAX);
}

bool sql_end(struct sql *s, struct pg_statement *ret_statement)
{
	char *text = arena_strndup(s->arena, buf_cstr(&s->text), s->text.len);
	bool ok = !s->is_over && buf_is_ok(&s->text) && text != NULL;
	buf_done(&s->text);
	if (ok)
		*ret_statement = (struct pg_statement){
		    .sql = text, .param_count = s->param_count, .params = s->params, .is_prepared = true};
	return ok;
}

void sql_ident(struct sql *s, struct str name)
{
	size_t plain = 0;
	while (plain < name.len && name.ptr[plain] != '"' && name.ptr[plain] != '\0') plain++;
	buf_putc(&s->text, '"');
	buf_append(&s->text, name.ptr, plain);
	for (size_t i = plain; i < name.len && name.ptr[i] != '\0'; i++) {
		if (name.ptr[i] == '"') buf_putc(&s->text, '"');
		buf_putc(&s->text, name.ptr[i]);
	}
	buf_putc(&s->text, '"');
}

void sql_name(struct sql *s, struct catalogue_name name)
{
	if (name.schema.len > 0) {
		sql_ident(s, name.schema);
		buf_putc(&s->text, '.');
	}
	sql_ident(s, name.name);
}

void sql_column(struct sql *s, struct catalogue_name table, struct str column)
{
	sql_name(s, table);
	buf_putc(&s->text, '.');
	if (str_eq(column, STR("*")))
		buf_putc(&s->text, '*');
	else
		sql_ident(s, column);
}

void sql_value(struct sql *s, struct str value)
{
	int n = s->param_count;
	bool is_full = (n & (n - 1)) == 0; /* room is always the next power of two */
	if (n == SQL_PARAMS_MAX) {
		s->is_over = true;
		return;
	}
	if (n == 0 || (is_full && n >= 8)) {
		const char **grown = arena_array(s->arena, n == 0 ? 8 : (size_t)n * 2, sizeof *grown);
		if (grown == NULL) {
			s->is_over = true;
			return;
		}
		if (n > 0) memcpy(grown, s->params, (size_t)n * sizeof *grown);
		s->params = grown;
	}
	s->params[n] = arena_cstr(s->arena, value);
	if (s->params[n] == NULL) s->is_over = true;
	s->param_count = n + 1;
}

void sql_param(struct sql *s, struct str value)
{
	sql_value(s, value);
	buf_putc(&s->text, '$');
	sql_number(s, s->param_count);
}

void sql_number(struct sql *s, int64_t n)
{
	char digits[24];
	size_t at = sizeof digits;
	do {
		digits[--at] = (char)('0' + n % 10);
		n /= 10;
	} while (n > 0);
	buf_append(&s->text, digits + at, sizeof digits - at);
}

void sql_literal(struct sql *s, struct str text)
{
	bool has_backslash = str_find_char(text, '\\') >= 0;
	buf_puts(&s->text, has_backslash ? "E'" : "'");
	for (size_t i = 0; i < text.len && text.ptr[i] != '\0'; i++) {
		if (text.ptr[i] == '\'' || text.ptr[i] == '\\') buf_putc(&s->text, text.ptr[i]);
		buf_putc(&s->text, text.ptr[i]);
	}
	buf_putc(&s->text, '\'');
}
