/* SPDX-License-Identifier: Apache-2.0
 *
 * The reader itself, and what all grammars share: names, quoted texts, json paths. */
#include <stdio.h>
#include <stdlib.h>

#include "rest/parse.h"
#include "rest/rest.h"

#define JSON_PATH_MAX 64

void parser_init(struct parser *p, struct arena *arena, struct str text)
{
	*p = (struct parser){.arena = arena, .text = text};
}

/* The character at `at` as it is shown: "\"x\"", or nothing at the end. */
static void show_char(const struct parser *p, size_t at, char *ret, size_t size)
{
	ret[0] = '\0';
	if (at >= p->text.len) return;
	size_t len = 1;
	while (at + len < p->text.len && len < 4 && ((unsigned char)p->text.ptr[at + len] & 0xC0) == 0x80) len++;
	const char *escape = p->text.ptr[at] == '"' || p->text.ptr[at] == '\\' ? "\\" : "";
	(void)snprintf(ret, size, "\"%s%.*s\"", escape, (int)len, p->text.ptr + at);
}

static void note(struct parser *p, size_t at, size_t shown_at, const char *expected)
{
	if (at < p->err_at) return;
	if (at > p->err_at || p->expect_count == 0) {
		if (at > p->err_at) p->expect_count = 0;
		p->err_at = at;
		show_char(p, shown_at, p->unexpected, sizeof p->unexpected);
	}
	for (int i = 0; i < p->expect_count; i++)
		if (strcmp(p->expects[i], expected) == 0) return;
	if (p->expect_count < PARSE_EXPECT_MAX) p->expects[p->expect_count++] = expected;
}

void parse_expect(struct parser *p, size_t at, const char *expected)
{
	note(p, at, at, expected);
}

struct parse_mark parse_mark(const struct parser *p)
{
	return (struct parse_mark){p->err_at, p->expect_count};
}

void parse_label(struct parser *p, struct parse_mark mark, size_t at, const char *label)
{
	if (p->err_at != at) return;
	p->expect_count = mark.err_at == at ? mark.expect_count : 0;
	note(p, at, at, label);
}

/* Columns count characters, not bytes. */
static size_t column(const struct parser *p)
{
	size_t n = 1;
	for (size_t i = 0; i < p->err_at && i < p->text.len; i++) n += ((unsigned char)p->text.ptr[i] & 0xC0) != 0x80;
	return n;
}

void parser_error(const struct parser *p, const char *what, struct str shown, struct parse_error *ret_error)
{
	char list[600];
	size_t at = 0;
	list[0] = '\0';
	for (int i = 0; i < p->expect_count && at < sizeof list; i++) {
		const char *mark = i == 0 ? " expecting " : i == p->expect_count - 1 ? " or " : ", ";
		at += (size_t)snprintf(list + at, sizeof list - at, "%s%s", mark, p->expects[i]);
	}
	const char *found = p->unexpected[0] != '\0' ? p->unexpected : "end of input";
	ret_error->message =
	    arena_printf(p->arena, "\"%s (%.*s)\" (line 1, column %zu)", what, STR_FMT(shown), column(p));
	ret_error->details = arena_printf(p->arena, "unexpected %s%s", found, list);
	if (ret_error->message == NULL || ret_error->details == NULL)
		*ret_error = (struct parse_error){"\"the query is too large\" (line 1, column 1)", "unexpected size"};
}

bool parse_enter(struct parser *p)
{
	if (++p->depth <= REST_NESTING_MAX) return true;
	p->is_over_limit = true;
	note(p, p->at, p->at, "fewer levels of nesting");
	return false;
}

bool parse_peek(const struct parser *p, const char *word)
{
	return str_has_prefix(str_sub(p->text, p->at, p->text.len), str_from(word));
}

