/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_CAPACITY 256u

void buf_init(struct buf *b, size_t max_bytes)
{
	*b = (struct buf){.max = max_bytes};
}

void buf_done(struct buf *b)
{
	free(b->ptr);
	*b = (struct buf){.max = b->max};
}

void buf_clear(struct buf *b)
{
	b->len = 0;
	b->is_overflowed = false;
	if (b->ptr != NULL) b->ptr[0] = '\0';
}

bool buf_is_ok(const struct buf *b)
{
	return !b->is_overflowed;
}

/* Room for len more bytes and the NUL. */
static bool reserve(struct buf *b, size_t len)
{
	if (b->is_overflowed || len > b->max || b->len > b->max - len) {
		b->is_overflowed = true;
		return false;
	}
	size_t need = b->len + len + 1;
	if (need <= b->capacity) return true;
	size_t capacity = b->capacity > 0 ? b->capacity : FIRST_CAPACITY;
	while (capacity < need) capacity *= 2;
	if (capacity > b->max + 1) capacity = b->max + 1;
	b->ptr = realloc(b->ptr, capacity);
	if (b->ptr == NULL) abort();
	b->capacity = capacity;
	return true;
}

void buf_append(struct buf *b, const void *bytes, size_t len)
{
	if (!reserve(b, len)) return;
	if (len > 0) memcpy(b->ptr + b->len, bytes, len);
	b->len += len;
	b->ptr[b->len] = '\0';
}

void buf_puts(struct buf *b, const char *text)
{
	buf_append(b, text, strlen(text));
}

void buf_putc(struct buf *b, char c)
{
	if (b->len + 1 < b->capacity && !b->is_overflowed) {
		b->ptr[b->len++] = c;
		b->ptr[b->len] = '\0';
		return;
	}
	buf_append(b, &c, 1);
}

void buf_str(struct buf *b, struct str s)
{
	buf_append(b, s.ptr, s.len);
}

/* It mostly fits into what is there, and is formatted once then. */
void buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list args, again;
	size_t room = b->is_overflowed ? 0 : b->capacity - b->len;
	va_start(args, fmt);
	va_copy(again, args);
	int len = vsnprintf(room > 0 ? b->ptr + b->len : NULL, room, fmt, args);
	va_end(args);
	if (len < 0) abort();
	if (reserve(b, (size_t)len)) {
		if ((size_t)len >= room) (void)vsnprintf(b->ptr + b->len, (size_t)len + 1, fmt, again);
		b->len += (size_t)len;
	} else if (room > 0) {
		b->ptr[b->len] = '\0';
	}
	va_end(again);
}

void buf_consume(struct buf *b, size_t n)
{
	if (n > b->len) n = b->len;
	if (n == 0) return;
	memmove(b->ptr, b->ptr + n, b->len - n + 1);
	b->len -= n;
}

struct str buf_view(const struct buf *b)
{
	return (struct str){b->ptr != NULL ? b->ptr : "", b->len};
}

const char *buf_cstr(const struct buf *b)
{
	return b->ptr != NULL ? b->ptr : "";
}
