/* SPDX-License-Identifier: Apache-2.0
 *
 * The grammars of the query string (documented under "Tables and Views" and "Resource Embedding" of PostgREST). Pure:
 * text in, data or a message out. A message names the furthest place that could not be read, what stands there and what
 * could have stood there, in the words PostgREST uses. */
#ifndef FREEHOLD_REST_PARSE_H
#define FREEHOLD_REST_PARSE_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/str.h"
#include "rest/query.h"

#define PARSE_EXPECT_MAX 12

struct parser {
	struct arena *arena;
	struct str text;
	size_t at;
	int depth; /* of brackets, at most REST_NESTING_MAX */
	bool is_over_limit; /* nesting or memory */

	/* the furthest failure */
	size_t err_at;
	char unexpected[24];
	const char *expects[PARSE_EXPECT_MAX];
	int expect_count;
};

/* "(line 1, column 7)" and "unexpected … expecting …". */
struct parse_error {
	const char *message, *details;
};

void parser_init(struct parser *p, struct arena *arena, struct str text);

/* what: "failed to parse filter"; shown: the text to quote, usually p->text. */
void parser_error(const struct parser *p, const char *what, struct str shown, struct parse_error *ret_error);

/* Each reads from p->at on and leaves p->at behind what it read; on failure p->at is anywhere. */
bool parse_select(struct parser *p, struct select_item **ret_items); /* select=… */
bool parse_order(struct parser *p, struct order_term **ret_terms, int *ret_count); /* order=… */
bool parse_columns(struct parser *p, struct str **ret_names, int *ret_count); /* columns=…, on_conflict=… */
bool parse_tree_path(struct parser *p, struct embed_path *ret_path, struct field *ret_field); /* a.b.c->d */

/* eq.…, not.in.(…). is_argument_allowed: what begins like no operator is an argument (OP_NONE). */
bool parse_operation(struct parser *p, bool is_argument_allowed, struct filter *ret_filter);

/* Key and value of and=(…), a.b.not.or=(…). */
bool parse_logic_path(struct parser *p, struct embed_path *ret_path, bool *ret_is_negated, struct str *ret_op);
bool parse_logic(struct parser *p, struct logic **ret_logic);

/* parse_name.c, for the other parse_*.c */
bool parse_field_name(struct parser *p, struct str *ret_name);
bool parse_field(struct parser *p, struct field *ret_field);
bool parse_quoted(struct parser *p, struct str *ret_text);
bool parse_identifier(struct parser *p, struct str *ret_text);
bool parse_char(struct parser *p, char c);
bool parse_word(struct parser *p, const char *word); /* all of it, or nothing is read */
bool parse_bracket(struct parser *p, char c); /* with blanks around it */
bool parse_end(struct parser *p, const char *stops); /* looks ahead: one of these, or the end */
void parse_blanks(struct parser *p);
bool parse_peek(const struct parser *p, const char *word);
bool parse_enter(struct parser *p); /* one level deeper */
void parse_expect(struct parser *p, size_t at, const char *expected);
#define PARSE_DELIMITER "delimiter (.)"

/* What failed without reading anything since `at` is called `label` instead. */
struct parse_mark {
	size_t err_at;
	int expect_count;
};
struct parse_mark parse_mark(const struct parser *p);
void parse_label(struct parser *p, struct parse_mark mark, size_t at, const char *label);

#endif