static const char *quoted_word(struct parser *p, const char *word)
{
	static const char *const known[] = {"\"...\"", "\"not\"", "\"(\"", "\")\"", "\",\"", "\"\"\"", "\".\""};
	size_t len = strlen(word);
	for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
		if (strncmp(known[i] + 1, word, len) == 0 && known[i][len + 2] == '\0') return known[i];
	const char *text = arena_printf(p->arena, "\"%s\"", word);
	return text != NULL ? text : "";
}

bool parse_word(struct parser *p, const char *word)
{
	size_t len = strlen(word), same = 0;
	while (same < len && p->at + same < p->text.len && p->text.ptr[p->at + same] == word[same]) same++;
	if (same == len) {
		p->at += len;
		return true;
	}
	if (p->at >= p->err_at) note(p, p->at, p->at + same, quoted_word(p, word));
	return false;
}

bool parse_char(struct parser *p, char c)
{
	return parse_word(p, (const char[]){c, '\0'});
}

void parse_blanks(struct parser *p)
{
	while (p->at < p->text.len && (p->text.ptr[p->at] == ' ' || p->text.ptr[p->at] == '\t')) p->at++;
}

bool parse_bracket(struct parser *p, char c)
{
	parse_blanks(p);
	if (!parse_char(p, c)) return false;
	parse_blanks(p);
	return true;
}

bool parse_end(struct parser *p, const char *stops)
{
	if (p->at >= p->text.len) return true;
	for (const char *s = stops; *s != '\0'; s++)
		if (p->text.ptr[p->at] == *s) return true;
	for (const char *s = stops; *s != '\0'; s++)
		if (p->at >= p->err_at) note(p, p->at, p->at, quoted_word(p, (const char[]){*s, '\0'}));
	note(p, p->at, p->at, "end of input");
	return false;
}

/* Letters of any script: every byte of a multi-byte character counts as one. */
static bool is_identifier_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == ' ' ||
	       c == '$' || (unsigned char)c >= 0x80;
}

static bool is_json_key_char(char c)
{
	return strchr("(-:.,>)", c) == NULL || c == '\0';
}

static bool read_run(struct parser *p, bool (*is_part)(char c), struct str *ret)
{
	size_t from = p->at;
	while (p->at < p->text.len && is_part(p->text.ptr[p->at])) p->at++;
	*ret = str_trim(str_sub(p->text, from, p->at));
	return p->at > from;
}

bool parse_identifier(struct parser *p, struct str *ret_text)
{
	if (read_run(p, is_identifier_char, ret_text)) return true;
	parse_expect(p, p->at, "letter");
	parse_expect(p, p->at, "digit");
	return false;
}

/* Runs joined by dashes; a dash before '>' begins an arrow. Blanks around the parts are dropped. */
static bool read_dashed(struct parser *p, bool (*is_part)(char c), struct str *ret)
{
	char *text = arena_alloc(p->arena, p->text.len - p->at + 1);
	size_t len = 0;
	struct str part;
	if (text == NULL) {
		p->is_over_limit = true;
		return false;
	}
	for (;;) {
		if (!read_run(p, is_part, &part)) return false;
		memcpy(text + len, part.ptr, part.len);
		len += part.len;
		if (!parse_peek(p, "-") || parse_peek(p, "->")) break;
		p->at++;
		text[len++] = '-';
	}
	*ret = (struct str){text, len};
	return true;
}

bool parse_quoted(struct parser *p, struct str *ret_text)
{
	if (!parse_char(p, '"')) return false;
	char *text = arena_alloc(p->arena, p->text.len - p->at + 1);
	size_t len = 0;
	if (text == NULL) {
		p->is_over_limit = true;
		return false;
	}
	while (p->at < p->text.len && p->text.ptr[p->at] != '"') {
		if (p->text.ptr[p->at] == '\\' && ++p->at >= p->text.len) break;
		text[len++] = p->text.ptr[p->at++];
	}
	*ret_text = (struct str){text, len};
	return parse_char(p, '"');
}

