/* SPDX-License-Identifier: Apache-2.0
 *
 * Text for a terminal. What a build, a visitor or a founder's file says is never sent to the terminal as it is: escape
 * sequences are left out with all they carry, control characters are dropped, malformed UTF-8 becomes U+FFFD. Widths
 * are terminal cells: combining marks take none, East Asian wide characters and emoji take two. */
#ifndef FREEHOLD_CLI_TEXT_H
#define FREEHOLD_CLI_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"

/* TEXT_LINE gives one line: breaks and tabs become a space, and of a line that a carriage return overwrote the last
 * state stays, as it would on a terminal. TEXT_BLOCK keeps line breaks. */
enum text_shape { TEXT_LINE, TEXT_BLOCK };
void text_clean(struct buf *ret_text, struct str dirty, enum text_shape shape);

/* The three below take clean text of one line. */
size_t text_width(struct str s);
void text_clip(struct buf *ret_text, struct str s, size_t cells); /* what was cut is marked by "..." */
void text_pad(struct buf *ret_text, struct str s, size_t cells); /* spaces behind it up to cells */

/* Appends s, which may have line breaks, broken between words so that no line is wider than cells; every line begins
 * with indent spaces. cells 0: as wide as it likes. Ends with a line break. */
void text_wrap(struct buf *ret_text, struct str s, size_t indent, size_t cells);

#define TEXT_SHORT_SIZE 32
void text_duration(char ret_text[TEXT_SHORT_SIZE], int64_t ms); /* "40 ms", "3.2 s", "1 min 04 s", "2 h 05 min" */
void text_size(char ret_text[TEXT_SHORT_SIZE], uint64_t bytes); /* "312 bytes", "1.2 MB": powers of ten */
void text_limit(char ret_text[TEXT_SHORT_SIZE], uint64_t bytes); /* "1 GB", as it was set: whole powers of two too */
void text_ago(char ret_text[TEXT_SHORT_SIZE], int64_t then_ms, int64_t now_ms); /* "3 min ago", "2026-08-15" */
void text_for(char ret_text[TEXT_SHORT_SIZE], int64_t then_ms, int64_t now_ms); /* "for 3 min", "since 2026-08-15" */

#endif
