/* SPDX-License-Identifier: Apache-2.0
 *
 * One pass over tags and text. Blocks end lines, white space collapses, an address that is not already the link's own
 * text is written behind it. */
#include "mail/plain.h"

#include <stdlib.h>
#include <string.h>

#define HREF_MAX_BYTES 4096
#define NAME_SIZE 12

struct writer {
	struct buf *to;
	struct buf href; /* of the link that is open; empty: none */
	size_t link_start; /* where its text began in to */
	bool is_space_owed;
	int lines_owed;
	int hidden; /* depth of what is not shown: head, style, script, title */
};

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\f';
}

static void owe_lines(struct writer *w, int lines)
{
	if (w->to->len > 0 && lines > w->lines_owed) w->lines_owed = lines;
	w->is_space_owed = false;
}

static void put(struct writer *w, char c)
{
	if (w->lines_owed == 0 && w->is_space_owed && w->to->len > 0) buf_putc(w->to, ' ');
	for (; w->lines_owed > 0; w->lines_owed--) buf_putc(w->to, '\n');
	w->is_space_owed = false;
	buf_putc(w->to, c);
}

static void put_rune(unsigned long rune, char ret_bytes[5])
{
	unsigned char *b = (unsigned char *)ret_bytes;
	if (rune == 0 || rune > 0x10FFFF || (rune >= 0xD800 && rune <= 0xDFFF)) rune = 0xFFFD;
	memset(b, 0, 5);
	if (rune < 0x80) {
		b[0] = (unsigned char)rune;
	} else if (rune < 0x800) {
		b[0] = (unsigned char)(0xC0 | rune >> 6);
		b[1] = (unsigned char)(0x80 | (rune & 0x3F));
	} else if (rune < 0x10000) {
		b[0] = (unsigned char)(0xE0 | rune >> 12);
		b[1] = (unsigned char)(0x80 | (rune >> 6 & 0x3F));
		b[2] = (unsigned char)(0x80 | (rune & 0x3F));
	} else {
		b[0] = (unsigned char)(0xF0 | rune >> 18);
		b[1] = (unsigned char)(0x80 | (rune >> 12 & 0x3F));
		b[2] = (unsigned char)(0x80 | (rune >> 6 & 0x3F));
		b[3] = (unsigned char)(0x80 | (rune & 0x3F));
	}
}

/* The character of "&name;" at the start of s and how long that is; 0: none. */
static size_t read_entity(struct str s, char ret_bytes[5])
{
	static const struct {
		const char *name, *bytes;
	} named[] = {{"amp", "&"},
		     {"lt", "<"},
		     {"gt", ">"},
		     {"quot", "\""},
		     {"apos", "'"},
		     {"nbsp", " "},
		     {"copy", "\xC2\xA9"},
		     {"mdash", "\xE2\x80\x94"},
		     {"ndash", "\xE2\x80\x93"},
		     {"hellip", "\xE2\x80\xA6"},
		     {"rarr", "\xE2\x86\x92"},
		     {"zwnj", ""},
		     {"shy", ""}};
	ptrdiff_t end = str_find_char(str_sub(s, 0, 12), ';');
	if (end < 2) return 0;
	struct str name = str_sub(s, 1, (size_t)end);
	for (size_t i = 0; i < sizeof named / sizeof *named; i++) {
		if (!str_eq(name, str_from(named[i].name))) continue;
		memset(ret_bytes, 0, 5);
		memcpy(ret_bytes, named[i].bytes, strlen(named[i].bytes));
		return (size_t)end + 1;
	}
	char digits[12] = "";
	if (name.ptr[0] != '#' || name.len < 2) return 0;
	memcpy(digits, name.ptr + 1, name.len - 1);
	bool is_hex = digits[0] == 'x' || digits[0] == 'X';
	char *stop = NULL;
	unsigned long rune = strtoul(digits + is_hex, &stop, is_hex ? 16 : 10);
	if (*stop != '\0' || stop == digits + is_hex) return 0;
	put_rune(rune, ret_bytes);
	return (size_t)end + 1;
}

static void put_text(struct writer *w, struct str text)
{
	char bytes[5];
	for (size_t i = 0; i < text.len; i++) {
		size_t taken = text.ptr[i] == '&' ? read_entity(str_sub(text, i, text.len), bytes) : 0;
		if (taken > 0) {
			for (const char *b = bytes; *b != '\0'; b++) put(w, *b);
			i += taken - 1;
		} else if (is_space(text.ptr[i])) {
			w->is_space_owed = w->lines_owed == 0;
		} else if (text.ptr[i] != '\0') {
			put(w, text.ptr[i]);
		}
	}
}

static void decode(struct str text, struct buf *to)
{
	char bytes[5];
	for (size_t i = 0; i < text.len; i++) {
		size_t taken = text.ptr[i] == '&' ? read_entity(str_sub(text, i, text.len), bytes) : 0;
		if (taken > 0)
			buf_puts(to, bytes), i += taken - 1;
		else
			buf_putc(to, text.ptr[i]);
	}
}

