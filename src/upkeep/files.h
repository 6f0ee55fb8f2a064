/* SPDX-License-Identifier: Apache-2.0
 *
 * What is no database: each app's storage, data/, repo.git, releases; Freehold's own store, key and certificates. */
#ifndef FREEHOLD_UPKEEP_FILES_H
#define FREEHOLD_UPKEEP_FILES_H

#include "upkeep/job.h"

/* The job "files", of the whole home, to each place. Result: {"places": [{"place", "name", "ms",
 * "snapshots", "bytes"} or {…, "error"}]}: how many are kept there, and what they hold together, as it is kept. */
bool files_run(struct job_run *r, struct err *err);

/* Of the newest one that ended: {"at": TIME, "failed": null or TEXT, "places": [… as in the result]}, the caller's;
 * NULL: there was none yet. */
json_t *files_newest(const struct flow *f);

/* <home>/backups/state/freehold.db: the store as it was when the last snapshot was taken. */
#define FILES_STATE "backups/state/freehold.db"

#endif
