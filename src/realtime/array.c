/* SPDX-License-Identifier: Apache-2.0 */
#include "realtime/array.h"

void array_begin(struct buf *b, size_t max_bytes)
{
	buf_init(b, max_bytes);
	buf_putc(b, '{');
}

static void next(struct buf *b)
{
	if (b->len > 1) buf_putc(b, ',');
}

void array_add(struct buf *b, const struct str *text)
{
	next(b);
	if (text == NULL) {
		buf_puts(b, "NULL");
		return;
	}
	buf_putc(b, '"');
	for (size_t i = 0; i < text->len; i++) {
		if (text->ptr[i] == '"' || text->ptr[i] == '\\') buf_putc(b, '\\');
		buf_putc(b, text->ptr[i]);
	}
	buf_putc(b, '"');
}

void array_add_number(struct buf *b, unsigned long long number)
{
	next(b);
	buf_printf(b, "%llu", number);
}

void array_add_flag(struct buf *b, bool flag)
{
	next(b);
	buf_putc(b, flag ? 't' : 'f');
}

const char *array_end(struct arena *a, struct buf *b)
{
	buf_putc(b, '}');
	const char *text = buf_is_ok(b) ? arena_strndup(a, buf_cstr(b), b->len) : NULL;
	buf_done(b);
	return text;
}
