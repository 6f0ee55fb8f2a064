/* SPDX-License-Identifier: Apache-2.0
 *
 * Settings of the whole home, a word and a number each, and its clock: what is due when is asked of it, so that a test
 * can move the days ("clock_offset_ms") without waiting for them. */
#ifndef FREEHOLD_STORE_HOME_H
#define FREEHOLD_STORE_HOME_H

#include <stdint.h>

#include "store/db.h"

/* Leaves *inout_value alone where nothing was set. */
bool home_get(struct db *db, const char *name, int64_t *inout_value, struct err *err);
bool home_set(struct db *db, const char *name, int64_t value, struct err *err);

/* Milliseconds since 1970 UTC, as this home counts them. */
int64_t home_now_ms(struct db *db);

#endif
