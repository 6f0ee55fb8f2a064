/* SPDX-License-Identifier: Apache-2.0
 *
 * A drill: the newest backup of an app is restored into a scratch cluster, PostgreSQL recovers it to a moment that was
 * marked for it, every page's checksum and every table's structure are looked at, and each table's rows are counted
 * against those of the live one. What cannot be restored is no backup, and this is how one knows. */
#ifndef FREEHOLD_UPKEEP_DRILL_H
#define FREEHOLD_UPKEEP_DRILL_H

#include "upkeep/job.h"

/* Options: {"place": N (0: one that outlives this server, if there is any)}. Result: {"place", "name", "is_elsewhere",
 * "backup", "bytes", "ms", "tables", "rows"}. */
bool drill_run(struct job_run *r, struct err *err);
bool drill_recover(struct job_run *r, bool *ret_is_done, struct err *err);

#endif
