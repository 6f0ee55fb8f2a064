/* SPDX-License-Identifier: Apache-2.0
 *
 * What an owner set for an app and need not be secret: a word and a number each. */
#ifndef FREEHOLD_STORE_SETTING_H
#define FREEHOLD_STORE_SETTING_H

#include <stdint.h>

#include "store/db.h"

/* Leaves *inout_value alone where nothing was set. */
bool setting_get(struct db *db, const char *app, const char *name, int64_t *inout_value, struct err *err);
bool setting_set(struct db *db, const char *app, const char *name, int64_t value, struct err *err);

#endif