static bool read_name(struct parser *p, bool (*is_part)(char c), const char *label, struct str *ret)
{
	size_t from = p->at;
	if (parse_peek(p, "\"")) return parse_quoted(p, ret);
	if (read_dashed(p, is_part, ret)) return true;
	if (p->at == from)
		parse_expect(p, p->at, label);
	else
		parse_expect(p, p->at, "letter or digit");
	return false;
}

bool parse_field_name(struct parser *p, struct str *ret_name)
{
	return read_name(p, is_identifier_char, "field name (* or [a..z0..9_$])", ret_name);
}

/* A number with nothing but a further step, a cast, a delimiter or the end behind it; else it is a key. */
static bool read_index(struct parser *p, struct str *ret)
{
	size_t from = p->at;
	if (parse_peek(p, "-"))
		p->at++;
	else
		parse_expect(p, p->at, "\"-\"");
	size_t digits = p->at;
	while (p->at < p->text.len && p->text.ptr[p->at] >= '0' && p->text.ptr[p->at] <= '9') p->at++;
	if (p->at == digits) parse_expect(p, p->at, "digit");
	bool ends = p->at >= p->text.len || parse_peek(p, "->") || parse_peek(p, "::") || parse_peek(p, ".") ||
		    parse_peek(p, ",");
	if (p->at > digits && ends) {
		*ret = str_sub(p->text, from, p->at);
		return true;
	}
	p->at = from;
	return false;
}

static bool read_json_path(struct parser *p, struct field *f)
{
	struct json_step steps[JSON_PATH_MAX];
	int n = 0;
	while (parse_peek(p, "->")) {
		if (n == JSON_PATH_MAX) {
			p->is_over_limit = true;
			return false;
		}
		struct json_step *s = &steps[n++];
		s->is_text = parse_peek(p, "->>");
		p->at += s->is_text ? 3 : 2;
		s->is_index = read_index(p, &s->value);
		if (!s->is_index &&
		    !read_name(p, is_json_key_char, "any non reserved character different from: .,>()", &s->value))
			return false;
	}
	f->path_count = n;
	f->path = n > 0 ? arena_array(p->arena, (size_t)n, sizeof *f->path) : NULL;
	if (n > 0 && f->path == NULL) return false;
	if (n > 0) memcpy(f->path, steps, (size_t)n * sizeof *steps);
	return true;
}

bool parse_field(struct parser *p, struct field *ret_field)
{
	*ret_field = (struct field){0};
	parse_blanks(p);
	if (!parse_field_name(p, &ret_field->name) || !read_json_path(p, ret_field)) return false;
	parse_blanks(p);
	return true;
}

bool parse_tree_path(struct parser *p, struct embed_path *ret_path, struct field *ret_field)
{
	struct str names[REST_NESTING_MAX + 1];
	int n = 0;
	*ret_field = (struct field){0};
	do {
		if (n > REST_NESTING_MAX) {
			p->is_over_limit = true;
			return false;
		}
		if (!parse_field_name(p, &names[n++])) return false;
	} while (parse_peek(p, ".") && parse_char(p, '.'));
	ret_field->name = names[n - 1];
	*ret_path = (struct embed_path){.count = n - 1};
	if (n > 1) {
		ret_path->names = arena_array(p->arena, (size_t)n - 1, sizeof *names);
		if (ret_path->names == NULL) return false;
		memcpy(ret_path->names, names, ((size_t)n - 1) * sizeof *names);
	}
	return read_json_path(p, ret_field);
}

bool parse_columns(struct parser *p, struct str **ret_names, int *ret_count)
{
	size_t room = 1;
	for (size_t i = 0; i < p->text.len; i++) room += p->text.ptr[i] == ',';
	struct str *names = arena_array(p->arena, room, sizeof *names);
	int n = 0;
	if (names == NULL) return false;
	for (;;) {
		if (!parse_field_name(p, &names[n++])) return false;
		parse_blanks(p);
		if (!parse_peek(p, ",")) break;
		p->at++;
		parse_blanks(p);
	}
	*ret_names = names;
	*ret_count = n;
	return true;
}
