/* SPDX-License-Identifier: Apache-2.0 */
#include "rest/reader.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"

#define COLUMNS_A_TAB 8

void reader_init(struct reader *p, struct arena *arena, struct str text)
{
	*p = (struct reader){.arena = arena, .text = text};
}

bool read_is_end(const struct reader *p)
{
	return p->at >= p->text.len;
}

bool read_may_choose(const struct reader *p, size_t from)
{
	return p->at == from && !p->is_over_limit;
}

static bool is_unknown(const struct read_issue *i)
{
	return !i->has_found && i->unwanted == NULL && i->expect_count == 0;
}

static void add_expect(struct read_issue *i, const char *text)
{
	for (int k = 0; k < i->expect_count; k++)
		if (strcmp(i->expects[k], text) == 0) return;
	if (i->expect_count < READER_EXPECTS_MAX) i->expects[i->expect_count++] = text;
}

static void merge(struct read_issue *into, const struct read_issue *more)
{
	if (is_unknown(more)) return;
	if (is_unknown(into) || more->at > into->at) {
		*into = *more;
		return;
	}
	if (more->at < into->at) return;
	if (!into->has_found && more->has_found) {
		into->has_found = true;
		into->found_at = more->found_at;
	}
	if (into->unwanted == NULL) into->unwanted = more->unwanted;
	for (int k = 0; k < more->expect_count; k++) add_expect(into, more->expects[k]);
}

/* A failure at p->at; what is shown stands at found_at. */
static bool fail(struct reader *p, size_t found_at, const char *expected)
{
	if (!p->explains) return false;
	struct read_issue issue = {.at = p->at, .has_found = true, .found_at = found_at};
	if (expected != NULL) add_expect(&issue, expected);
	merge(&p->issue, &issue);
	return false;
}

static size_t char_size(const struct reader *p, size_t at)
{
	size_t n = 1;
	while (at + n < p->text.len && n < 4 && ((unsigned char)p->text.ptr[at + n] & 0xC0) == 0x80) n++;
	return n;
}

static void forget(struct reader *p)
{
	if (p->explains) p->issue = (struct read_issue){0};
}

static bool take(struct reader *p)
{
	p->at += char_size(p, p->at);
	forget(p);
	return true;
}

static bool is_any_of(const struct reader *p, const char *chars)
{
	char c = p->text.ptr[p->at];
	return c != '\0' && strchr(chars, c) != NULL;
}

static const char *quoted(struct reader *p, const char *word)
{
	if (!p->explains) return NULL;
	static const char *const known[] = {"\"not\"", "\"(\"", "\")\"", "\",\"",    "\"\\\"\"", "\".\"",  "\":\"",
					    "\"-\"",   "\"!\"", "\">\"", "\"\\\\\"", "\"->>\"",  "\"->\"", "\"::\""};
	size_t len = strlen(word);
	bool is_plain = strpbrk(word, "\"\\") == NULL;
	for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
		if (is_plain && strncmp(known[i] + 1, word, len) == 0 && known[i][len + 2] == '\0') return known[i];
	const char *text = arena_printf(p->arena, "\"%s%s\"", len == 1 && !is_plain ? "\\" : "", word);
	return text != NULL ? text : "";
}

bool read_char(struct reader *p, char c)
{
	if (!read_is_end(p) && p->text.ptr[p->at] == c) return take(p);
	return fail(p, p->at, quoted(p, (const char[]){c, '\0'}));
}

bool read_text(struct reader *p, const char *word)
{
	size_t same = 0, len = strlen(word);
	while (same < len && p->at + same < p->text.len && p->text.ptr[p->at + same] == word[same]) same++;
	if (same == len) {
		p->at += len;
		forget(p);
		return true;
	}
	if (same > 0) forget(p);
	(void)fail(p, p->at + same, quoted(p, word));
	p->at += same;
	return false;
}

bool read_none_of(struct reader *p, const char *chars)
{
	return read_is_end(p) || is_any_of(p, chars) ? fail(p, p->at, NULL) : take(p);
}

bool read_any_of(struct reader *p, const char *chars)
{
	return read_is_end(p) || !is_any_of(p, chars) ? fail(p, p->at, NULL) : take(p);
}

bool read_letter(struct reader *p)
{
	char c = read_is_end(p) ? '\0' : p->text.ptr[p->at];
	bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (unsigned char)c >= 0x80;
	return is_letter ? take(p) : fail(p, p->at, "letter");
}

bool read_digit(struct reader *p)
{
	bool is_digit = !read_is_end(p) && p->text.ptr[p->at] >= '0' && p->text.ptr[p->at] <= '9';
	return is_digit ? take(p) : fail(p, p->at, "digit");
}

void read_blanks(struct reader *p)
{
	while (read_any_of(p, " \t")) {
	}
}

struct read_mark read_begin(struct reader *p)
{
	struct read_mark mark = {p->at, NULL};
	if (!p->explains) return mark;
	mark.issue = arena_alloc(p->arena, sizeof *mark.issue);
	if (mark.issue == NULL)
		p->is_over_limit = true;
	else
		*mark.issue = p->issue;
	forget(p);
	return mark;
}

/* Nothing was read: what was known here before still counts. */
static void join(struct reader *p, const struct read_mark *mark)
{
	if (mark->issue == NULL) return;
	struct read_issue own = p->issue;
	p->issue = *mark->issue;
	merge(&p->issue, &own);
}

bool read_end_try(struct reader *p, const struct read_mark *mark, bool ok)
{
	if (!ok) p->at = mark->at;
	if (p->at == mark->at) join(p, mark);
	return ok;
}

