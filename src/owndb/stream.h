/* SPDX-License-Identifier: Apache-2.0
 *
 * Rows from one running cluster into another, as COPY gives and takes them. */
#ifndef FREEHOLD_OWNDB_STREAM_H
#define FREEHOLD_OWNDB_STREAM_H

#include "pg/conn.h"

/* What is said before PostgreSQL's own words. */
struct stream_words {
	const char *reading;
	const char *writing;
};

/* out_sql is a COPY … TO STDOUT, in_sql a COPY … FROM STDIN of the same format. What comes is handed on row by row, so
 * that no more than one is in memory. Waits as long as it takes. After a failure both transactions are spoiled. */
bool stream_rows(struct pg_conn *from, struct pg_conn *to, const char *out_sql, const char *in_sql,
		 const struct stream_words *words, struct err *err);

#endif
