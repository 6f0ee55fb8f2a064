/* SPDX-License-Identifier: Apache-2.0 */
#include "rest/body.h"

#include "base/buf.h"
#include "rest/problem.h"
#include "rest/rest.h"
#include "rest/target.h"

#define CSV_COLUMNS_MAX BODY_KEYS_MAX

struct csv {
	struct str text;
	size_t at;
	struct buf field; /* the last one read */
};

enum csv_end { CSV_FIELD, CSV_LINE, CSV_BAD };

/* Reads one field and what ends it. */
static enum csv_end read_field(struct csv *c)
{
	struct str t = c->text;
	buf_clear(&c->field);
	if (c->at < t.len && t.ptr[c->at] == '"') {
		for (c->at++; c->at < t.len; c->at++) {
			bool is_quote = t.ptr[c->at] == '"';
			bool is_doubled = is_quote && c->at + 1 < t.len && t.ptr[c->at + 1] == '"';
			if (is_quote && !is_doubled) break;
			if (is_doubled) c->at++;
			buf_putc(&c->field, t.ptr[c->at]);
		}
		if (c->at++ >= t.len) return CSV_BAD;
	} else {
		while (c->at < t.len && t.ptr[c->at] != ',' && t.ptr[c->at] != '\r' && t.ptr[c->at] != '\n')
			buf_putc(&c->field, t.ptr[c->at++]);
	}
	if (c->at >= t.len) return CSV_LINE;
	if (t.ptr[c->at] == ',') {
		c->at++;
		return CSV_FIELD;
	}
	size_t from = c->at;
	if (t.ptr[c->at] == '\r') c->at++;
	if (c->at < t.len && t.ptr[c->at] == '\n') c->at++;
	return c->at > from ? CSV_LINE : CSV_BAD;
}

static int read_header(struct arena *a, struct csv *c, struct str *names)
{
	for (int n = 0; n < CSV_COLUMNS_MAX;) {
		enum csv_end end = read_field(c);
		if (end == CSV_BAD) return -1;
		names[n] = arena_str(a, buf_view(&c->field));
		if (names[n++].ptr == NULL) return -1;
		if (end == CSV_LINE) return n;
	}
	return -1;
}

static bool write_row(struct csv *c, const struct str *names, int count, struct buf *json)
{
	for (int i = 0; i < count; i++) {
		enum csv_end end = read_field(c);
		if (end == CSV_BAD || (end == CSV_LINE) != (i == count - 1)) return false;
		buf_putc(json, i > 0 ? ',' : '{');
		problem_json_string(json, names[i]);
		buf_putc(json, ':');
		if (str_eq(buf_view(&c->field), STR("NULL")))
			buf_puts(json, "null");
		else
			problem_json_string(json, buf_view(&c->field));
	}
	buf_putc(json, '}');
	return true;
}

bool body_csv_to_json(struct arena *a, struct str csv, struct str *ret_json, const char **ret_message)
{
	struct csv c = {.text = csv};
	struct str *names = arena_array(a, CSV_COLUMNS_MAX, sizeof *names);
	BUF_CLEANUP struct buf json;
	buf_init(&json, REST_BODY_MAX_BYTES);
	buf_init(&c.field, csv.len + 1);
	int count = names != NULL && csv.len > 0 ? read_header(a, &c, names) : -1;
	bool ok = count > 0;
	buf_putc(&json, '[');
	for (bool is_first = true; ok && c.at < csv.len && buf_is_ok(&json); is_first = false) {
		if (!is_first) buf_putc(&json, ',');
		ok = write_row(&c, names, count, &json);
	}
	buf_putc(&json, ']');
	buf_done(&c.field);
	if (count <= 0)
		*ret_message = "not enough input";
	else if (!ok)
		*ret_message = "All lines must have same number of fields";
	struct str copy = ok && buf_is_ok(&json) ? arena_str(a, buf_view(&json)) : (struct str){0};
	if (ok && copy.ptr == NULL) *ret_message = "the table is too large";
	if (copy.ptr != NULL) *ret_json = copy;
	return copy.ptr != NULL;
}

bool body_form(struct arena *a, struct str form, struct body_pair **ret_pairs, int *ret_count)
{
	size_t room = 1;
	int n = 0;
	for (size_t i = 0; i < form.len; i++) room += form.ptr[i] == '&';
	struct body_pair *pairs = arena_array(a, room, sizeof *pairs);
	struct str part;
	if (pairs == NULL || room > BODY_KEYS_MAX) return false;
	while (str_next(&form, '&', &part)) {
		struct str name = part, value = {"", 0};
		if (part.len == 0) continue;
		(void)str_cut(part, '=', &name, &value);
		pairs[n] = (struct body_pair){target_decode(a, name, true), target_decode(a, value, true)};
		if (pairs[n].name.ptr == NULL || pairs[n].value.ptr == NULL) return false;
		n++;
	}
	*ret_pairs = pairs;
	*ret_count = n;
	return true;
}

bool body_pairs_to_json(struct arena *a, const struct body_pair *pairs, int count, struct str *ret_json)
{
	BUF_CLEANUP struct buf json;
	buf_init(&json, REST_BODY_MAX_BYTES);
	buf_putc(&json, '{');
	for (int i = 0; i < count; i++) {
		if (i > 0) buf_putc(&json, ',');
		problem_json_string(&json, pairs[i].name);
		buf_putc(&json, ':');
		problem_json_string(&json, pairs[i].value);
	}
	buf_putc(&json, '}');
	struct str copy = buf_is_ok(&json) ? arena_str(a, buf_view(&json)) : (struct str){0};
	if (copy.ptr != NULL) *ret_json = copy;
	return copy.ptr != NULL;
}
