/* SPDX-License-Identifier: Apache-2.0 */
#include "intake/page.h"

void page_ink(const struct page *p, enum ink colour, const char *text)
{
	static const char *const codes[] = {"", "\033[1m", "\033[31m", "\033[33m", "\033[32m", "\033[2m"};
	bool is_coloured = p->colour && colour != INK_PLAIN;
	if (is_coloured) buf_puts(p->out, codes[colour]);
	buf_puts(p->out, text);
	if (is_coloured) buf_puts(p->out, "\033[0m");
}

void page_wrap(const struct page *p, const char *text, int indent, int at)
{
	struct str rest = str_from(text), word;
	while (str_next(&rest, ' ', &word)) {
		if (word.len == 0) continue;
		if (at + (int)word.len + 1 > PAGE_WIDTH && at > indent) {
			buf_printf(p->out, "\n%*s", indent, "");
			at = indent;
		} else if (at > indent) {
			buf_putc(p->out, ' ');
			at++;
		}
		buf_str(p->out, word);
		at += (int)word.len;
	}
	buf_putc(p->out, '\n');
}

void page_paragraph(const struct page *p, int indent, const char *text)
{
	buf_printf(p->out, "%*s", indent, "");
	page_wrap(p, text, indent, indent);
}

void page_item(const struct page *p, const char *text)
{
	buf_puts(p->out, "  - ");
	page_wrap(p, text, 4, 4);
}

void page_name(struct buf *names, size_t *count, const char *name)
{
	if (*count < PAGE_NAMES_SHOWN) buf_printf(names, "%s%s", *count > 0 ? ", " : "", name);
	(*count)++;
}

void page_names(const struct page *p, const char *words, const struct buf *names, size_t count)
{
	struct buf line BUF_CLEANUP;
	buf_init(&line, 16384);
	if (count == 0) return;
	buf_printf(&line, "%s%s", words, buf_cstr(names));
	if (count > PAGE_NAMES_SHOWN) buf_printf(&line, " and %zu more", count - PAGE_NAMES_SHOWN);
	page_item(p, buf_cstr(&line));
}
