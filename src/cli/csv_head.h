/* SPDX-License-Identifier: Apache-2.0
 *
 * The first record of a CSV file (RFC 4180): the names of its columns. Pure; any bytes are allowed. */
#ifndef FREEHOLD_CLI_CSV_HEAD_H
#define FREEHOLD_CLI_CSV_HEAD_H

#include "base/err.h"
#include "base/str.h"

#define CSV_COLUMNS_MAX 1600 /* PostgreSQL's own limit of a table */
#define CSV_HEAD_MAX_BYTES (256u << 10)

struct csv_head {
	size_t mark_bytes; /* of the mark of UTF-8 that spreadsheets write first: not part of the CSV */
	char delimiter; /* ',', ';' or a tab: what parts most names */
	size_t count;
	char *names[CSV_COLUMNS_MAX]; /* trimmed */
};

/* text: the file's beginning, with its first record. ERR_INVALID: no record ends within it, a name is empty. */
bool csv_head_read(struct str text, struct csv_head *ret_head, struct err *err);
void csv_head_done(struct csv_head *head);

#endif
