/* SPDX-License-Identifier: Apache-2.0 */
#include "realtime/value.h"

#include "codec/json.h"
#include "realtime/message.h"

#define ARRAY_DEPTH_MAX 6 /* PostgreSQL's MAXDIM */

/* "NaN" and "Infinity" are numbers to PostgreSQL and texts to JSON. */
static bool is_json_number(struct str text)
{
	size_t i = text.len > 0 && text.ptr[0] == '-' ? 1 : 0;
	return i < text.len && text.ptr[i] >= '0' && text.ptr[i] <= '9';
}

static void put_number(struct str text, struct buf *b)
{
	if (is_json_number(text))
		buf_str(b, text);
	else
		message_put_string(text, b);
}

static bool is_time(struct str text)
{
	for (size_t i = 0; i < text.len; i++)
		if (strchr("0123456789-:+. BC", text.ptr[i]) == NULL || text.ptr[i] == '\0') return false;
	return true;
}

/* "2026-01-02 03:04:05.6+00" -> "2026-01-02T03:04:05.6+00:00"; infinity stays. */
static void put_time(struct str text, bool has_zone, struct buf *b)
{
	struct str date, clock, tail = STR("");
	if (!is_time(text) || !str_cut(text, ' ', &date, &clock)) {
		message_put_string(text, b);
		return;
	}
	(void)str_cut(clock, ' ', &clock, &tail); /* " BC" */
	buf_putc(b, '"');
	buf_str(b, date);
	buf_putc(b, 'T');
	buf_str(b, clock);
	if (has_zone && clock.len > 3 && (clock.ptr[clock.len - 3] == '+' || clock.ptr[clock.len - 3] == '-'))
		buf_puts(b, ":00");
	if (tail.len > 0) buf_putc(b, ' ');
	buf_str(b, tail);
	buf_putc(b, '"');
}

static void put_json(struct str text, struct buf *b)
{
	json_t *value = NULL;
	struct err ignored;
	/* json (not jsonb) keeps what was written, duplicate keys among it. */
	bool is_sound = json_parse(text, &value, &ignored);
	json_decref(value);
	if (is_sound) {
		buf_str(b, text);
		return;
	}
	value = json_loadb(text.ptr, text.len, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
	char *again = value != NULL ? json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;
	if (again != NULL)
		buf_puts(b, again);
	else
		message_put_string(text, b);
	free(again);
	json_decref(value);
}

static void put_scalar(uint32_t oid, struct str text, struct buf *b)
{
	switch (oid) {
	case VALUE_BOOL: buf_puts(b, str_eq(text, STR("t")) || str_eq(text, STR("true")) ? "true" : "false"); break;
	case VALUE_INT2:
	case VALUE_INT4:
	case VALUE_INT8:
	case VALUE_FLOAT4:
	case VALUE_FLOAT8:
	case VALUE_NUMERIC: put_number(text, b); break;
	case VALUE_JSON:
	case VALUE_JSONB: put_json(text, b); break;
	case VALUE_TIMESTAMP: put_time(text, false, b); break;
	case VALUE_TIMESTAMPTZ: put_time(text, true, b); break;
	default: message_put_string(text, b);
	}
}

/* One element: quoted with backslashes, or plain up to a delimiter or brace. */
static bool take_element(struct str *rest, char delimiter, struct buf *ret_text, bool *ret_is_null)
{
	size_t i = 0;
	bool is_quoted = rest->len > 0 && rest->ptr[0] == '"';
	buf_clear(ret_text);
	for (i = is_quoted ? 1 : 0; i < rest->len; i++) {
		char c = rest->ptr[i];
		if (c == '\\' && i + 1 < rest->len)
			c = rest->ptr[++i];
		else if (is_quoted ? c == '"' : c == delimiter || c == '}')
			break;
		buf_putc(ret_text, c);
	}
	if (i >= rest->len) return false;
	*rest = str_sub(*rest, is_quoted ? i + 1 : i, rest->len);
	*ret_is_null = !is_quoted && str_eq_nocase(buf_view(ret_text), STR("NULL"));
	return true;
}

static bool put_array(const struct value_type *type, struct str *rest, int depth, struct buf *element, struct buf *b)
{
	if (depth > ARRAY_DEPTH_MAX || rest->len == 0 || rest->ptr[0] != '{') return false;
	*rest = str_sub(*rest, 1, rest->len);
	buf_putc(b, '[');
	for (bool is_first = true;; is_first = false) {
		if (rest->len == 0) return false;
		if (is_first && rest->ptr[0] == '}') break;
		bool is_null = false;
		if (rest->ptr[0] == '{') {
			if (!put_array(type, rest, depth + 1, element, b)) return false;
		} else {
			if (!take_element(rest, type->delimiter, element, &is_null)) return false;
			if (is_null)
				buf_puts(b, "null");
			else
				put_scalar(type->element, buf_view(element), b);
		}
		if (rest->len == 0) return false;
		if (rest->ptr[0] == '}') break;
		if (rest->ptr[0] != type->delimiter) return false;
		buf_putc(b, ',');
		*rest = str_sub(*rest, 1, rest->len);
	}
	*rest = str_sub(*rest, 1, rest->len);
	buf_putc(b, ']');
	return true;
}

void value_put(const struct value_type *type, struct str text, struct buf *b)
{
	if (type->oid == VALUE_BYTEA) {
		message_put_string(str_has_prefix(text, STR("\\x")) ? str_sub(text, 2, text.len) : text, b);
		return;
	}
	if (type->element == 0) {
		put_scalar(type->oid, text, b);
		return;
	}
	struct str rest = text, before;
	struct buf array BUF_CLEANUP, element BUF_CLEANUP;
	buf_init(&array, b->max);
	buf_init(&element, text.len + 1);
	/* "[0:1]={…}" where the first index is not 1. */
	if (rest.len > 0 && rest.ptr[0] == '[') (void)str_cut(rest, '=', &before, &rest);
	if (put_array(type, &rest, 1, &element, &array) && rest.len == 0)
		buf_str(b, buf_view(&array));
	else
		message_put_string(text, b);
}

bool value_is_whole(const struct value_type *type)
{
	return type->oid == VALUE_INT2 || type->oid == VALUE_INT4 || type->oid == VALUE_INT8;
}

bool value_is_canonical(const struct value_type *type)
{
	switch (type->oid) {
	case VALUE_BOOL:
	case VALUE_BYTEA:
	case VALUE_OID:
	case VALUE_TEXT:
	case VALUE_VARCHAR:
	case VALUE_DATE:
	case VALUE_TIMESTAMP:
	case VALUE_TIMESTAMPTZ:
	case VALUE_UUID: return true;
	default: return value_is_whole(type) || type->is_enum;
	}
}
