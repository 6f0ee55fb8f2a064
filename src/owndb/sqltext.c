/* SPDX-License-Identifier: Apache-2.0 */
#include "owndb/sqltext.h"

#include <stdio.h>
#include <string.h>

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v';
}

static bool is_word(char c)
{
	unsigned char u = (unsigned char)c;
	return (u >= 'a' && u <= 'z') || (u >= 'A' && u <= 'Z') || (u >= '0' && u <= '9') || u == '_' || u >= 0x80;
}

static char at(struct str s, size_t i)
{
	return i < s.len ? s.ptr[i] : '\0';
}

static size_t line_comment(struct str s)
{
	const char *end = memchr(s.ptr, '\n', s.len);
	return end != NULL ? (size_t)(end - s.ptr) : s.len;
}

/* They nest. */
static size_t block_comment(struct str s)
{
	size_t depth = 0, i = 0;
	while (i < s.len) {
		if (at(s, i) == '/' && at(s, i + 1) == '*')
			depth++, i += 2;
		else if (at(s, i) == '*' && at(s, i + 1) == '/')
			depth--, i += 2;
		else
			i++;
		if (depth == 0) break;
	}
	return i < s.len ? i : s.len;
}

static size_t blank(struct str s)
{
	if (is_space(at(s, 0))) return 1;
	if (at(s, 0) == '-' && at(s, 1) == '-') return line_comment(s);
	if (at(s, 0) == '/' && at(s, 1) == '*') return block_comment(s);
	return 0;
}

/* From the opening quote at `from` to behind the closing one; a doubled quote goes on. */
static size_t quoted(struct str s, size_t from, bool has_backslash)
{
	char quote = s.ptr[from];
	size_t i = from + 1;
	while (i < s.len) {
		if (has_backslash && s.ptr[i] == '\\')
			i += 2;
		else if (s.ptr[i] != quote)
			i++;
		else if (at(s, i + 1) == quote)
			i += 2;
		else
			return i + 1;
	}
	return s.len;
}

/* $tag$ … $tag$, or 0 when it is no such thing. */
static size_t dollar_quoted(struct str s)
{
	size_t tag = 1;
	if (at(s, 1) >= '0' && at(s, 1) <= '9') return 0;
	while (tag < s.len && is_word(s.ptr[tag])) tag++;
	if (at(s, tag) != '$') return 0;
	struct str opening = str_sub(s, 0, tag + 1);
	ptrdiff_t end = str_find(str_sub(s, opening.len, s.len), opening);
	return end < 0 ? s.len : opening.len + (size_t)end + opening.len;
}

static size_t token(struct str s)
{
	char c = s.ptr[0];
	if (c == '\'' || c == '"') return quoted(s, 0, false);
	if ((c == 'e' || c == 'E') && at(s, 1) == '\'') return quoted(s, 1, true);
	size_t len = c == '$' ? dollar_quoted(s) : 0;
	if (len > 0) return len;
	while (is_word(at(s, len)) || (len > 0 && at(s, len) == '$')) len++;
	return len > 0 ? len : 1;
}

bool sqltext_next(struct str *rest, struct str *ret_token)
{
	size_t skip;
	while (rest->len > 0 && (skip = blank(*rest)) > 0) *rest = str_sub(*rest, skip, rest->len);
	if (rest->len == 0) return false;
	size_t len = token(*rest);
	*ret_token = str_sub(*rest, 0, len);
	*rest = str_sub(*rest, len, rest->len);
	return true;
}

static bool next_but_semicolon(struct str *rest, struct str *ret_token)
{
	while (sqltext_next(rest, ret_token))
		if (!str_eq(*ret_token, STR(";"))) return true;
	return false;
}

bool sqltext_is_same(struct str a, struct str b)
{
	struct str x, y;
	for (;;) {
		bool has_x = next_but_semicolon(&a, &x), has_y = next_but_semicolon(&b, &y);
		if (!has_x || !has_y) return has_x == has_y;
		if (!str_eq(x, y)) return false;
	}
}

static bool take(struct str *rest, const char *word)
{
	struct str after = *rest, t;
	if (!sqltext_next(&after, &t) || !str_eq_nocase(t, str_from(word))) return false;
	*rest = after;
	return true;
}

bool sqltext_extension(struct str statement, struct str *ret_name)
{
	struct str rest = statement, name;
	bool is_comment = take(&rest, "comment");
	if (is_comment ? !take(&rest, "on") : !take(&rest, "create") && !take(&rest, "alter") && !take(&rest, "drop"))
		return false;
	if (!take(&rest, "extension")) return false;
	if (take(&rest, "if")) {
		(void)take(&rest, "not");
		(void)take(&rest, "exists");
	}
	if (!sqltext_next(&rest, &name)) return false;
	if (name.len >= 2 && name.ptr[0] == '"') name = str_sub(name, 1, name.len - 1);
	*ret_name = name;
	return true;
}

/* Bytes that do not cut a character in two. */
static size_t whole_characters(struct str s, size_t max)
{
	size_t len = s.len < max ? s.len : max;
	while (len > 0 && len < s.len && ((unsigned char)s.ptr[len] & 0xc0) == 0x80) len--;
	return len;
}

void sqltext_shorten(struct str statement, char *ret_text, size_t size)
{
	static const char more[] = "\u2026";
	size_t used = 0, room = size - sizeof more;
	bool is_gap = false;
	while (statement.len > 0) {
		size_t skip = blank(statement);
		if (skip > 0) {
			is_gap = used > 0;
			statement = str_sub(statement, skip, statement.len);
			continue;
		}
		size_t len = token(statement), gap = is_gap ? 1 : 0;
		size_t put = used + gap < room ? whole_characters(str_sub(statement, 0, len), room - used - gap) : 0;
		if (is_gap && put > 0) ret_text[used++] = ' ';
		for (size_t i = 0; i < put; i++, used++)
			ret_text[used] = is_space(statement.ptr[i]) ? ' ' : statement.ptr[i];
		if (put < len) {
			memcpy(ret_text + used, more, sizeof more);
			return;
		}
		is_gap = false;
		statement = str_sub(statement, len, statement.len);
	}
	ret_text[used] = '\0';
}
