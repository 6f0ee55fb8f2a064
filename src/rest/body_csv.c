/* SPDX-License-Identifier: Apache-2.0
 *
 * A table with a header line as JSON. What is read and refused, and in which words, is as the library of PostgREST
 * (cassava) has it: empty lines count for nothing, a line may be shorter than the header where all are. */
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "codec/json.h"
#include "rest/body.h"
#include "rest/problem.h"
#include "rest/rest.h"

#define COLUMNS_MAX BODY_KEYS_MAX
#define SHOWN_MAX_BYTES 100

struct csv {
	struct str text;
	size_t at;
	struct str *names;
	int *next; /* of each name, where it comes again, or COLUMNS_MAX */
	int *distinct; /* of the first i names, how many differ */
	int count;
	struct buf fields; /* of one line, one behind the other */
	size_t ends[COLUMNS_MAX]; /* of each field in there */
	int field_count; /* of the line, those behind the last name not kept */
	bool is_blank, is_ended; /* the line: one empty field; by a line's end rather than by the text's */
	bool is_uneven;
	const char *fault;
};

static bool fail(struct csv *c, const char *why)
{
	c->fault = why;
	return false;
}

/* Between the quotes; two of them stand for one. Without the closing quote the last character is lost. */
static bool read_quoted(struct csv *c)
{
	size_t from = ++c->at;
	bool is_quote = false; /* an odd number so far: the last may be the closing one */
	while (c->at < c->text.len && !(is_quote && c->text.ptr[c->at] != '"')) {
		is_quote = is_quote != (c->text.ptr[c->at] == '"');
		c->at++;
	}
	if (c->at == from) return fail(c, "not enough input");
	for (size_t i = from; i + 1 < c->at; i++) {
		if (c->text.ptr[i] == '"' && ++i + 1 >= c->at) return fail(c, "Failed reading: insufficient input");
		buf_putc(&c->fields, c->text.ptr[i]);
	}
	return true;
}

static bool read_field(struct csv *c)
{
	if (c->at < c->text.len && c->text.ptr[c->at] == '"') return read_quoted(c);
	size_t from = c->at;
	while (c->at < c->text.len && strchr("\",\r\n", c->text.ptr[c->at] != '\0' ? c->text.ptr[c->at] : 'x') == NULL)
		c->at++;
	buf_append(&c->fields, c->text.ptr + from, c->at - from);
	return true;
}

static bool read_line_end(struct csv *c)
{
	if (c->at < c->text.len && c->text.ptr[c->at] == '\n') return c->at++, true;
	if (c->at >= c->text.len || c->text.ptr[c->at] != '\r') return false;
	c->at++;
	if (c->at < c->text.len && c->text.ptr[c->at] == '\n') c->at++;
	return true;
}

/* max: further fields are read past. */
static bool read_line(struct csv *c, int max)
{
	int total = 0;
	buf_clear(&c->fields);
	c->field_count = 0;
	for (;;) {
		size_t kept = c->fields.len;
		if (!read_field(c)) return false;
		total++;
		if (c->field_count < max)
			c->ends[c->field_count++] = c->fields.len;
		else
			c->fields.len = kept;
		if (c->at >= c->text.len || c->text.ptr[c->at] != ',') break;
		c->at++;
	}
	c->is_blank = total == 1 && c->fields.len == 0;
	c->is_ended = read_line_end(c);
	if (c->is_ended || c->at >= c->text.len) return true;
	return fail(c, "Failed reading: satisfy");
}

static struct str field_at(const struct csv *c, int i)
{
	size_t from = i > 0 ? c->ends[i - 1] : 0;
	return (struct str){c->fields.ptr != NULL ? c->fields.ptr + from : "", c->ends[i] - from};
}

static bool read_header(struct arena *a, struct csv *c)
{
	if (!read_line(c, COLUMNS_MAX)) return false;
	if (!c->is_ended) return fail(c, "not enough input");
	c->count = c->field_count;
	for (int i = 0; i < c->count; i++) {
		c->names[i] = arena_str(a, field_at(c, i));
		if (c->names[i].ptr == NULL) return fail(c, "not enough memory");
	}
	for (int i = 0; i < c->count; i++) {
		int before = i - 1;
		while (before >= 0 && !str_eq(c->names[i], c->names[before])) before--;
		if (before >= 0) c->next[before] = i;
		c->next[i] = COLUMNS_MAX;
		c->distinct[i] = (i > 0 ? c->distinct[i - 1] : 0) + (before < 0);
	}
	return true;
}

