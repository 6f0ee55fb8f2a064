/* SPDX-License-Identifier: Apache-2.0 */
#include "intake/sql_split.h"

#include <pg_query.h>
#include <stdio.h>
#include <string.h>

#include "intake/scan.h"

#define WORDS_MAX 12
#define PROBLEM_MAX_BYTES 200
#define JOIN_MAX 200
#define OPERATOR_RUN_MAX 4096

static size_t skip_block_comment(struct str text, size_t at)
{
	int depth = 0;
	while (at + 1 < text.len) {
		if (text.ptr[at] == '/' && text.ptr[at + 1] == '*')
			depth++, at += 2;
		else if (text.ptr[at] == '*' && text.ptr[at + 1] == '/')
			depth--, at += 2;
		else
			at++;
		if (depth == 0) return at;
	}
	return text.len;
}

size_t sql_skip_blank(struct str text, size_t at)
{
	for (;;) {
		while (at < text.len && strchr(" \t\r\n\f\v;", text.ptr[at]) != NULL && text.ptr[at] != '\0') at++;
		struct str rest = str_sub(text, at, text.len);
		if (str_has_prefix(rest, STR("--"))) {
			while (at < text.len && text.ptr[at] != '\n') at++;
		} else if (str_has_prefix(rest, STR("/*"))) {
			at = skip_block_comment(text, at);
		} else {
			return at < text.len ? at : text.len;
		}
	}
}

size_t sql_words(struct str statement, char (*ret_words)[64], size_t n)
{
	size_t count = 0, at = 0;
	while (count < n) {
		at = sql_skip_blank(statement, at);
		struct str word;
		size_t from = at;
		if (!scan_take_name(statement, &at, &word)) {
			if (at >= statement.len) break;
			word = str_sub(statement, at, at + 1);
			at++;
		}
		if (at <= from) break;
		size_t len = word.len < 63 ? word.len : 63;
		for (size_t i = 0; i < len; i++) {
			char c = word.ptr[i];
			ret_words[count][i] = c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
		}
		ret_words[count++][len] = '\0';
	}
	return count;
}

static bool is_one_of(const char *word, const char *const *words)
{
	for (; *words != NULL; words++)
		if (strcmp(word, *words) == 0) return true;
	return false;
}

const char *sql_kind(struct str statement, struct arena *arena)
{
	static const char *const with_object[] = {"create", "alter", "drop", "refresh", "reindex", NULL};
	static const char *const fillers[] = {"or",         "replace",   "temp",  "temporary", "unlogged",
					      "unique",     "global",    "local", "trusted",   "procedural",
					      "constraint", "recursive", NULL};
	char words[WORDS_MAX][64];
	size_t count = sql_words(statement, words, WORDS_MAX);
	const char *kind = "unknown";
	if (count > 0 && words[0][0] >= 'a' && words[0][0] <= 'z') {
		size_t object = 1;
		while (object < count && is_one_of(words[object], fillers)) object++;
		bool has_object = is_one_of(words[0], with_object) && object < count;
		const char *second = has_object && str_is_utf8(str_from(words[object])) ? words[object] : "";
		kind = arena_printf(arena, "%s%s%s", words[0], second[0] != '\0' ? " " : "", second);
	}
	return kind != NULL && str_is_utf8(str_from(kind)) ? kind : "unknown";
}

struct splitter {
	struct str text;
	struct arena *arena;
	struct sql_split *out;
	size_t counted_to; /* lines are counted once, forwards */
	uint32_t line;
};

static uint32_t line_at(struct splitter *s, size_t offset)
{
	if (offset < s->counted_to) s->counted_to = 0, s->line = 1;
	for (; s->counted_to < offset; s->counted_to++) s->line += s->text.ptr[s->counted_to] == '\n';
	return s->line;
}

/* Adds what stands between two offsets, without blanks and comments before it. */
static bool add(struct splitter *s, size_t from, size_t to)
{
	struct str upto = str_sub(s->text, 0, to);
	from = sql_skip_blank(upto, from);
	struct str body = str_trim(str_sub(upto, from, to));
	if (body.len == 0) return true;
	const char *kind = sql_kind(body, s->arena);
	s->out->statements[s->out->count++] =
	    (struct migration_statement){(uint32_t)from, (uint32_t)body.len, line_at(s, from), kind};
	return kind != NULL;
}

static bool parses(struct splitter *s, size_t from, size_t to)
{
	char *copy = arena_strndup(s->arena, s->text.ptr + from, to - from);
	if (copy == NULL) return false;
	PgQuerySplitResult one = pg_query_split_with_parser(copy);
	bool ok = one.error == NULL && one.n_stmts == 1;
	pg_query_free_split_result(one);
	return ok;
}

/* The scanner cuts a function written with BEGIN ATOMIC at its inner semicolons: pieces are put together again until
 * they parse. */
