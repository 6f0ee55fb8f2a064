/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/toml.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"

struct reader {
	struct str text;
	size_t at;
	int depth;
	struct err *err;
};

static bool read_value(struct reader *r, json_t **ret_value);

static bool fail(struct reader *r, const char *what)
{
	int line = 1;
	for (size_t i = 0; i < r->at && i < r->text.len; i++) line += r->text.ptr[i] == '\n';
	return err_set(r->err, ERR_INVALID, "line %d: %s", line, what);
}

static char peek(const struct reader *r)
{
	return r->at < r->text.len ? r->text.ptr[r->at] : '\0';
}

static bool looking_at(const struct reader *r, struct str token)
{
	return str_has_prefix(str_sub(r->text, r->at, r->text.len), token);
}

static bool take(struct reader *r, char c)
{
	if (r->at >= r->text.len || peek(r) != c) return false;
	r->at++;
	return true;
}

static void skip_blank(struct reader *r)
{
	while (peek(r) == ' ' || peek(r) == '\t') r->at++;
}

static void skip_comment(struct reader *r)
{
	skip_blank(r);
	if (peek(r) == '#')
		while (r->at < r->text.len && peek(r) != '\n') r->at++;
}

/* Blanks, comments and line ends, between the values of an array. */
static void skip_lines(struct reader *r)
{
	size_t before;
	do {
		before = r->at;
		skip_comment(r);
		while (peek(r) == '\r' || peek(r) == '\n') r->at++;
	} while (r->at != before);
}

static bool end_of_line(struct reader *r)
{
	skip_comment(r);
	(void)take(r, '\r');
	if (r->at >= r->text.len || take(r, '\n')) return true;
	return fail(r, "something stands behind the value");
}

static void put_utf8(struct buf *b, unsigned long c)
{
	if (c < 0x80) {
		buf_putc(b, (char)c);
		return;
	}
	if (c < 0x800) {
		buf_putc(b, (char)(0xC0 | (c >> 6)));
	} else if (c < 0x10000) {
		buf_putc(b, (char)(0xE0 | (c >> 12)));
		buf_putc(b, (char)(0x80 | ((c >> 6) & 0x3F)));
	} else {
		buf_putc(b, (char)(0xF0 | (c >> 18)));
		buf_putc(b, (char)(0x80 | ((c >> 12) & 0x3F)));
		buf_putc(b, (char)(0x80 | ((c >> 6) & 0x3F)));
	}
	buf_putc(b, (char)(0x80 | (c & 0x3F)));
}

static bool read_code_point(struct reader *r, size_t digits, struct buf *b)
{
	unsigned long c = 0;
	for (size_t i = 0; i < digits; i++) {
		const char *hex = "0123456789abcdef", *found = NULL;
		char d = peek(r);
		if (d != '\0') found = strchr(hex, d >= 'A' && d <= 'F' ? d - 'A' + 'a' : d);
		if (found == NULL) return fail(r, "an escape needs more hex digits");
		c = c * 16 + (unsigned long)(found - hex);
		r->at++;
	}
	if (c == 0 || c > 0x10FFFF || (c >= 0xD800 && c < 0xE000)) return fail(r, "no such character");
	put_utf8(b, c);
	return true;
}

static bool read_escape(struct reader *r, bool is_multi, struct buf *b)
{
	static const char from[] = "btnfr\"\\", to[] = "\b\t\n\f\r\"\\";
	char c = peek(r);
	const char *known = c != '\0' ? strchr(from, c) : NULL;
	r->at++;
	if (known != NULL) {
		buf_putc(b, to[known - from]);
		return true;
	}
	if (c == 'u') return read_code_point(r, 4, b);
	if (c == 'U') return read_code_point(r, 8, b);
	if (is_multi && (c == '\n' || c == ' ' || c == '\t' || c == '\r')) {
		while (peek(r) == ' ' || peek(r) == '\t' || peek(r) == '\n' || peek(r) == '\r') r->at++;
		return true;
	}
	return fail(r, "unknown escape in a text");
}

