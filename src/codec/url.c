/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/url.h"

static int hex_of(char c)
{
	if (c >= '0' && c <= '9') return c - '0';
	if (c >= 'a' && c <= 'f') return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* The byte of the sequence at the start of text, or -1. */
static int sequence_of(struct str text)
{
	if (text.len < 3) return -1;
	int high = hex_of(text.ptr[1]), low = hex_of(text.ptr[2]);
	return high < 0 || low < 0 ? -1 : high * 16 + low;
}

static bool decode(struct arena *a, struct str text, bool is_plus_space, struct str *ret_text, struct err *err)
{
	if (str_find_char(text, '%') < 0 && !(is_plus_space && str_find_char(text, '+') >= 0)) {
		*ret_text = text;
		return true;
	}
	char *to = arena_alloc(a, text.len + 1);
	if (to == NULL) return err_set(err, ERR_LIMIT, "the request needs more memory than is set aside for it");
	size_t len = 0;
	for (size_t at = 0; at < text.len; at++) {
		char c = text.ptr[at];
		if (c == '%') {
			int byte = sequence_of(str_sub(text, at, text.len));
			if (byte <= 0)
				return err_set(err, ERR_INVALID, "broken percent-encoding in \"%.*s\"",
					       STR_FMT(str_sub(text, 0, 100)));
			c = (char)byte;
			at += 2;
		} else if (c == '+' && is_plus_space) {
			c = ' ';
		}
		to[len++] = c;
	}
	*ret_text = (struct str){to, len};
	return true;
}

bool url_decode(struct arena *a, struct str text, struct str *ret_text, struct err *err)
{
	return decode(a, text, false, ret_text, err);
}

bool url_decode_plus(struct arena *a, struct str text, struct str *ret_text, struct err *err)
{
	return decode(a, text, true, ret_text, err);
}

static bool is_unreserved(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
	       c == '_' || c == '~';
}

void url_encode(struct str text, struct buf *ret_text)
{
	for (size_t i = 0; i < text.len; i++) {
		if (is_unreserved(text.ptr[i]))
			buf_putc(ret_text, text.ptr[i]);
		else
			buf_printf(ret_text, "%%%02X", (unsigned char)text.ptr[i]);
	}
}

bool query_next(struct str *rest, struct str *ret_name, struct str *ret_value)
{
	struct str part;
	do {
		if (!str_next(rest, '&', &part)) return false;
	} while (part.len == 0);
	if (!str_cut(part, '=', ret_name, ret_value)) *ret_name = part, *ret_value = STR("");
	return true;
}

bool query_get(struct arena *a, struct str query, struct str name, struct str *ret_value)
{
	struct str key, value;
	struct err ignored;
	while (query_next(&query, &key, &value)) {
		struct str decoded;
		if (!url_decode_plus(a, key, &decoded, &ignored) || !str_eq(decoded, name)) continue;
		return url_decode_plus(a, value, ret_value, &ignored);
	}
	return false;
}
