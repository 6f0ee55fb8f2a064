/* SPDX-License-Identifier: Apache-2.0
 *
 * What to do about a migration that PostgreSQL refused, in words for the owner. Pure. */
#ifndef FREEHOLD_OWNDB_EXPLAIN_H
#define FREEHOLD_OWNDB_EXPLAIN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"
#include "pg/error.h"

#define EXPLAIN_SIZE 640

/* known_tables: names that the app's generated types speak of ("public.posts" or "posts"), ended by NULL; may be NULL.
 * Gives "" when there is nothing to say beyond PostgreSQL's words. */
void explain_error(const struct pg_error *error, const char *const *known_tables, int major,
		   char ret_text[EXPLAIN_SIZE]);

/* Whether a migration was refused for want of something (table, function, type, column, schema) that is in no file. */
bool explain_is_missing(const char *sqlstate);

/* Whether it was refused because what it makes is there already. */
bool explain_is_there(const char *sqlstate);

/* Where a position (in characters, from 1; 0: unknown) of a statement lies in its file, whose first token is on line.
 */
void explain_position(struct str statement, unsigned line, int position, unsigned *ret_line, unsigned *ret_column);

#endif
