/* SPDX-License-Identifier: Apache-2.0
 *
 * Taking an app's backups, and telling what there is. */
#ifndef FREEHOLD_UPKEEP_BACKUP_H
#define FREEHOLD_UPKEEP_BACKUP_H

#include <jansson.h>

#include "upkeep/job.h"

/* The job "backup": {"full": bool, "place": N (0: all)}. Each place by itself: one that fails does not keep the others
 * from theirs. Result: {"places": [{"place", "name", "label", "type", "bytes", "repository_bytes", "ms"} or {…,
 * "error"}]}. */
bool backup_run(struct job_run *r, struct err *err);

/* What there is at each place, from the store: {"app", "places": [{"place", "name", "is_elsewhere", "backups": […],
 * "windows": [{"from", "to"}], "waiting", "failing", "broken"}], "retention": {…}}. Does not wait. */
bool backup_json(const struct flow *f, const char *app, json_t **ret_json, struct err *err);

/* Asks a place what it has and keeps that. */
bool backup_look(const struct flow *f, const struct parts *p, int64_t place, json_t **ret_list, struct err *err);

/* Sends what waits for each of the app's places. */
bool backup_ship(const struct flow *f, const char *app, struct err *err);

/* Until when a place has everything: now, or what waits for it; in true time. */
int64_t backup_covered_ms(const struct parts *p, int64_t place);

#endif
