/* SPDX-License-Identifier: Apache-2.0
 *
 * Looking into source text without understanding it: good enough to point at a line, never trusted further. Pure. */
#ifndef FREEHOLD_INTAKE_SCAN_H
#define FREEHOLD_INTAKE_SCAN_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

/* Blanks the comments of JavaScript, TypeScript or JSONC in place; line ends and texts stay. */
void scan_blank_comments(char *text, size_t len);

/* Removes commas that stand before a closing bracket (JSONC) in place, after scan_blank_comments. */
void scan_blank_trailing_commas(char *text, size_t len);

/* Line of an offset, from 1. */
uint32_t scan_line(struct str text, size_t offset);

/* Next occurrence of needle at or after from that no letter, digit, "_" or "$" adjoins; -1 when there is none. */
ptrdiff_t scan_word(struct str text, size_t from, struct str needle);

bool scan_is_name_char(char c); /* letter, digit, "_", "$" */
size_t scan_skip_space(struct str text, size_t at);

/* At `at`, after blanks, stands exactly this; moves behind it. */
bool scan_take(struct str text, size_t *at, struct str token);

/* The name (letters, digits, _, $) at `at`, after blanks; false when there is none. */
bool scan_take_name(struct str text, size_t *at, struct str *ret_name);

/* A text in ', " or ` on one line, without escapes and ${}, at `at` after blanks; moves behind it. */
bool scan_take_quoted(struct str text, size_t *at, struct str *ret_text);

/* A JSON string of at most 300 bytes of s; what is no UTF-8 or a control character becomes "?". New reference. */
json_t *scan_json(struct str s);

#endif
