/* SPDX-License-Identifier: Apache-2.0
 *
 * Writing to standard output: text that stays, and on a terminal one line below it that is drawn over. And Ctrl-C,
 * which while it is watched arrives as a question instead of an end. */
#ifndef FREEHOLD_CLI_SCREEN_H
#define FREEHOLD_CLI_SCREEN_H

#include <stdbool.h>

#include "base/err.h"
#include "base/str.h"

/* Writes all of it to standard output; a reader that has gone ends the process as usual (SIGPIPE). */
void screen_write(struct str text);

/* stays: whole lines, may be empty. live: without a line break, empty: none. */
void screen_draw(struct str stays, struct str live);

/* Between the two SIGINT does not end the process. */
struct interrupt {
	int fd;
};
bool interrupt_begin(struct interrupt *i, struct err *err);
void interrupt_end(struct interrupt *i);
bool interrupt_came(const struct interrupt *i); /* since the last time it was asked */

/* Asks on the terminal and reads a line without its break; false at the end of input. is_hidden: what is typed is not
 * shown. */
bool screen_ask(const char *question, bool is_hidden, char *ret_line, size_t size);
bool screen_can_ask(void); /* standard input and error are a terminal */

#endif
