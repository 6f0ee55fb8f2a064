/* SPDX-License-Identifier: Apache-2.0
 *
 * Pictures of a Lovable app that its export names and does not hold (/__l5e/assets-v1/…): fetched before the build from
 * where the app is published, into public/ of our copy. In the sandbox, with the network, by pictures.mjs, which says
 * from where. One that cannot be had is no failure: the page is the same without it. */
#ifndef FREEHOLD_BUILD_PICTURES_H
#define FREEHOLD_BUILD_PICTURES_H

#include <stdbool.h>

#include "base/buf.h"
#include "build/host.h"
#include "build/job.h"

/* Whether the inspection found any named. */
bool pictures_are_wanted(const struct build_job *job);

/* app_dir becomes /app, inner is the project's folder in it. env: the build's variables. ret_said: one line of how it
 * went, in words; initialised by the caller. */
bool pictures_bring(const struct build_job *job, const struct build_host *host, const char *app_dir, const char *inner,
		    const char *const *env, struct buf *ret_said, struct err *err);

#endif
