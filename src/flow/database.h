/* SPDX-License-Identifier: Apache-2.0
 *
 * What Freehold puts into an app's database of its own accord, whether the app was just deployed or its cluster came
 * from elsewhere. */
#ifndef FREEHOLD_FLOW_DATABASE_H
#define FREEHOLD_FLOW_DATABASE_H

#include "flow/parts.h"

/* The running cluster has this edition's prelude, the app's signing secret, and its server's role with its password. */
bool database_settle(const struct flow *f, const char *app, const struct owndb *db, struct err *err);

/* Where prepared clusters are kept. */
bool database_cache(const struct flow *f, char ret_path[FILE_PATH_SIZE], struct err *err);

#endif