bool read_end_ahead(struct reader *p, const struct read_mark *mark, bool ok)
{
	if (ok) {
		p->at = mark->at;
		if (mark->issue != NULL) p->issue = *mark->issue;
	} else if (p->at == mark->at) {
		join(p, mark);
	}
	return ok;
}

bool read_end_named(struct reader *p, const struct read_mark *mark, bool ok, const char *name)
{
	if (p->at != mark->at || !p->explains) return ok;
	if (!ok || !is_unknown(&p->issue)) {
		if (is_unknown(&p->issue)) p->issue.at = p->at;
		p->issue.expects[0] = name;
		p->issue.expect_count = 1;
	}
	join(p, mark);
	return ok;
}

void read_next(struct reader *p)
{
	forget(p);
}

bool read_word(struct reader *p, const char *word)
{
	struct read_mark mark = read_begin(p);
	return read_end_try(p, &mark, read_text(p, word));
}

/* A character as Haskell writes it: 'x', or within a text's quotes. */
static void show_char(const struct reader *p, size_t at, char quote, char *ret, size_t size)
{
	static const char *const names[] = {"NUL", "SOH", "STX", "ETX", "EOT", "ENQ", "ACK", "a",   "b",   "t",   "n",
					    "v",   "f",   "r",   "SO",  "SI",  "DLE", "DC1", "DC2", "DC3", "DC4", "NAK",
					    "SYN", "ETB", "CAN", "EM",  "SUB", "ESC", "FS",  "GS",  "RS",  "US"};
	unsigned char c = (unsigned char)p->text.ptr[at];
	size_t n = char_size(p, at);
	unsigned code = n == 1 ? c : c & (0x7Fu >> n);
	for (size_t i = 1; i < n; i++) code = code << 6 | ((unsigned char)p->text.ptr[at + i] & 0x3F);
	if (c == (unsigned char)quote || c == '\\')
		(void)snprintf(ret, size, "%c\\%c%c", quote, c, quote);
	else if (c < 0x20)
		(void)snprintf(ret, size, "%c\\%s%c", quote, names[c], quote);
	else if (c == 0x7F)
		(void)snprintf(ret, size, "%c\\DEL%c", quote, quote);
	else if (c >= 0x80)
		(void)snprintf(ret, size, "%c\\%u%c", quote, code, quote);
	else
		(void)snprintf(ret, size, "%c%c%c", quote, c, quote);
}

/* What stands at `at` was read, and should not have been. */
static bool fail_unwanted(struct reader *p, size_t at, size_t issue_at)
{
	if (!p->explains) return false;
	char shown[24];
	show_char(p, at, '\'', shown, sizeof shown);
	struct read_issue issue = {.at = issue_at, .unwanted = arena_strdup(p->arena, shown)};
	if (issue.unwanted == NULL) p->is_over_limit = true;
	merge(&p->issue, &issue);
	return false;
}

bool read_end(struct reader *p)
{
	struct read_mark mark = read_begin(p);
	bool ok = read_is_end(p);
	if (ok)
		(void)fail(p, p->at, NULL);
	else
		(void)fail_unwanted(p, p->at, p->at);
	return read_end_named(p, &mark, ok, "end of input");
}

bool read_not_char(struct reader *p, char c)
{
	if (read_is_end(p) || p->text.ptr[p->at] != c) {
		(void)fail(p, p->at, quoted(p, (const char[]){c, '\0'}));
		return true;
	}
	return fail_unwanted(p, p->at, p->at + 1);
}

bool read_not_none_of(struct reader *p, const char *chars)
{
	if (read_is_end(p) || is_any_of(p, chars)) {
		(void)fail(p, p->at, NULL);
		return true;
	}
	return fail_unwanted(p, p->at, p->at + char_size(p, p->at));
}

/* Characters count, not bytes. */
static void place(const struct reader *p, size_t at, unsigned *ret_line, unsigned *ret_column)
{
	unsigned line = 1, column = 1;
	for (size_t i = 0; i < at && i < p->text.len; i += char_size(p, i)) {
		char c = p->text.ptr[i];
		if (c == '\n')
			line++, column = 1;
		else
			column += c == '\t' ? COLUMNS_A_TAB - (column - 1) % COLUMNS_A_TAB : 1;
	}
	*ret_line = line;
	*ret_column = column;
}

static void put_found(const struct reader *p, struct buf *b)
{
	char shown[24];
	const struct read_issue *i = &p->issue;
	if (i->unwanted != NULL) {
		buf_printf(b, "unexpected %s", i->unwanted);
	} else if (i->has_found && i->found_at < p->text.len) {
		show_char(p, i->found_at, '"', shown, sizeof shown);
		buf_printf(b, "unexpected %s", shown);
	} else if (i->has_found) {
		buf_puts(b, "unexpected end of input");
	}
}

void reader_error(const struct reader *p, const char *what, struct str shown, struct parse_error *ret_error)
{
	BUF_CLEANUP struct buf details;
	const struct read_issue *i = &p->issue;
	unsigned line, column;
	buf_init(&details, 1 << 16);
	put_found(p, &details);
	for (int k = 0; k < i->expect_count; k++) {
		const char *before = k == 0 ? " expecting " : k == i->expect_count - 1 ? " or " : ", ";
		buf_printf(&details, "%s%s", before + (details.len == 0), i->expects[k]);
	}
	if (details.len == 0) buf_puts(&details, "unknown parse error");
	place(p, i->at, &line, &column);
	ret_error->message =
	    arena_printf(p->arena, "\"%s (%.*s)\" (line %u, column %u)", what, STR_FMT(shown), line, column);
	ret_error->details = arena_strdup(p->arena, buf_cstr(&details));
	if (ret_error->message == NULL || ret_error->details == NULL)
		*ret_error = (struct parse_error){"\"the query is too large\" (line 1, column 1)", "unexpected size"};
}
