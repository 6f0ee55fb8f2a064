/* SPDX-License-Identifier: Apache-2.0
 *
 * A table of text: columns as wide as their widest cell, two spaces between them, headings in capitals. On a terminal
 * the last column is clipped so that a row stays a line. Cells are cleaned (text.h) when they are added. */
#ifndef FREEHOLD_CLI_TABLE_H
#define FREEHOLD_CLI_TABLE_H

#include <stddef.h>

#include "base/buf.h"
#include "cli/look.h"

#define TABLE_COLUMNS_MAX 10
#define TABLE_BYTES_MAX (4 * 1024 * 1024)

struct table {
	struct buf cells; /* each cell: a byte of tone, clean text, NUL */
	size_t columns;
	size_t count;
	unsigned right_aligned; /* bit n: column n */
};

/* headings ends with NULL and has at most TABLE_COLUMNS_MAX entries; it may be empty strings for a table without
 * headings, whose columns count. */
void table_init(struct table *t, const char *const *headings);
void table_done(struct table *t);
void table_cell(struct table *t, enum tone tone, const char *text);
void table_render(const struct table *t, const struct look *look, size_t indent, struct buf *out);

#define TABLE_CLEANUP __attribute__((cleanup(table_done)))

#endif
