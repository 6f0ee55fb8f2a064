/* SPDX-License-Identifier: Apache-2.0
 *
 * What is no database: each app's storage, data/, repo.git, releases; Freehold's own store, key and certificates. */
#ifndef FREEHOLD_UPKEEP_FILES_H
#define FREEHOLD_UPKEEP_FILES_H

#include "upkeep/job.h"

/* The job "files", of the whole home, to each place. Result: {"places": [{"place", "name", "ms"} or {…, "error"}]}. */
bool files_run(struct job_run *r, struct err *err);

/* <home>/backups/state/freehold.db: the store as it was when the last snapshot was taken. */
#define FILES_STATE "backups/state/freehold.db"

#endif
