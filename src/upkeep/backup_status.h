/* SPDX-License-Identifier: Apache-2.0
 *
 * How safe the data is, in sentences for the owner. From the store and a few files; does not wait. */
#ifndef FREEHOLD_UPKEEP_BACKUP_STATUS_H
#define FREEHOLD_UPKEEP_BACKUP_STATUS_H

#include <jansson.h>

#include "app/flow.h"

/* Appends, the worst first: a drill that failed, a window that is broken, "if this server is lost, everything is lost"
 * until a backup elsewhere was proved by restoring it, a place that cannot be reached, a job that failed. Nothing where
 * there is no app. */
bool backup_warnings(const struct flow *f, json_t *warnings, struct err *err);

/* {"last_at", "proved": {"at", "place", "bytes", "ms"} or null, "drill_failed": TEXT or null} of one app. */
bool backup_summary(const struct flow *f, const char *app, json_t **ret_summary, struct err *err);

#endif