static size_t join_atomic(struct splitter *s, PgQuerySplitStmt **stmts, size_t count, size_t i, size_t base)
{
	size_t from = base + (size_t)stmts[i]->stmt_location;
	struct str piece = str_sub(s->text, from, from + (size_t)stmts[i]->stmt_len);
	char words[WORDS_MAX][64];
	bool is_create = sql_words(piece, words, 1) == 1 && strcmp(words[0], "create") == 0;
	ptrdiff_t atomic = scan_word(piece, 0, STR("ATOMIC"));
	if (atomic < 0) atomic = scan_word(piece, 0, STR("atomic"));
	if (!is_create || atomic < 0) return i;
	for (size_t j = i; j < count && j < i + JOIN_MAX; j++)
		if (parses(s, from, base + (size_t)stmts[j]->stmt_location + (size_t)stmts[j]->stmt_len)) return j;
	return i;
}

static bool take(struct splitter *s, const PgQuerySplitResult *cut, bool is_scanned, size_t base, struct err *err)
{
	if (cut->n_stmts > MIGRATION_MAX_STATEMENTS)
		return err_set(err, ERR_LIMIT, "more than %d statements", MIGRATION_MAX_STATEMENTS);
	size_t count = (size_t)cut->n_stmts;
	s->out->statements = arena_array(s->arena, count + 1, sizeof *s->out->statements);
	bool ok = s->out->statements != NULL;
	for (size_t i = 0; ok && i < count; i++) {
		size_t last = is_scanned ? join_atomic(s, cut->stmts, count, i, base) : i;
		size_t from = base + (size_t)cut->stmts[i]->stmt_location;
		size_t to = base + (size_t)cut->stmts[last]->stmt_location + (size_t)cut->stmts[last]->stmt_len;
		ok = add(s, from, to);
		i = last;
	}
	return ok || err_set(err, ERR_LIMIT, "the file has too many statements");
}

static void note_problem(struct splitter *s, const PgQueryError *error, size_t base)
{
	const char *message = error->message;
	bool is_text = message != NULL && str_is_utf8(str_from(message));
	struct str cut = str_sub(str_from(is_text ? message : "not understood"), 0, PROBLEM_MAX_BYTES);
	while (!str_is_utf8(cut)) cut.len--;
	s->out->problem = arena_cstr(s->arena, cut);
	/* cursorpos counts characters of the text that was given. */
	size_t at = base;
	for (int left = error->cursorpos - 1; left > 0 && at < s->text.len; left--) {
		at++;
		while (at < s->text.len && ((unsigned char)s->text.ptr[at] & 0xC0) == 0x80) at++;
	}
	s->out->problem_line = error->cursorpos > 0 ? line_at(s, at) : 0;
	s->counted_to = 0, s->line = 1;
}

/* PostgreSQL's scanner reads the rest of a run like of comment openers again for each comment that opens in it: minutes
 * for 200 KB. No SQL that people write has such runs. */
static bool has_operator_run(struct str text)
{
	size_t run = 0;
	for (size_t i = 0; i < text.len && run <= OPERATOR_RUN_MAX; i++) {
		bool is_operator = text.ptr[i] != '\0' && strchr("~!@#^&|`?+-*/%<>=", text.ptr[i]) != NULL;
		run = is_operator ? run + 1 : 0;
	}
	return run > OPERATOR_RUN_MAX;
}

bool sql_split(struct str text, struct arena *arena, struct sql_split *ret_split, struct err *err)
{
	if (memchr(text.ptr, '\0', text.len) != NULL || !str_is_utf8(text))
		return err_set(err, ERR_INVALID, "holds bytes that are not UTF-8 text; PostgreSQL will not take it");
	if (has_operator_run(text))
		return err_set(err, ERR_REFUSED, "holds a run of more than %d operator characters", OPERATOR_RUN_MAX);
	struct sql_split out = {0};
	struct splitter s = {.text = text, .arena = arena, .out = &out, .line = 1};
	size_t base = str_has_prefix(text, STR("\xEF\xBB\xBF")) ? 3 : 0;
	PgQuerySplitResult cut = pg_query_split_with_parser(text.ptr + base);
	bool is_scanned = cut.error != NULL;
	if (is_scanned) {
		note_problem(&s, cut.error, base);
		pg_query_free_split_result(cut);
		cut = pg_query_split_with_scanner(text.ptr + base);
	}
	bool ok;
	if (cut.error != NULL) { /* not even tokens: one statement, which PostgreSQL will judge */
		out.statements = arena_array(arena, 1, sizeof *out.statements);
		ok = out.statements != NULL ? add(&s, base, text.len) : err_set(err, ERR_LIMIT, "too large");
	} else {
		ok = take(&s, &cut, is_scanned, base, err);
	}
	pg_query_free_split_result(cut);
	if (ok) *ret_split = out;
	return ok;
}
