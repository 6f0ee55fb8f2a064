/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/json.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

void json_cleanup(json_t **value)
{
	json_decref(*value);
}

static bool parsed(json_t *value, const json_error_t *problem, json_t **ret_value, struct err *err)
{
	if (value == NULL)
		return err_set(err, ERR_INVALID, "not valid JSON at line %d, column %d: %s", problem->line,
			       problem->column, problem->text);
	*ret_value = value;
	return true;
}

bool json_parse(struct str text, json_t **ret_value, struct err *err)
{
	json_error_t problem;
	json_t *value =
	    json_loadb(text.ptr, text.len, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &problem);
	return parsed(value, &problem, ret_value, err);
}

bool json_parse_file(const char *path, size_t max_bytes, json_t **ret_value, struct err *err)
{
	FILE *f = fopen(path, "re");
	if (f == NULL) return err_set_errno(err, "%s", path);
	struct stat st;
	bool ok = fstat(fileno(f), &st) == 0 && (size_t)st.st_size <= max_bytes;
	if (!ok) {
		(void)fclose(f);
		return err_set(err, ERR_LIMIT, "%s is larger than %zu bytes", path, max_bytes);
	}
	json_error_t problem;
	json_t *value = json_loadf(f, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, &problem);
	(void)fclose(f);
	return parsed(value, &problem, ret_value, err) || err_wrap(err, "%s", path);
}

char *json_text(const json_t *value)
{
	char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
	if (text == NULL) abort();
	return text;
}

const char *json_str(const json_t *object, const char *key, const char *otherwise)
{
	const char *text = json_string_value(json_object_get(object, key));
	return text != NULL ? text : otherwise;
}

int64_t json_int(const json_t *object, const char *key, int64_t otherwise)
{
	const json_t *value = json_object_get(object, key);
	return json_is_integer(value) ? json_integer_value(value) : otherwise;
}

bool json_bool(const json_t *object, const char *key, bool otherwise)
{
	const json_t *value = json_object_get(object, key);
	return json_is_boolean(value) ? json_boolean_value(value) : otherwise;
}

bool json_need_str(const json_t *object, const char *key, const char **ret_text, struct err *err)
{
	const char *text = json_string_value(json_object_get(object, key));
	if (text == NULL) return err_set(err, ERR_INVALID, "\"%s\" is missing or is not a text", key);
	*ret_text = text;
	return true;
}

static size_t utf8_length(struct str s, size_t at)
{
	for (size_t n = 1; n <= 4 && at + n <= s.len; n++)
		if (str_is_utf8(str_sub(s, at, at + n))) return n;
	return 0;
}

static size_t plain_length(struct str s, size_t at)
{
	size_t end = at;
	while (end < s.len && s.ptr[end] >= ' ' && s.ptr[end] <= '~' && s.ptr[end] != '"' && s.ptr[end] != '\\') end++;
	return end - at;
}

void json_put_string(struct buf *b, struct str text)
{
	buf_putc(b, '"');
	for (size_t i = 0; i < text.len;) {
		size_t plain = plain_length(text, i);
		buf_append(b, text.ptr + i, plain);
		i += plain;
		if (i == text.len) break;
		unsigned char c = (unsigned char)text.ptr[i];
		size_t n = utf8_length(text, i);
		if (n == 0)
			buf_puts(b, "\xEF\xBF\xBD");
		else if (c == '"' || c == '\\')
			buf_printf(b, "\\%c", c);
		else if (c == '\n')
			buf_puts(b, "\\n");
		else if (c == '\r')
			buf_puts(b, "\\r");
		else if (c == '\t')
			buf_puts(b, "\\t");
		else if (c < 0x20)
			buf_printf(b, "\\u%04x", c);
		else
			buf_append(b, text.ptr + i, n);
		i += n > 0 ? n : 1;
	}
	buf_putc(b, '"');
}
