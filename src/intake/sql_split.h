/* SPDX-License-Identifier: Apache-2.0
 *
 * Cuts a migration into statements, with PostgreSQL's own parser (of version 15), and where that does not understand
 * the file with its scanner. Runs in the sandbox: the parser is C that was written for trusted callers. */
#ifndef FREEHOLD_INTAKE_SQL_SPLIT_H
#define FREEHOLD_INTAKE_SQL_SPLIT_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"
#include "codec/migration.h"

struct sql_split {
	struct migration_statement *statements;
	size_t count;
	/* NULL, or why the parser did not take the file as a whole ("syntax error at or near …"): it may be newer SQL
	 * than the parser knows; PostgreSQL has the last word at the rehearsal. */
	const char *problem;
	uint32_t problem_line; /* or 0 */
};

/* text must end in a NUL that is not counted (as buf_cstr's). ERR_LIMIT past MIGRATION_MAX_STATEMENTS; ERR_INVALID for
 * bytes no PostgreSQL takes: NUL, or not UTF-8. */
bool sql_split(struct str text, struct arena *arena, struct sql_split *ret_split, struct err *err);

/* Where the first token is: behind blanks and comments. */
size_t sql_skip_blank(struct str text, size_t at);

/* "create table", "create index", "do", "commit": the first word, with the object's for create, alter and drop; lower
 * case. Literal or arena memory. */
const char *sql_kind(struct str statement, struct arena *arena);

/* The n words of a statement from its first, comments skipped, lower case, cut at 63 bytes. Returns how many. */
size_t sql_words(struct str statement, char (*ret_words)[64], size_t n);

#endif
