/* SPDX-License-Identifier: Apache-2.0
 *
 * What pgBackRest says of a repository and of its progress, read. Pure. */
#ifndef FREEHOLD_BACKUP_INFO_H
#define FREEHOLD_BACKUP_INFO_H

#include <jansson.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

/* `pgbackrest info --output=json` to the list of store/backup.h. taken_at_ms of a backup that is in `known` stays,
 * that of a new one is now_ms. */
bool info_read(struct str text, const json_t *known, int64_t now_ms, json_t **ret_list, struct err *err);

/* A line of --log-level-console=detail: true with what has been done so far, 0 to 1. */
bool info_progress(struct str line, double *ret_done);

/* "ERROR: [082]: WAL segment … was not archived" of all that it printed: the message, or the line below it
 * that it announces with a colon; false where there is none. */
bool info_error(struct str output, struct str *ret_message);

#endif
