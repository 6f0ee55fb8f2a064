/* SPDX-License-Identifier: Apache-2.0
 *
 * Every deployment's source is a commit in the app's repo.git (intake/git.h), each of its objects a file. After some
 * deployments a job puts them into packs. While the files of the home are being copied (upkeep/files.h) it does not,
 * nor they meanwhile: a copy that had looked before would name packs that are gone. */
#ifndef FREEHOLD_UPKEEP_PACK_H
#define FREEHOLD_UPKEEP_PACK_H

#include "upkeep/job.h"

#define PACK_EVERY 10 /* deployments */
#define PACK_PACKS_MAX 50 /* before they are put together */
#define PACK_LOOSE_MAX 2000 /* or about as many objects, and a deployment since */

/* Is it time? packed: the deployment after which it was done last, 0: never. */
bool pack_is_due(const struct flow *f, const char *app, int64_t packed, int64_t *ret_newest);

/* The job "pack" of an app; options: {"deployment": N}, the newest one. Result: {"loose_before", "loose", "packs"}. */
bool pack_run(struct job_run *r, struct err *err);

/* For whoever copies repositories file by file: waits until none is packed and keeps it so until *ret_fd is closed. */
bool pack_keep_off(const struct flow *f, int *ret_fd, struct err *err);

#endif
