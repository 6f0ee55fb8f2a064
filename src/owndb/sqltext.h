/* SPDX-License-Identifier: Apache-2.0
 *
 * SQL as a row of tokens, no more: enough to tell whether two texts differ in anything but spaces, comments and
 * semicolons, and what a statement about an extension names. Pure; any bytes are allowed and give tokens. */
#ifndef FREEHOLD_OWNDB_SQLTEXT_H
#define FREEHOLD_OWNDB_SQLTEXT_H

#include "base/str.h"

/* Takes the next token from *rest, past spaces and comments: a word or number, a quoted identifier, a string (any of
 * PostgreSQL's forms, as written), or one other character. What is not closed ends with the text. False at the end. */
bool sqltext_next(struct str *rest, struct str *ret_token);

/* The same but for spaces, comments and semicolons. */
bool sqltext_is_same(struct str a, struct str b);

/* CREATE, ALTER, DROP or COMMENT ON EXTENSION: its name, without quotes. */
bool sqltext_extension(struct str statement, struct str *ret_name);

/* The statement's beginning on one line, comments and runs of spaces reduced, "…" where it was cut. */
void sqltext_shorten(struct str statement, char *ret_text, size_t size);

#endif
