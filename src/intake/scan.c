/* SPDX-License-Identifier: Apache-2.0 */
#include "intake/scan.h"

#include <stdlib.h>

#define JSON_MAX_BYTES 300

static size_t text_end(const char *text, size_t len, size_t at)
{
	char quote = text[at++];
	while (at < len && text[at] != quote) {
		if (text[at] == '\n' && quote != '`') return at;
		at += text[at] == '\\' ? 2 : 1;
	}
	return at < len ? at + 1 : len;
}

static size_t blank_to(char *text, size_t from, size_t to)
{
	for (size_t i = from; i < to; i++)
		if (text[i] != '\n') text[i] = ' ';
	return to;
}

void scan_blank_comments(char *text, size_t len)
{
	for (size_t at = 0; at < len;) {
		char c = text[at], next = at + 1 < len ? text[at + 1] : '\0';
		if (c == '"' || c == '\'' || c == '`') {
			at = text_end(text, len, at);
		} else if (c == '/' && next == '/' && (at == 0 || text[at - 1] != ':')) {
			size_t end = at;
			while (end < len && text[end] != '\n') end++;
			at = blank_to(text, at, end);
		} else if (c == '/' && next == '*') {
			size_t end = at + 2;
			while (end + 1 < len && !(text[end] == '*' && text[end + 1] == '/')) end++;
			at = blank_to(text, at, end + 2 < len ? end + 2 : len);
		} else {
			at++;
		}
	}
}

void scan_blank_trailing_commas(char *text, size_t len)
{
	for (size_t at = 0; at < len;) {
		if (text[at] == '"') {
			at = text_end(text, len, at);
			continue;
		}
		if (text[at] == ',') {
			size_t next = scan_skip_space((struct str){text, len}, at + 1);
			if (next < len && (text[next] == '}' || text[next] == ']')) text[at] = ' ';
		}
		at++;
	}
}

uint32_t scan_line(struct str text, size_t offset)
{
	uint32_t line = 1;
	for (size_t i = 0; i < offset && i < text.len; i++) line += text.ptr[i] == '\n';
	return line;
}

bool scan_is_name_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '$';
}

ptrdiff_t scan_word(struct str text, size_t from, struct str needle)
{
	while (from < text.len) {
		ptrdiff_t found = str_find(str_sub(text, from, text.len), needle);
		if (found < 0) return -1;
		size_t at = from + (size_t)found, end = at + needle.len;
		bool is_inside = (at > 0 && scan_is_name_char(text.ptr[at - 1])) ||
				 (end < text.len && scan_is_name_char(text.ptr[end]));
		if (!is_inside) return (ptrdiff_t)at;
		from = at + 1;
	}
	return -1;
}

size_t scan_skip_space(struct str text, size_t at)
{
	while (at < text.len &&
	       (text.ptr[at] == ' ' || text.ptr[at] == '\t' || text.ptr[at] == '\n' || text.ptr[at] == '\r'))
		at++;
	return at;
}

bool scan_take(struct str text, size_t *at, struct str token)
{
	size_t from = scan_skip_space(text, *at);
	if (!str_has_prefix(str_sub(text, from, text.len), token)) return false;
	*at = from + token.len;
	return true;
}

bool scan_take_name(struct str text, size_t *at, struct str *ret_name)
{
	size_t from = scan_skip_space(text, *at), to = from;
	while (to < text.len && scan_is_name_char(text.ptr[to])) to++;
	if (to == from) return false;
	*ret_name = str_sub(text, from, to);
	*at = to;
	return true;
}

bool scan_take_quoted(struct str text, size_t *at, struct str *ret_text)
{
	size_t from = scan_skip_space(text, *at);
	if (from >= text.len) return false;
	char quote = text.ptr[from];
	if (quote != '"' && quote != '\'' && quote != '`') return false;
	for (size_t i = from + 1; i < text.len; i++) {
		char c = text.ptr[i];
		if (c == quote) {
			*ret_text = str_sub(text, from + 1, i);
			*at = i + 1;
			return true;
		}
		if (c == '\n' || c == '\\' || (c == '$' && quote == '`')) return false;
	}
	return false;
}

json_t *scan_json(struct str s)
{
	char clean[JSON_MAX_BYTES + 1];
	size_t len = 0;
	s = str_sub(s, 0, JSON_MAX_BYTES);
	while (s.len > 0 && s.len + 4 > JSON_MAX_BYTES && !str_is_utf8(s)) s.len--;
	bool is_utf8 = str_is_utf8(s);
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.ptr[i];
		clean[len++] = c < 0x20 || c == 0x7F || (c >= 0x80 && !is_utf8) ? '?' : s.ptr[i];
	}
	json_t *value = json_stringn(clean, len);
	if (value == NULL) abort();
	return value;
}
