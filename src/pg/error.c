/* SPDX-License-Identifier: Apache-2.0 */
#include "pg/error.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void copy_field(char *to, size_t size, const PGresult *result, int field)
{
	const char *text = PQresultErrorField(result, field);
	(void)snprintf(to, size, "%s", text != NULL ? text : "");
}

static void cut_line_end(char *text)
{
	size_t len = strlen(text);
	while (len > 0 && (text[len - 1] == '\n' || text[len - 1] == ' ')) text[--len] = '\0';
}

void pg_error_from_conn(struct pg_error *ret_error, const PGconn *conn)
{
	*ret_error = (struct pg_error){0};
	(void)snprintf(ret_error->message, sizeof ret_error->message, "%s", PQerrorMessage(conn));
	cut_line_end(ret_error->message);
}

void pg_error_from_result(struct pg_error *ret_error, const PGresult *result, const PGconn *conn)
{
	if (result == NULL || PQresultErrorField(result, PG_DIAG_SQLSTATE) == NULL) {
		pg_error_from_conn(ret_error, conn);
		return;
	}
	struct pg_error e = {0};
	copy_field(e.sqlstate, sizeof e.sqlstate, result, PG_DIAG_SQLSTATE);
	copy_field(e.severity, sizeof e.severity, result, PG_DIAG_SEVERITY_NONLOCALIZED);
	copy_field(e.message, sizeof e.message, result, PG_DIAG_MESSAGE_PRIMARY);
	copy_field(e.detail, sizeof e.detail, result, PG_DIAG_MESSAGE_DETAIL);
	copy_field(e.hint, sizeof e.hint, result, PG_DIAG_MESSAGE_HINT);
	copy_field(e.context, sizeof e.context, result, PG_DIAG_CONTEXT);
	copy_field(e.schema, sizeof e.schema, result, PG_DIAG_SCHEMA_NAME);
	copy_field(e.table, sizeof e.table, result, PG_DIAG_TABLE_NAME);
	copy_field(e.column, sizeof e.column, result, PG_DIAG_COLUMN_NAME);
	copy_field(e.constraint, sizeof e.constraint, result, PG_DIAG_CONSTRAINT_NAME);
	const char *position = PQresultErrorField(result, PG_DIAG_STATEMENT_POSITION);
	e.position = position != NULL ? (int)strtol(position, NULL, 10) : 0;
	*ret_error = e;
}

enum err_code pg_error_class(const char *sqlstate)
{
	if (sqlstate[0] == '\0') return ERR_UNAVAILABLE;
	if (strcmp(sqlstate, "23505") == 0 || strcmp(sqlstate, "42P06") == 0 || strcmp(sqlstate, "42P07") == 0 ||
	    strcmp(sqlstate, "42710") == 0 || strcmp(sqlstate, "42P04") == 0)
		return ERR_CONFLICT;
	if (strcmp(sqlstate, "42501") == 0 || strncmp(sqlstate, "28", 2) == 0) return ERR_DENIED;
	if (strcmp(sqlstate, "57014") == 0 || strcmp(sqlstate, "55P03") == 0) return ERR_TIMEOUT;
	if (strcmp(sqlstate, "3D000") == 0) return ERR_NOT_FOUND;
	if (strncmp(sqlstate, "08", 2) == 0 || strncmp(sqlstate, "53", 2) == 0 || strncmp(sqlstate, "57P", 3) == 0)
		return ERR_UNAVAILABLE;
	return ERR_FAILED;
}

bool pg_error_set(struct err *err, const struct pg_error *error)
{
	const char *detail_mark = error->detail[0] != '\0' ? ": " : "";
	const char *hint_mark = error->hint[0] != '\0' ? "; " : "";
	if (error->sqlstate[0] == '\0') return err_set(err, ERR_UNAVAILABLE, "PostgreSQL: %s", error->message);
	return err_set(err, pg_error_class(error->sqlstate), "PostgreSQL: %s (%s)%s%s%s%s", error->message,
		       error->sqlstate, detail_mark, error->detail, hint_mark, error->hint);
}
