/* SPDX-License-Identifier: Apache-2.0 */
#include "owndb/stream.h"

static bool fail_with(PGconn *conn, const char *what, struct err *err)
{
	return err_set(err, ERR_FAILED, "%s: %s", what, PQerrorMessage(conn));
}

static bool end_copy(PGconn *conn, const char *what, struct err *err)
{
	bool ok = true;
	for (PGresult *r; (r = PQgetResult(conn)) != NULL; PQclear(r))
		if (PQresultStatus(r) != PGRES_COMMAND_OK && ok) ok = fail_with(conn, what, err);
	return ok;
}

bool stream_rows(struct pg_conn *from_conn, struct pg_conn *to_conn, const char *out_sql, const char *in_sql,
		 const struct stream_words *words, struct err *err)
{
	PGconn *from = pg_conn_raw(from_conn), *to = pg_conn_raw(to_conn);
	PGresult *out PG_RESULT_CLEANUP = PQexec(from, out_sql), *in PG_RESULT_CLEANUP = NULL;
	if (PQresultStatus(out) != PGRES_COPY_OUT) return fail_with(from, words->reading, err);
	in = PQexec(to, in_sql);
	if (PQresultStatus(in) != PGRES_COPY_IN) return fail_with(to, words->writing, err);
	char *row = NULL;
	int len;
	bool ok = true;
	while (ok && (len = PQgetCopyData(from, &row, 0)) > 0) {
		if (PQputCopyData(to, row, len) != 1) ok = fail_with(to, words->writing, err);
		PQfreemem(row);
	}
	ok = ok && (len == -1 || fail_with(from, words->reading, err));
	if (PQputCopyEnd(to, ok ? NULL : "the rows could not be read") != 1 && ok)
		ok = fail_with(to, words->writing, err);
	return ok && end_copy(from, words->reading, err) && end_copy(to, words->writing, err);
}