static void write_row(const struct csv *c, struct buf *json)
{
	bool is_first = true;
	buf_putc(json, '{');
	for (int i = 0; i < c->field_count; i++) {
		struct str value = field_at(c, i);
		if (c->next[i] < c->field_count) continue; /* the last counts */
		if (!is_first) buf_putc(json, ',');
		is_first = false;
		json_put_string(json, c->names[i]);
		buf_putc(json, ':');
		if (str_eq(value, STR("NULL")))
			buf_puts(json, "null");
		else
			json_put_string(json, value);
	}
	buf_putc(json, '}');
}

static bool write_rows(struct csv *c, struct buf *json)
{
	int keys = 0; /* of the first row */
	while (c->at < c->text.len && buf_is_ok(json)) {
		if (!read_line(c, c->count)) return false;
		if (c->is_blank) continue;
		int own = c->distinct[c->field_count - 1];
		if (keys > 0 && own != keys) c->is_uneven = true;
		if (keys > 0) buf_putc(json, ',');
		keys = own;
		write_row(c, json);
	}
	return !c->is_uneven;
}

/* What was not read, as Haskell shows a text. */
static void show_rest(struct buf *b, struct str rest)
{
	static const char *const names[] = {"NUL", "SOH", "STX", "ETX", "EOT", "ENQ", "ACK", "a",   "b",   "t",   "n",
					    "v",   "f",   "r",   "SO",  "SI",  "DLE", "DC1", "DC2", "DC3", "DC4", "NAK",
					    "SYN", "ETB", "CAN", "EM",  "SUB", "ESC", "FS",  "GS",  "RS",  "US"};
	if (rest.len > SHOWN_MAX_BYTES) {
		buf_append(b, rest.ptr, SHOWN_MAX_BYTES);
		buf_puts(b, " (truncated)");
		return;
	}
	buf_putc(b, '"');
	for (size_t i = 0; i < rest.len; i++) {
		unsigned char c = (unsigned char)rest.ptr[i];
		bool digit_follows = i + 1 < rest.len && rest.ptr[i + 1] >= '0' && rest.ptr[i + 1] <= '9';
		if (c == '"' || c == '\\')
			buf_printf(b, "\\%c", c);
		else if (c < 0x20)
			buf_printf(b, "\\%s", names[c]);
		else if (c >= 0x7F && c != 0x7F)
			buf_printf(b, "\\%u%s", c, digit_follows ? "\\&" : "");
		else if (c == 0x7F)
			buf_puts(b, "\\DEL");
		else
			buf_putc(b, (char)c);
	}
	buf_putc(b, '"');
}

static const char *explain(struct arena *a, const struct csv *c)
{
	BUF_CLEANUP struct buf b;
	buf_init(&b, 4096);
	if (c->fault == NULL) return "All lines must have same number of fields";
	buf_printf(&b, "parse error (%s) at ", c->fault);
	show_rest(&b, str_sub(c->text, c->at, c->text.len));
	const char *text = arena_strdup(a, buf_cstr(&b));
	return text != NULL ? text : "parse error";
}

bool body_csv_to_json(struct arena *a, struct str csv, struct str *ret_json, const char **ret_message)
{
	struct csv *c = arena_alloc(a, sizeof *c);
	BUF_CLEANUP struct buf json;
	buf_init(&json, REST_BODY_MAX_BYTES);
	*ret_message = "the table is too large";
	if (c == NULL) return false;
	*c = (struct csv){.text = csv,
			  .names = arena_array(a, COLUMNS_MAX, sizeof *c->names),
			  .next = arena_array(a, COLUMNS_MAX, sizeof *c->next),
			  .distinct = arena_array(a, COLUMNS_MAX, sizeof *c->distinct)};
	if (c->names == NULL || c->next == NULL || c->distinct == NULL) return false;
	buf_init(&c->fields, csv.len + 1);
	buf_putc(&json, '[');
	bool ok = read_header(a, c) && write_rows(c, &json);
	buf_putc(&json, ']');
	buf_done(&c->fields);
	if (!ok) *ret_message = explain(a, c);
	struct str copy = ok && buf_is_ok(&json) ? arena_str(a, buf_view(&json)) : (struct str){0};
	if (copy.ptr != NULL) *ret_json = copy;
	return copy.ptr != NULL;
}
