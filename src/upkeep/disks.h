/* SPDX-License-Identifier: Apache-2.0
 *
 * How much room is left where Freehold writes: the home's disk, and other disks of this machine that backups go to. A
 * place that is another machine's (--elsewhere) is not asked, since a network's file system may not answer: what does
 * not arrive there, upkeep/backup_status.h says. */
#ifndef FREEHOLD_UPKEEP_DISKS_H
#define FREEHOLD_UPKEEP_DISKS_H

#include <jansson.h>

#include "app/flow.h"

#define DISKS_LOW_BYTES ((uint64_t)2 << 30) /* a build needs up to as much */

/* [{"at", "free_bytes", "is_low", "apps": [NAME], "places": [NAME], "what": SENTENCE, "next": TEXT or null}], the
 * home's first, the caller's. A disk that cannot be asked has no "free_bytes", and "what" says why. */
bool disks_look(const struct flow *f, json_t **ret_disks, struct err *err);

/* Appends a sentence of each of these that is low, with the next step. */
void disks_warnings(const json_t *disks, json_t *warnings);

#endif
