/* SPDX-License-Identifier: Apache-2.0
 *
 * What an app's server was seen to write, beyond what its code showed: paths of its folder that are kept in data/ from
 * the next deployment on. */
#ifndef FREEHOLD_STORE_KEPT_H
#define FREEHOLD_STORE_KEPT_H

#include <jansson.h>
#include <stdbool.h>

#include "store/db.h"

#define KEPT_MAX 100 /* of one app */

/* kind: "folder" or "file". ret_is_new may be NULL. ERR_LIMIT past KEPT_MAX. */
bool kept_add(struct db *db, const char *app, const char *path, const char *kind, bool *ret_is_new, struct err *err);

/* Appends {"path", "kind"} of each. */
bool kept_list(struct db *db, const char *app, json_t *ret_list, struct err *err);

#endif
