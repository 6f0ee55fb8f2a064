/* SPDX-License-Identifier: Apache-2.0
 *
 * The statements of one step: they go out as one pipeline and are one transaction. Texts are constants, values are
 * parameters. Pure. */
#ifndef FREEHOLD_AUTH_SQL_H
#define FREEHOLD_AUTH_SQL_H

#include "pg/pool.h"

#define AUTH_STATEMENTS_MAX PG_PIPELINE_MAX
#define AUTH_PARAMS_MAX 12

struct auth_sql {
	struct pg_statement statements[AUTH_STATEMENTS_MAX];
	const char *params[AUTH_STATEMENTS_MAX][AUTH_PARAMS_MAX];
	int count;
};

/* The values must live as long as the call; NULL is SQL null. SQL_ADD(sql, text, value, …) counts them, SQL_ADD0 has
 * none. */
void auth_sql_add(struct auth_sql *sql, const char *text, int param_count, const char *const *params);

#define SQL_ADD(sql, text, ...)                                                                                        \
	auth_sql_add(sql, text, (int)(sizeof((const char *[]){__VA_ARGS__}) / sizeof(const char *)),                   \
		     (const char *[]){__VA_ARGS__})
#define SQL_ADD0(sql, text) auth_sql_add(sql, text, 0, NULL)

/* The instance_id of every row. */
#define SQL_NOBODY "'00000000-0000-0000-0000-000000000000'::uuid"

/* A time as upstream writes it; null stays null. */
#define SQL_TIME(column) "to_char(" column " at time zone 'utc', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')"

#endif
