/* SPDX-License-Identifier: Apache-2.0
 *
 * Does a packaged server speak to PostgreSQL by itself? Most of the servers that builders make do not: they ask the
 * backend. One that does gets a pool (app/pool.h) in front of its database; to miss one costs it the pool, not the
 * database. */
#ifndef FREEHOLD_BUILD_DATABASE_USE_H
#define FREEHOLD_BUILD_DATABASE_USE_H

#include <stdbool.h>

/* True when code below the folder names one of the variables of serve_env's database, or a driver for PostgreSQL lies
 * in a node_modules there. modules: one more node_modules; or NULL. Follows no links. Too much to look through is true.
 */
bool build_uses_database(const char *server_dir, const char *modules);

#endif
