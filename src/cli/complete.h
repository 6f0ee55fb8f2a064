/* SPDX-License-Identifier: Apache-2.0
 *
 * What could stand where the cursor is: one candidate a line, for the shells' completion. */
#ifndef FREEHOLD_CLI_COMPLETE_H
#define FREEHOLD_CLI_COMPLETE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

/* Where names come from that only the daemon knows. kind: a apps, r releases of app, d deployments of app, h branches
 * of app's database. Appends one a line; nothing when it cannot be known. */
struct complete_names {
	void (*list)(void *arg, char kind, const char *app, struct buf *ret_lines);
	void *arg;
};

/* words: what stands behind "freehold", the last one being typed (it may be ""). The line ":files" stands for the names
 * of files, which the shell knows better. */
void complete_words(const char *const *words, size_t count, const struct complete_names *names, struct buf *out);

#endif
