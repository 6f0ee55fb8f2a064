/* SPDX-License-Identifier: Apache-2.0 */
#include "base/str.h"

#include <stdlib.h>
#include <strings.h>

bool str_eq(struct str a, struct str b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

bool str_eq_nocase(struct str a, struct str b)
{
	return a.len == b.len && (a.len == 0 || strncasecmp(a.ptr, b.ptr, a.len) == 0);
}

bool str_has_prefix(struct str s, struct str prefix)
{
	return s.len >= prefix.len && str_eq(str_sub(s, 0, prefix.len), prefix);
}

bool str_has_suffix(struct str s, struct str suffix)
{
	return s.len >= suffix.len && str_eq(str_sub(s, s.len - suffix.len, s.len), suffix);
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct str str_trim(struct str s)
{
	while (s.len > 0 && is_blank(s.ptr[0])) s = str_sub(s, 1, s.len);
	while (s.len > 0 && is_blank(s.ptr[s.len - 1])) s.len--;
	return s;
}

struct str str_sub(struct str s, size_t from, size_t to)
{
	if (to > s.len) to = s.len;
	if (from > to) from = to;
	return (struct str){s.ptr != NULL ? s.ptr + from : NULL, to - from};
}

ptrdiff_t str_find(struct str s, struct str needle)
{
	if (needle.len == 0) return 0;
	const char *at = s.len > 0 ? memmem(s.ptr, s.len, needle.ptr, needle.len) : NULL;
	return at != NULL ? at - s.ptr : -1;
}

ptrdiff_t str_find_char(struct str s, char c)
{
	const char *at = s.len > 0 ? memchr(s.ptr, c, s.len) : NULL;
	return at != NULL ? at - s.ptr : -1;
}

bool str_cut(struct str s, char c, struct str *ret_head, struct str *ret_tail)
{
	ptrdiff_t at = str_find_char(s, c);
	if (at < 0) return false;
	*ret_head = str_sub(s, 0, (size_t)at);
	*ret_tail = str_sub(s, (size_t)at + 1, s.len);
	return true;
}

bool str_next(struct str *rest, char c, struct str *ret_part)
{
	if (rest->ptr == NULL) return false;
	struct str s = *rest;
	if (!str_cut(s, c, ret_part, rest)) {
		*ret_part = s;
		*rest = (struct str){NULL, 0};
	}
	return true;
}

bool str_to_int(struct str s, int64_t *ret_value)
{
	bool negative = s.len > 0 && s.ptr[0] == '-';
	size_t at = negative ? 1 : 0;
	if (at == s.len) return false;
	int64_t value = 0;
	for (; at < s.len; at++) {
		if (s.ptr[at] < '0' || s.ptr[at] > '9') return false;
		int digit = s.ptr[at] - '0';
		if (__builtin_mul_overflow(value, 10, &value)) return false;
		if (__builtin_sub_overflow(value, digit, &value)) return false;
	}
	/* Counted downwards, since the most negative number has no positive twin. */
	if (!negative && value == INT64_MIN) return false;
	*ret_value = negative ? value : -value;
	return true;
}

/* Length of the well-formed sequence at p, or 0. The ranges are those of RFC 3629, section 4. */
static size_t utf8_sequence(const unsigned char *p, size_t left)
{
	unsigned char low = 0x80, high = 0xBF;
	size_t len;
	if (p[0] < 0x80) return 1;
	if (p[0] >= 0xC2 && p[0] <= 0xDF) {
		len = 2;
	} else if (p[0] >= 0xE0 && p[0] <= 0xEF) {
		len = 3;
		if (p[0] == 0xE0) low = 0xA0;
		if (p[0] == 0xED) high = 0x9F;
	} else if (p[0] >= 0xF0 && p[0] <= 0xF4) {
		len = 4;
		if (p[0] == 0xF0) low = 0x90;
		if (p[0] == 0xF4) high = 0x8F;
	} else {
		return 0;
	}
	if (left < len || p[1] < low || p[1] > high) return 0;
	for (size_t i = 2; i < len; i++)
		if (p[i] < 0x80 || p[i] > 0xBF) return 0;
	return len;
}

bool str_is_utf8(struct str s)
{
	for (size_t at = 0; at < s.len;) {
		size_t len = utf8_sequence((const unsigned char *)s.ptr + at, s.len - at);
		if (len == 0) return false;
		at += len;
	}
	return true;
}

char *str_dup(struct str s)
{
	char *to = malloc(s.len + 1);
	if (to == NULL) abort();
	if (s.len > 0) memcpy(to, s.ptr, s.len);
	to[s.len] = '\0';
	return to;
}