/* The value of an attribute in what stands behind a tag's name; empty when it is not there. */
static struct str attribute(struct str tag, struct str wanted)
{
	size_t i = 0;
	while (i < tag.len) {
		while (i < tag.len && (is_space(tag.ptr[i]) || tag.ptr[i] == '/')) i++;
		size_t name = i;
		while (i < tag.len && !is_space(tag.ptr[i]) && tag.ptr[i] != '=') i++;
		struct str found = str_sub(tag, name, i);
		while (i < tag.len && is_space(tag.ptr[i])) i++;
		if (i >= tag.len || tag.ptr[i] != '=') continue;
		i++;
		while (i < tag.len && is_space(tag.ptr[i])) i++;
		char quote = i < tag.len && (tag.ptr[i] == '"' || tag.ptr[i] == '\'') ? tag.ptr[i++] : '\0';
		size_t value = i;
		while (i < tag.len && (quote != '\0' ? tag.ptr[i] != quote : !is_space(tag.ptr[i]))) i++;
		if (str_eq_nocase(found, wanted)) return str_sub(tag, value, i);
		i++;
	}
	return STR("");
}

static void end_link(struct writer *w)
{
	if (w->href.len == 0) return;
	size_t start = w->link_start < w->to->len ? w->link_start : w->to->len;
	struct str text = str_trim(str_sub(buf_view(w->to), start, w->to->len));
	if (!str_eq(text, buf_view(&w->href))) {
		if (text.len > 0) put(w, ':'), put(w, ' ');
		for (size_t i = 0; i < w->href.len; i++)
			if ((unsigned char)w->href.ptr[i] >= ' ') put(w, w->href.ptr[i]);
		owe_lines(w, 1);
	}
	buf_clear(&w->href);
}

static void begin_link(struct writer *w, struct str tag)
{
	end_link(w);
	decode(attribute(tag, STR("href")), &w->href);
	if (!buf_is_ok(&w->href) || str_has_prefix(buf_view(&w->href), STR("#"))) buf_clear(&w->href);
	w->link_start = w->to->len;
}

static bool is_one_of(struct str name, const char *const *names)
{
	for (; *names != NULL; names++)
		if (str_eq_nocase(name, str_from(*names))) return true;
	return false;
}

static void on_tag(struct writer *w, struct str tag)
{
	static const char *const hiding[] = {"head", "style", "script", "title", NULL};
	static const char *const paragraphs[] = {"p",  "h1", "h2", "h3",         "h4", "table",
						 "ul", "ol", "hr", "blockquote", NULL};
	static const char *const lines[] = {"div", "tr", "li", "br", "section", "header", "footer", NULL};
	bool is_end = tag.len > 0 && tag.ptr[0] == '/';
	size_t n = is_end;
	while (n < tag.len && !is_space(tag.ptr[n]) && tag.ptr[n] != '/') n++;
	struct str name = str_sub(tag, is_end, n);
	if (is_one_of(name, hiding)) w->hidden = is_end ? 0 : 1;
	if (w->hidden > 0) return;
	if (str_eq_nocase(name, STR("a")) && !is_end) begin_link(w, str_sub(tag, n, tag.len));
	if (str_eq_nocase(name, STR("a")) && is_end) end_link(w);
	if (is_one_of(name, paragraphs)) owe_lines(w, 2);
	if (is_one_of(name, lines)) owe_lines(w, 1);
	if (str_eq_nocase(name, STR("td")) && is_end && w->lines_owed == 0) w->is_space_owed = true;
	if (str_eq_nocase(name, STR("li")) && !is_end) put(w, '-'), put(w, ' ');
}

/* Where a tag ends: '>' that is not within quotes. */
static size_t find_tag_end(struct str s)
{
	char quote = '\0';
	for (size_t i = 0; i < s.len; i++) {
		if (quote != '\0')
			quote = s.ptr[i] == quote ? '\0' : quote;
		else if (i > 0 && s.ptr[i - 1] == '=' && (s.ptr[i] == '"' || s.ptr[i] == '\''))
			quote = s.ptr[i];
		else if (s.ptr[i] == '>')
			return i;
	}
	return s.len;
}

static bool is_tag(struct str s)
{
	if (s.len < 2 || s.ptr[0] != '<') return false;
	char c = s.ptr[1];
	return c == '/' || c == '!' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static struct str skip_comment(struct str s)
{
	ptrdiff_t end = str_find(s, STR("-->"));
	return end < 0 ? STR("") : str_sub(s, (size_t)end + 3, s.len);
}

void mail_plain_from_html(struct str html, struct buf *ret_text)
{
	struct writer w = {.to = ret_text};
	buf_init(&w.href, HREF_MAX_BYTES);
	while (html.len > 0) {
		if (str_has_prefix(html, STR("<!--"))) {
			html = skip_comment(html);
		} else if (is_tag(html)) {
			size_t end = find_tag_end(html);
			on_tag(&w, str_sub(html, 1, end));
			html = str_sub(html, end + 1, html.len);
		} else {
			ptrdiff_t next = str_find_char(str_sub(html, 1, html.len), '<');
			size_t n = next < 0 ? html.len : (size_t)next + 1;
			if (w.hidden == 0) put_text(&w, str_sub(html, 0, n));
			html = str_sub(html, n, html.len);
		}
	}
	end_link(&w);
	buf_done(&w.href);
	buf_putc(ret_text, '\n');
}
