/* SPDX-License-Identifier: Apache-2.0
 *
 * The page that the report (report.h) is written on: lines of PAGE_WIDTH columns, perhaps in colour. */
#ifndef FREEHOLD_INTAKE_PAGE_H
#define FREEHOLD_INTAKE_PAGE_H

#include <jansson.h>
#include <stdbool.h>

#include "base/buf.h"

#define PAGE_WIDTH 96
#define PAGE_NAMES_SHOWN 8

struct page {
	struct buf *out;
	const json_t *i; /* the inspection */
	bool colour;
};

enum ink { INK_PLAIN, INK_BOLD, INK_RED, INK_YELLOW, INK_GREEN, INK_FAINT };

void page_ink(const struct page *p, enum ink colour, const char *text);

/* Words broken over lines that begin with so many blanks; `at` columns are taken already. */
void page_wrap(const struct page *p, const char *text, int indent, int at);
void page_paragraph(const struct page *p, int indent, const char *text);
void page_item(const struct page *p, const char *text); /* of a list */

/* Names with commas between, as many as are shown; the rest is counted. Then an item of them, if there are any. */
void page_name(struct buf *names, size_t *count, const char *name);
void page_names(const struct page *p, const char *words, const struct buf *names, size_t count);

#endif
