/* SPDX-License-Identifier: Apache-2.0 */
#include "owndb/common_columns.h"

#include <string.h>

static const char columns_sql[] =
    "select quote_ident(a.attname) from pg_attribute a join pg_class c on c.oid = a.attrelid where c.oid = "
    "to_regclass($1) and c.relkind = 'r' and a.attnum > 0 and not a.attisdropped and a.attgenerated = '' and not "
    "exists (select from pg_description d where d.classoid = 'pg_class'::regclass and d.objoid = a.attrelid and "
    "d.objsubid = a.attnum and d.description = '" COMMON_COLUMNS_GIVEN "') order by a.attnum";

static bool has(const PGresult *rows, const char *name)
{
	for (int i = 0; i < PQntuples(rows); i++)
		if (strcmp(PQgetvalue(rows, i, 0), name) == 0) return true;
	return false;
}

bool common_columns(struct pg_conn *first, struct pg_conn *second, const char *table, struct buf *ret_columns,
		    struct err *err)
{
	PGresult *theirs PG_RESULT_CLEANUP = NULL, *ours PG_RESULT_CLEANUP = NULL;
	buf_clear(ret_columns);
	if (!pg_conn_exec(first, columns_sql, 1, &table, &theirs, NULL, err) ||
	    !pg_conn_exec(second, columns_sql, 1, &table, &ours, NULL, err))
		return false;
	for (int i = 0; i < PQntuples(theirs); i++) {
		const char *name = PQgetvalue(theirs, i, 0);
		if (has(ours, name)) buf_printf(ret_columns, "%s%s", ret_columns->len > 0 ? ", " : "", name);
	}
	return buf_is_ok(ret_columns) || err_set(err, ERR_LIMIT, "%.100s has too many columns", table);
}
