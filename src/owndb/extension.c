/* SPDX-License-Identifier: Apache-2.0 */
#include "owndb/extension.h"

#include <stddef.h>

/* By admin: nothing that reads files, runs programs or connects elsewhere. */
static const struct extension extensions[] = {
    {"pg_cron", EXTENSION_STAND_IN, NULL},
    {"pg_net", EXTENSION_STAND_IN, NULL},
    {"supabase_vault", EXTENSION_STAND_IN, NULL},
    {"vault", EXTENSION_STAND_IN, NULL},
    {"pgmq", EXTENSION_STAND_IN, NULL},
    {"pgsodium", EXTENSION_STAND_IN, "pgsodium is not here: its functions are missing; the vault works without it"},
    {"pg_graphql", EXTENSION_STAND_IN, "GraphQL is not served: what calls /graphql/v1 will fail"},
    {"pgjwt", EXTENSION_STAND_IN, NULL},
    {"pg_stat_statements", EXTENSION_BY_ADMIN, NULL},
    {"moddatetime", EXTENSION_BY_ADMIN, NULL},
    {"earthdistance", EXTENSION_BY_ADMIN, NULL},
    {"autoinc", EXTENSION_BY_ADMIN, NULL},
    {"insert_username", EXTENSION_BY_ADMIN, NULL},
    {"refint", EXTENSION_BY_ADMIN, NULL},
    {"bloom", EXTENSION_BY_ADMIN, NULL},
    {"hypopg", EXTENSION_BY_ADMIN, NULL},
    {"rum", EXTENSION_BY_ADMIN, NULL},
    {"postgis", EXTENSION_BY_ADMIN, NULL},
    {"pgtap", EXTENSION_BY_ADMIN, NULL},
    {"plpgsql_check", EXTENSION_BY_ADMIN, NULL},
    {"vector", EXTENSION_BY_ADMIN, NULL},
};

const struct extension *extension_find(struct str name)
{
	for (size_t i = 0; i < sizeof extensions / sizeof *extensions; i++)
		if (str_eq_nocase(name, str_from(extensions[i].name))) return &extensions[i];
	return NULL;
}
