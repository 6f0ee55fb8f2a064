/* SPDX-License-Identifier: Apache-2.0
 *
 * How output looks where it goes: a terminal gets colours (unless NO_COLOR is set, https://no-color.org) and a display
 * that moves, everything else plain lines. Marks are ASCII where the locale is not UTF-8. */
#ifndef FREEHOLD_CLI_LOOK_H
#define FREEHOLD_CLI_LOOK_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/str.h"

struct look {
	bool is_terminal;
	bool has_colour;
	bool has_utf8;
	size_t columns; /* 0: not a terminal, lines are as long as they are */
};

/* What stands behind a descriptor, from the terminal and the environment. */
struct look look_of(int fd);

enum tone { TONE_PLAIN, TONE_STRONG, TONE_DIM, TONE_GOOD, TONE_WARN, TONE_BAD };

/* Appends text in a tone; without colour the text alone. */
void look_put(struct buf *out, const struct look *look, enum tone tone, const char *text);
void look_put_str(struct buf *out, const struct look *look, enum tone tone, struct str text);

enum mark { MARK_DONE, MARK_FAILED, MARK_SKIPPED, MARK_UNDONE, MARK_NOTE, MARK_ITEM };
const char *look_mark(const struct look *look, enum mark mark); /* one cell wide */
const char *look_spinner(const struct look *look, unsigned frame); /* one cell wide */

#endif
