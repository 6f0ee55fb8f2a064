/* SPDX-License-Identifier: Apache-2.0
 *
 * What an import reads of a dump: lines of pg_restore's list, its errors, rows as text. */
#include <stdint.h>
#include <stdlib.h>

#include "owndb/copy_text.h"
#include "owndb/restore_error.h"
#include "owndb/toc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void inside(struct str part, struct str whole)
{
	if (part.len > 0 && (part.ptr < whole.ptr || part.ptr + part.len > whole.ptr + whole.len)) abort();
}

static void read_list(struct str text)
{
	struct str rest = text, line;
	struct toc_entry e;
	while (str_next(&rest, '\n', &line)) {
		if (!toc_parse(line, &e)) continue;
		inside(e.kind, line), inside(e.schema, line), inside(e.name, line), inside(e.owner, line);
		if ((e.way == TOC_LEFT || e.way == TOC_REFUSED) && e.why == NULL) abort();
	}
}

static void read_errors(struct str text)
{
	struct str rest = text, role;
	struct restore_error e;
	while (restore_error_next(&rest, &e)) {
		inside(e.message, text), inside(e.about, text), inside(e.statement, text);
		if (restore_error_role(e.message, &role)) inside(role, text);
	}
}

/* In one piece and in many the rows are the same. */
static void read_rows(struct str text)
{
	struct arena *arena = arena_new(1 << 22);
	struct copy_scan a, b;
	copy_scan_init(&a, arena), copy_scan_init(&b, arena);
	copy_scan_feed(&a, text);
	for (size_t at = 0; at < text.len; at += 3) copy_scan_feed(&b, str_sub(text, at, at + 3));
	if (a.count != b.count || a.is_inside != b.is_inside || a.has_schema != b.has_schema) abort();
	for (size_t i = 0; i < a.count && !a.is_full; i++)
		if (a.tables[i].sum.rows != b.tables[i].sum.rows || a.tables[i].sum.sum != b.tables[i].sum.sum) abort();
	copy_scan_done(&a), copy_scan_done(&b);
	arena_free(arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text = {(const char *)data, size};
	(void)dump_kind_of(text);
	(void)dump_major(text);
	read_list(text);
	read_errors(text);
	read_rows(text);
	return 0;
}
