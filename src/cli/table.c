/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/table.h"

#include <assert.h>
#include <string.h>

#include "cli/text.h"

void table_init(struct table *t, const char *const *headings)
{
	*t = (struct table){0};
	buf_init(&t->cells, TABLE_BYTES_MAX);
	while (headings[t->columns] != NULL) t->columns++;
	assert(t->columns > 0 && t->columns <= TABLE_COLUMNS_MAX);
	for (size_t i = 0; i < t->columns; i++) table_cell(t, TONE_DIM, headings[i]);
}

void table_done(struct table *t)
{
	buf_done(&t->cells);
}

void table_cell(struct table *t, enum tone tone, const char *text)
{
	buf_putc(&t->cells, (char)('0' + tone));
	text_clean(&t->cells, str_from(text), TEXT_LINE);
	buf_putc(&t->cells, '\0');
	t->count++;
}

struct cell {
	enum tone tone;
	struct str text;
};

/* The cell at *at, which is moved behind it. */
static struct cell take(const struct table *t, size_t *at)
{
	const char *p = t->cells.ptr + *at;
	struct cell cell = {(enum tone)(p[0] - '0'), str_from(p + 1)};
	*at += cell.text.len + 2;
	return cell;
}

static void measure(const struct table *t, size_t ret_widths[TABLE_COLUMNS_MAX])
{
	memset(ret_widths, 0, TABLE_COLUMNS_MAX * sizeof *ret_widths);
	for (size_t i = 0, at = 0; i < t->count; i++) {
		size_t width = text_width(take(t, &at).text);
		if (width > ret_widths[i % t->columns]) ret_widths[i % t->columns] = width;
	}
}

static void spaces(struct buf *out, size_t count)
{
	for (size_t i = 0; i < count; i++) buf_putc(out, ' ');
}

static void put_cell(struct buf *out, const struct look *look, struct cell cell, size_t width, bool is_right,
		     bool is_last)
{
	size_t fill = width > text_width(cell.text) ? width - text_width(cell.text) : 0;
	if (is_right) spaces(out, fill);
	look_put_str(out, look, cell.text.len > 0 ? cell.tone : TONE_PLAIN, cell.text);
	if (!is_right && !is_last) spaces(out, fill);
}

static void put_last(struct buf *out, const struct look *look, struct cell cell, size_t width, bool is_right,
		     size_t used)
{
	struct buf clipped BUF_CLEANUP;
	buf_init(&clipped, TABLE_BYTES_MAX);
	size_t room = look->columns > used + 8 ? look->columns - used : 8;
	if (look->columns > 0)
		text_clip(&clipped, cell.text, room);
	else
		buf_str(&clipped, cell.text);
	cell.text = buf_view(&clipped);
	put_cell(out, look, cell, width, is_right, true);
}

void table_render(const struct table *t, const struct look *look, size_t indent, struct buf *out)
{
	size_t widths[TABLE_COLUMNS_MAX], used = 0, at = 0, i = 0;
	measure(t, widths);
	if (widths[0] == 0 && t->count <= t->columns) return;
	bool has_headings = t->cells.len > 1 && t->cells.ptr[1] != '\0';
	for (; i < t->count; i++) {
		struct cell cell = take(t, &at);
		size_t column = i % t->columns;
		if (i < t->columns && !has_headings) continue;
		if (column == 0) {
			spaces(out, indent);
			used = indent;
		}
		bool is_right = (t->right_aligned >> column & 1) != 0;
		if (column + 1 == t->columns) {
			put_last(out, look, cell, is_right ? widths[column] : 0, is_right, used);
			buf_putc(out, '\n');
			continue;
		}
		put_cell(out, look, cell, widths[column], is_right, false);
		buf_puts(out, "  ");
		used += widths[column] + 2;
	}
}
