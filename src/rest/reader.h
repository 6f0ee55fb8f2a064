/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading a text from left to right, with the error messages of Parsec, the library PostgREST's parser is made of,
 * since clients see them. Its rules (Leijen and Meijer, "Parsec: direct style monadic parser combinators", section 6,
 * and its documentation):
 *
 *   - A reader that fails has either read something (p->at has moved) or not. Only in the second case an alternative
 *     may be tried; read_end_try puts p->at back, so that it can.
 *   - What could have stood at a place is remembered as an issue, also by readers that succeed (an optional part that
 * was not there). Issues at one place are joined, of two places the further one stays. Reading something forgets it.
 *   - A reader may be given a name, which stands for what it expects at its beginning.
 *
 * Keeping the issues costs more than the reading itself, and most texts are right: so a text is read without them
 * first, and only where that failed once more with explains.
 *
 * A group is made so:
 *
 *     struct read_mark mark = read_begin(p);
 *     bool ok = read_text(p, "not") && parse_delimiter(p);
 *     ok = read_end_try(p, &mark, ok);                      or read_end_named, read_end_ahead */
#ifndef FREEHOLD_REST_READER_H
#define FREEHOLD_REST_READER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/str.h"

#define READER_EXPECTS_MAX 40

struct read_issue {
	size_t at;
	bool has_found; /* what stood where another character was wanted … */
	size_t found_at; /* … here; at the text's end: its end */
	const char *unwanted; /* what was read and should not be there, or NULL */
	const char *expects[READER_EXPECTS_MAX];
	int expect_count;
};

struct reader {
	struct arena *arena;
	struct str text;
	size_t at;
	int depth; /* of brackets, at most REST_NESTING_MAX */
	bool is_over_limit; /* nesting or memory: the message says so */
	bool explains; /* why it fails: keeps issues, for reader_error */
	struct read_issue issue;
};

struct read_mark {
	size_t at;
	struct read_issue *issue; /* NULL where nothing is explained */
};

/* "(line 1, column 7)" and "unexpected … expecting …". */
struct parse_error {
	const char *message, *details;
};

void reader_init(struct reader *p, struct arena *arena, struct str text);

/* what: "failed to parse filter"; shown: the text to quote, usually p->text. */
void reader_error(const struct reader *p, const char *what, struct str shown, struct parse_error *ret_error);

bool read_is_end(const struct reader *p);

bool read_char(struct reader *p, char c);
bool read_text(struct reader *p, const char *word); /* may stop in the middle of it, having read */
bool read_none_of(struct reader *p, const char *chars); /* one character that is none of these */
bool read_any_of(struct reader *p, const char *chars); /* one that is one of these */
bool read_letter(struct reader *p); /* every character beyond ASCII counts as one */
bool read_digit(struct reader *p);
void read_blanks(struct reader *p); /* spaces and tabs */
bool read_end(struct reader *p); /* nothing follows */
bool read_not_char(struct reader *p, char c); /* c does not follow; nothing is read */
bool read_not_none_of(struct reader *p, const char *chars); /* one of these follows, or the end; nothing is read */

struct read_mark read_begin(struct reader *p);
bool read_end_try(struct reader *p, const struct read_mark *mark, bool ok); /* failed: nothing was read */
bool read_end_ahead(struct reader *p, const struct read_mark *mark, bool ok); /* succeeded: nothing was read */
bool read_end_named(struct reader *p, const struct read_mark *mark, bool ok, const char *name);

/* One of a list has been read, the next may come: what the last one could have gone on with is forgotten. */
void read_next(struct reader *p);

/* Whether an alternative may be tried now. */
bool read_may_choose(const struct reader *p, size_t from);

/* tries of a word each, as `try (string …)` */
bool read_word(struct reader *p, const char *word);

#endif
