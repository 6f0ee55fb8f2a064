/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/csv_head.h"

#include <stdlib.h>

#include "base/buf.h"

#define NAME_MAX_BYTES 4096

/* Where the record ends (at its line break, or at the end of the text); counts marks outside quotes. */
static size_t find_end(struct str text, size_t counts[3], bool *ret_is_whole)
{
	static const char marks[] = ",;\t";
	bool is_quoted = false;
	for (size_t i = 0; i < text.len; i++) {
		char c = text.ptr[i];
		if (c == '"') is_quoted = !is_quoted;
		if (is_quoted) continue;
		if (c == '\n' || c == '\r') {
			*ret_is_whole = true;
			return i;
		}
		for (size_t m = 0; m < 3; m++) counts[m] += c == marks[m];
	}
	*ret_is_whole = !is_quoted && text.len < CSV_HEAD_MAX_BYTES;
	return text.len;
}

static char choose(const size_t counts[3])
{
	if (counts[1] > counts[0] && counts[1] >= counts[2]) return ';';
	return counts[2] > counts[0] ? '\t' : ',';
}

static bool add(struct csv_head *h, const struct buf *name, struct err *err)
{
	struct str text = str_trim(buf_view(name));
	if (!buf_is_ok(name) || h->count >= CSV_COLUMNS_MAX)
		return err_set(err, ERR_LIMIT, "the first line has more or longer names than a table can have");
	if (text.len == 0)
		return err_set(err, ERR_INVALID,
			       "column %zu has no name in the first line; that line must name the table's columns",
			       h->count + 1);
	h->names[h->count++] = str_dup(text);
	return true;
}

static bool parse(struct str record, struct csv_head *h, struct err *err)
{
	struct buf name BUF_CLEANUP;
	bool is_quoted = false;
	buf_init(&name, NAME_MAX_BYTES);
	for (size_t i = 0; i < record.len; i++) {
		char c = record.ptr[i];
		if (c == '"' && is_quoted && i + 1 < record.len && record.ptr[i + 1] == '"') {
			buf_putc(&name, '"');
			i++;
		} else if (c == '"') {
			is_quoted = !is_quoted;
		} else if (c == h->delimiter && !is_quoted) {
			if (!add(h, &name, err)) return false;
			buf_clear(&name);
		} else {
			buf_putc(&name, c);
		}
	}
	return add(h, &name, err);
}

bool csv_head_read(struct str text, struct csv_head *ret_head, struct err *err)
{
	size_t counts[3] = {0};
	bool is_whole = false;
	*ret_head = (struct csv_head){0};
	if (str_has_prefix(text, STR("\xEF\xBB\xBF"))) ret_head->mark_bytes = 3;
	struct str rest = str_sub(text, ret_head->mark_bytes, text.len);
	size_t end = find_end(rest, counts, &is_whole);
	if (end == 0) return err_set(err, ERR_INVALID, "the first line is empty; it must name the table's columns");
	if (!is_whole) return err_set(err, ERR_INVALID, "the first line does not end: a quote in it is not closed");
	ret_head->delimiter = choose(counts);
	if (parse(str_sub(rest, 0, end), ret_head, err)) return true;
	csv_head_done(ret_head);
	return false;
}

void csv_head_done(struct csv_head *head)
{
	for (size_t i = 0; i < head->count; i++) free(head->names[i]);
	head->count = 0;
}
