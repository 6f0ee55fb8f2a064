/* SPDX-License-Identifier: Apache-2.0
 *
 * PostgREST's settings in the database: what db-pre-config sets, and, above it, what ALTER ROLE … SET pgrst.… says of
 * the role we connect as, the one for this database first. */
#ifndef FREEHOLD_BIN_BACKEND_PGRST_DATABASE_H
#define FREEHOLD_BIN_BACKEND_PGRST_DATABASE_H

#include <jansson.h>

#include "pg/pool.h"

/* settings: texts by name, the callee's reference; NULL with an err when they could not be read. */
typedef void (*pgrst_database_fn)(void *arg, json_t *settings, const struct err *err);

/* pre_config: "schema.function", NULL: none. done is called once, from the loop. */
void pgrst_database_load(struct pg_pool *pool, const char *pre_config, pgrst_database_fn done, void *arg);

#endif
