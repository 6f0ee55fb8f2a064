/* SPDX-License-Identifier: Apache-2.0
 *
 * What all grammars share: names, quoted texts, json paths. */
#include <stdlib.h>
#include <string.h>

#include "rest/parse.h"
#include "rest/rest.h"

#define JSON_PATH_MAX 64

static bool over_limit(struct reader *p)
{
	p->is_over_limit = true;
	return false;
}

bool parse_enter(struct reader *p)
{
	if (++p->depth <= REST_NESTING_MAX) return true;
	p->issue = (struct read_issue){.at = p->at,
				       .has_found = true,
				       .found_at = p->at,
				       .expects = {"fewer levels of nesting"},
				       .expect_count = 1};
	return over_limit(p);
}

bool parse_delimiter(struct reader *p)
{
	struct read_mark mark = read_begin(p);
	return read_end_named(p, &mark, read_char(p, '.'), "delimiter (.)");
}

static bool identifier_char(struct reader *p)
{
	return read_letter(p) || read_digit(p) || read_any_of(p, "_ $");
}

static bool json_key_char(struct reader *p)
{
	return read_none_of(p, "(-:.,>)");
}

static bool read_run(struct reader *p, bool (*part)(struct reader *p), struct str *ret)
{
	size_t from = p->at;
	if (!part(p)) return false;
	while (part(p)) {
	}
	*ret = str_trim(str_sub(p->text, from, p->at));
	return true;
}

bool parse_identifier(struct reader *p, struct str *ret_text)
{
	return read_run(p, identifier_char, ret_text);
}

/* A dash that does not begin an arrow. */
static bool read_dash(struct reader *p)
{
	struct read_mark mark = read_begin(p);
	bool ok = read_char(p, '-') && read_not_char(p, '>');
	return read_end_try(p, &mark, ok);
}

/* Runs joined by dashes. Blanks around the parts are dropped. */
static bool read_dashed(struct reader *p, bool (*part_char)(struct reader *p), struct str *ret)
{
	struct str part;
	if (!read_run(p, part_char, &part)) return false;
	char *text = arena_alloc(p->arena, p->text.len - p->at + part.len + 1);
	if (text == NULL) return over_limit(p);
	memcpy(text, part.ptr, part.len);
	size_t len = part.len;
	while (read_dash(p)) {
		if (!read_run(p, part_char, &part)) return false;
		text[len++] = '-';
		memcpy(text + len, part.ptr, part.len);
		len += part.len;
		read_next(p);
	}
	*ret = (struct str){text, len};
	return true;
}

bool parse_quoted(struct reader *p, struct str *ret_text)
{
	if (!read_char(p, '"')) return false;
	char *text = arena_alloc(p->arena, p->text.len - p->at + 1);
	size_t len = 0;
	if (text == NULL) return over_limit(p);
	for (;;) {
		size_t from = p->at;
		if (!read_none_of(p, "\\\"")) {
			if (!read_char(p, '\\')) break;
			from = p->at;
			if (!read_none_of(p, "")) return false;
		}
		memcpy(text + len, p->text.ptr + from, p->at - from);
		len += p->at - from;
	}
	*ret_text = (struct str){text, len};
	return read_char(p, '"');
}

static bool read_name(struct reader *p, bool (*part_char)(struct reader *p), const char *label, struct str *ret)
{
	struct read_mark mark = read_begin(p);
	bool ok = parse_quoted(p, ret) || (read_may_choose(p, mark.at) && read_dashed(p, part_char, ret));
	return read_end_named(p, &mark, ok, label);
}

bool parse_field_name(struct reader *p, struct str *ret_name)
{
	return read_name(p, identifier_char, "field name (* or [a..z0..9_$])", ret_name);
}

/* What may stand behind an index: a further step, a cast, a delimiter or the end; else it is a key. */
static bool ends_index(struct reader *p)
{
	static const char *const ends[] = {"->", "::", ".", ","};
	for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
		struct read_mark mark = read_begin(p), inner = read_begin(p);
		bool ok = read_end_ahead(p, &inner, read_text(p, ends[i]));
		if (read_end_try(p, &mark, ok)) return true;
	}
	return read_end(p);
}

