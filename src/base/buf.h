/* SPDX-License-Identifier: Apache-2.0
 *
 * A growing run of bytes with a declared maximum. Appending never reports: past the maximum the buffer becomes
 * overflowed, keeps what it had, ignores what follows, and buf_is_ok says so once at the end.
 *
 *     struct buf b;
 *     buf_init(&b, 64 * 1024);
 *     buf_printf(&b, "listen %s:%d;", address, port);
 *     if (!buf_is_ok(&b)) …
 *     buf_done(&b); */
#ifndef FREEHOLD_BASE_BUF_H
#define FREEHOLD_BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"

struct buf {
	char *ptr; /* always NUL-terminated once something was appended; NULL before */
	size_t len;
	size_t capacity;
	size_t max;
	bool is_overflowed;
};

void buf_init(struct buf *b, size_t max_bytes);
void buf_done(struct buf *b); /* frees; the buffer is empty and can be used again */
void buf_clear(struct buf *b); /* empties, keeps the memory */
bool buf_is_ok(const struct buf *b);

void buf_append(struct buf *b, const void *bytes, size_t len);
void buf_puts(struct buf *b, const char *text);
void buf_putc(struct buf *b, char c);
void buf_str(struct buf *b, struct str s);
void buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Drops the first n bytes. */
void buf_consume(struct buf *b, size_t n);

/* What is inside, borrowed until the next append; buf_cstr gives "" for an empty one. */
struct str buf_view(const struct buf *b);
const char *buf_cstr(const struct buf *b);

#define BUF_CLEANUP __attribute__((cleanup(buf_done)))

#endif