static bool read_string_into(struct reader *r, struct buf *b)
{
	char quote = peek(r);
	bool is_basic = quote == '"';
	struct str three = is_basic ? STR("\"\"\"") : STR("'''");
	bool is_multi = looking_at(r, three);
	r->at += is_multi ? 3 : 1;
	if (is_multi) (void)take(r, '\r'), (void)take(r, '\n');
	while (r->at < r->text.len) {
		char c = peek(r);
		if (is_multi ? looking_at(r, three) : c == quote) {
			r->at += is_multi ? 3 : 1;
			return true;
		}
		if (c == '\n' && !is_multi) break;
		if (c == '\0') return fail(r, "a NUL byte in a text");
		r->at++;
		if (c == '\\' && is_basic) {
			if (!read_escape(r, is_multi, b)) return false;
		} else {
			buf_putc(b, c);
		}
	}
	return fail(r, "a text is not closed");
}

static bool read_string(struct reader *r, json_t **ret_value)
{
	struct buf b BUF_CLEANUP;
	buf_init(&b, TOML_MAX_BYTES);
	if (!read_string_into(r, &b)) return false;
	json_t *value = json_stringn(buf_cstr(&b), b.len);
	if (value == NULL) return fail(r, "a text is not UTF-8");
	*ret_value = value;
	return true;
}

static bool is_bare(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
}

static bool read_key_part(struct reader *r, struct buf *b)
{
	skip_blank(r);
	if (peek(r) == '"' || peek(r) == '\'') {
		if (!read_string_into(r, b)) return false;
	} else {
		size_t from = r->at;
		while (is_bare(peek(r))) r->at++;
		if (r->at == from) return fail(r, "a name is missing");
		buf_append(b, r->text.ptr + from, r->at - from);
	}
	skip_blank(r);
	return str_is_utf8(buf_view(b)) || fail(r, "a name is not UTF-8");
}

/* The table that `key` of `table` holds, made if it is not there; of an array of tables the last. */
static json_t *child_table(json_t *table, const char *key)
{
	json_t *child = json_object_get(table, key);
	if (child == NULL) {
		child = json_object();
		if (json_object_set_new(table, key, child) != 0) return NULL;
	}
	if (json_is_array(child)) child = json_array_get(child, json_array_size(child) - 1);
	return json_is_object(child) ? child : NULL;
}

/* Reads "a.b.c": descends into a and b, leaves "c" in ret_last. */
static bool read_key(struct reader *r, json_t *table, json_t **ret_table, struct buf *ret_last)
{
	for (int depth = 0; depth < TOML_MAX_DEPTH; depth++) {
		buf_clear(ret_last);
		if (!read_key_part(r, ret_last)) return false;
		if (!take(r, '.')) {
			*ret_table = table;
			return true;
		}
		table = child_table(table, buf_cstr(ret_last));
		if (table == NULL) return fail(r, "a name is used for a value and for a table");
	}
	return fail(r, "a name has too many parts");
}

static bool read_pair(struct reader *r, json_t *table)
{
	struct buf key BUF_CLEANUP;
	buf_init(&key, 4096);
	if (!read_key(r, table, &table, &key)) return false;
	if (!take(r, '=')) return fail(r, "\"=\" is missing");
	skip_blank(r);
	if (json_object_get(table, buf_cstr(&key)) != NULL) return fail(r, "a name is set twice");
	json_t *value = NULL;
	if (!read_value(r, &value)) return false;
	return json_object_set_new(table, buf_cstr(&key), value) == 0 || fail(r, "not a name");
}

static bool read_array(struct reader *r, json_t *list)
{
	r->at++;
	for (skip_lines(r); !take(r, ']'); skip_lines(r)) {
		json_t *value = NULL;
		if (!read_value(r, &value)) return false;
		json_array_append_new(list, value);
		skip_lines(r);
		if (!take(r, ',') && peek(r) != ']') return fail(r, "an array is not closed");
	}
	return true;
}

static bool read_inline_table(struct reader *r, json_t *table)
{
	r->at++;
	skip_blank(r);
	if (take(r, '}')) return true;
	do {
		if (!read_pair(r, table)) return false;
		skip_blank(r);
	} while (take(r, ','));
	return take(r, '}') || fail(r, "an inline table is not closed");
}

