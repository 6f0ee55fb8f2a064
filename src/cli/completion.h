/* SPDX-License-Identifier: Apache-2.0
 *
 * The files of packaging/completion, made part of the program by tools/embed.py. */
#ifndef FREEHOLD_CLI_COMPLETION_H
#define FREEHOLD_CLI_COMPLETION_H

#include <stddef.h>

#define COMPLETION_BASH "freehold.bash"
#define COMPLETION_ZSH "_freehold"

struct completion {
	const char *name, *text;
};
extern const struct completion completions[]; /* ends with a name of NULL */

#endif
