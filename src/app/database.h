/* SPDX-License-Identifier: Apache-2.0
 *
 * What Freehold puts into an app's database of its own accord, whether the app was just deployed or its cluster came
 * from elsewhere. */
#ifndef FREEHOLD_APP_DATABASE_H
#define FREEHOLD_APP_DATABASE_H

#include "app/parts.h"
#include "owndb/server_role.h"

/* The running cluster has this edition's prelude, the app's signing secret, and its server's role with its password and
 * its share of the connections. db: the app's own cluster, or one that is to become it. */
bool database_settle(const struct flow *f, const struct parts *p, const struct owndb *db, struct err *err);

/* The last of these alone: the server's role with its password and its connections. */
bool database_let_server_in(const struct flow *f, const struct parts *p, const struct owndb *db, struct err *err);

/* What the role's password is kept as. ERR_NOT_FOUND before it was given once. */
bool database_verifier(const struct flow *f, const char *app, char ret_verifier[OWNDB_VERIFIER_SIZE], struct err *err);

/* How many connections the server's role was given when that was last done. */
bool database_server_connections(const struct flow *f, const char *app, int *ret_connections, struct err *err);

/* Where prepared clusters are kept. */
bool database_cache(const struct flow *f, char ret_path[FILE_PATH_SIZE], struct err *err);

#endif