static bool read_nested(struct reader *r, json_t **ret_value)
{
	bool is_array = peek(r) == '[';
	if (r->depth >= TOML_MAX_DEPTH) return fail(r, "nested too deeply");
	json_t *value = is_array ? json_array() : json_object();
	r->depth++;
	bool ok = is_array ? read_array(r, value) : read_inline_table(r, value);
	r->depth--;
	if (ok)
		*ret_value = value;
	else
		json_decref(value);
	return ok;
}

static json_t *number(const char *text)
{
	char digits[64];
	size_t len = 0;
	for (const char *c = text; *c != '\0' && len < sizeof digits - 1; c++)
		if (*c != '_') digits[len++] = *c;
	digits[len] = '\0';
	char *end = digits;
	errno = 0;
	long long i = strtoll(digits, &end, strncmp(digits, "0x", 2) == 0 ? 16 : 10);
	if (len > 0 && *end == '\0' && errno == 0) return json_integer(i);
	if (strspn(digits, "+-0123456789.eE") != len) return NULL;
	double d = strtod(digits, &end);
	return len > 0 && *end == '\0' ? json_real(d) : NULL;
}

static bool read_plain(struct reader *r, json_t **ret_value)
{
	size_t from = r->at;
	while (is_bare(peek(r)) || (peek(r) != '\0' && strchr("+.:", peek(r)) != NULL)) r->at++;
	char word[64];
	struct str s = str_sub(r->text, from, r->at);
	if (s.len == 0 || s.len >= sizeof word) return fail(r, "a value is missing");
	memcpy(word, s.ptr, s.len);
	word[s.len] = '\0';
	json_t *value = NULL;
	if (str_eq(s, STR("true")) || str_eq(s, STR("false")))
		value = json_boolean(word[0] == 't');
	else
		value = number(word);
	if (value == NULL && s.len >= 8 && strspn(word, "0123456789-:.TtZz+") == s.len) value = json_string(word);
	if (value == NULL) return fail(r, "not a value");
	*ret_value = value;
	return true;
}

static bool read_value(struct reader *r, json_t **ret_value)
{
	char c = peek(r);
	if (c == '"' || c == '\'') return read_string(r, ret_value);
	if (c == '[' || c == '{') return read_nested(r, ret_value);
	return read_plain(r, ret_value);
}

static bool read_header(struct reader *r, json_t *root, json_t **ret_table)
{
	r->at++;
	bool is_array = take(r, '[');
	struct buf key BUF_CLEANUP;
	buf_init(&key, 4096);
	json_t *table = NULL;
	if (!read_key(r, root, &table, &key)) return false;
	if (!take(r, ']') || (is_array && !take(r, ']'))) return fail(r, "a table's name is not closed");
	if (is_array) {
		json_t *list = json_object_get(table, buf_cstr(&key));
		if (list == NULL) json_object_set_new(table, buf_cstr(&key), list = json_array());
		if (!json_is_array(list) || json_array_append_new(list, json_object()) != 0)
			return fail(r, "a name is used for a value and for a table");
	}
	*ret_table = child_table(table, buf_cstr(&key));
	return *ret_table != NULL || fail(r, "a name is used for a value and for a table");
}

static bool read_document(struct reader *r, json_t *root)
{
	json_t *table = root;
	for (skip_lines(r); r->at < r->text.len; skip_lines(r)) {
		if (peek(r) == '[' ? !read_header(r, root, &table) : !read_pair(r, table)) return false;
		if (!end_of_line(r)) return false;
	}
	return true;
}

bool toml_parse(struct str text, json_t **ret_value, struct err *err)
{
	if (text.len > TOML_MAX_BYTES) return err_set(err, ERR_LIMIT, "larger than %u bytes", TOML_MAX_BYTES);
	struct reader r = {.text = text, .err = err};
	if (str_has_prefix(text, STR("\xEF\xBB\xBF"))) r.at = 3;
	json_t *root = json_object();
	if (!read_document(&r, root)) {
		json_decref(root);
		return false;
	}
	*ret_value = root;
	return true;
}
