/* SPDX-License-Identifier: Apache-2.0
 *
 * Borrowed text: a pointer and a length, no NUL at the end promised. Whoever lent it owns it. */
#ifndef FREEHOLD_BASE_STR_H
#define FREEHOLD_BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct str {
	const char *ptr;
	size_t len;
};

#define STR(literal) ((struct str){"" literal, sizeof(literal) - 1})
#define STR_FMT(s) (int)(s).len, (s).ptr /* for "%.*s" */

static inline struct str str_from(const char *text)
{
	return text != NULL ? (struct str){text, strlen(text)} : (struct str){"", 0};
}

bool str_eq(struct str a, struct str b);
bool str_eq_nocase(struct str a, struct str b); /* ASCII */
bool str_has_prefix(struct str s, struct str prefix);
bool str_has_suffix(struct str s, struct str suffix);
struct str str_trim(struct str s); /* spaces, tabs, CR, LF at both ends */
struct str str_sub(struct str s, size_t from, size_t to); /* clamped to s */

/* Index of the first occurrence, or -1. */
ptrdiff_t str_find(struct str s, struct str needle);
ptrdiff_t str_find_char(struct str s, char c);

/* Cuts s at the first c: *ret_head is before it, *ret_tail after. False (and outputs untouched) when c is not there. */
bool str_cut(struct str s, char c, struct str *ret_head, struct str *ret_tail);

/* Takes the next part up to c (or the end) from *rest. False when *rest.ptr is NULL, which it becomes after the last
 * part. */
bool str_next(struct str *rest, char c, struct str *ret_part);

/* Decimal digits with an optional minus, the whole of s, nothing else. */
bool str_to_int(struct str s, int64_t *ret_value);

bool str_is_utf8(struct str s); /* well-formed, RFC 3629; NUL is allowed */

/* All of it in memory of its own (free), a NUL behind it. Ends the program where there is no memory. */
char *str_dup(struct str s);

#endif