static bool read_index(struct reader *p, struct str *ret)
{
	struct read_mark mark = read_begin(p);
	bool ok = true;
	size_t from = p->at;
	(void)read_char(p, '-');
	ok = read_digit(p);
	while (ok && read_digit(p)) {
	}
	*ret = str_sub(p->text, from, p->at);
	ok = ok && ends_index(p);
	return read_end_try(p, &mark, ok);
}

static bool read_step(struct reader *p, struct json_step *s)
{
	s->is_text = read_word(p, "->>");
	if (!s->is_text && !read_word(p, "->")) return false;
	s->is_index = read_index(p, &s->value);
	if (s->is_index) return true;
	struct read_mark mark = read_begin(p);
	bool ok = read_name(p, json_key_char, "any non reserved character different from: .,>()", &s->value);
	return read_end_try(p, &mark, ok);
}

static bool read_json_path(struct reader *p, struct field *f)
{
	struct json_step steps[JSON_PATH_MAX];
	int n = 0;
	for (;;) {
		size_t from = p->at;
		if (n == JSON_PATH_MAX) return over_limit(p);
		if (!read_step(p, &steps[n])) {
			if (!read_may_choose(p, from)) return false;
			break;
		}
		n++;
	}
	f->path_count = n;
	f->path = n > 0 ? arena_array(p->arena, (size_t)n, sizeof *f->path) : NULL;
	if (n > 0 && f->path == NULL) return over_limit(p);
	if (n > 0) memcpy(f->path, steps, (size_t)n * sizeof *steps);
	return true;
}

bool parse_field(struct reader *p, struct field *ret_field)
{
	*ret_field = (struct field){0};
	read_blanks(p);
	if (!parse_field_name(p, &ret_field->name) || !read_json_path(p, ret_field)) return false;
	read_blanks(p);
	return true;
}

bool parse_path(struct reader *p, struct embed_path *ret_path, struct str *ret_last)
{
	struct str names[REST_NESTING_MAX + 1];
	int n = 0;
	if (!parse_field_name(p, &names[n++])) return false;
	for (;;) {
		size_t from = p->at;
		if (!parse_delimiter(p)) {
			if (!read_may_choose(p, from)) return false;
			break;
		}
		if (n > REST_NESTING_MAX) return over_limit(p);
		if (!parse_field_name(p, &names[n++])) return false;
		read_next(p);
	}
	*ret_last = names[n - 1];
	*ret_path = (struct embed_path){.count = n - 1};
	if (n > 1) {
		ret_path->names = arena_array(p->arena, (size_t)n - 1, sizeof *names);
		if (ret_path->names == NULL) return over_limit(p);
		memcpy(ret_path->names, names, ((size_t)n - 1) * sizeof *names);
	}
	return true;
}

bool parse_tree_path(struct reader *p, struct embed_path *ret_path, struct field *ret_field)
{
	*ret_field = (struct field){0};
	return parse_path(p, ret_path, &ret_field->name) && read_json_path(p, ret_field);
}

bool parse_columns(struct reader *p, struct str **ret_names, int *ret_count)
{
	size_t room = 1;
	for (size_t i = 0; i < p->text.len; i++) room += p->text.ptr[i] == ',';
	struct str *names = arena_array(p->arena, room, sizeof *names);
	int n = 0;
	if (names == NULL) return over_limit(p);
	if (!parse_field_name(p, &names[n++])) return false;
	for (;;) {
		size_t from = p->at;
		read_blanks(p);
		if (!read_char(p, ',')) {
			if (!read_may_choose(p, from)) return false;
			break;
		}
		read_blanks(p);
		if (!parse_field_name(p, &names[n++])) return false;
		read_next(p);
	}
	*ret_names = names;
	*ret_count = n;
	return true;
}
