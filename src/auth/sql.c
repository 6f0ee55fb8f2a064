/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/sql.h"

#include <assert.h>

void auth_sql_add(struct auth_sql *sql, const char *text, int param_count, const char *const *params)
{
	assert(sql->count < AUTH_STATEMENTS_MAX && param_count <= AUTH_PARAMS_MAX);
	const char **copy = sql->params[sql->count];
	for (int i = 0; i < param_count; i++) copy[i] = params[i];
	sql->statements[sql->count++] =
	    (struct pg_statement){.sql = text, .param_count = param_count, .params = copy, .is_prepared = true};
}
