/* SPDX-License-Identifier: Apache-2.0
 *
 * Runs the app's build script in the sandbox: no network (unless job->has_network), the declared limits, the
 * placeholders and the owner's variables as its environment. node_modules is mounted read-only from the cache, which
 * costs nothing where copying 500 MB costs seconds; the folders in it that bundlers write to (.vite, .vite-temp,
 * .cache, .tmp) are empty and in memory. A build that must write elsewhere in it is run a second time with a copy. */
#ifndef FREEHOLD_BUILD_RUN_H
#define FREEHOLD_BUILD_RUN_H

#include <jansson.h>
#include <stdbool.h>

#include "base/err.h"
#include "build/job.h"

/* ret_outcome (the caller's): {"script", "node", "copied" (node_modules), "memory_peak_bytes", "duration_ms"},
 * and "adaptations" as build_adapt's where the build is given something in another's place. On failure the message has
 * the program's own lines that say why. */
bool build_run(const struct build_job *job, json_t **ret_outcome, struct err *err);

#endif
