/* SPDX-License-Identifier: Apache-2.0
 *
 * Fonts that Next.js fetches from Google while it builds (next/font/google). Such a build gets the network; when the
 * host cannot be reached, that is found before the build begins. What an earlier build of the app fetched lies in its
 * build cache (.next/cache), which goes from one build to the next. */
#ifndef FREEHOLD_BUILD_FONTS_H
#define FREEHOLD_BUILD_FONTS_H

#include <stdbool.h>

#include "base/err.h"
#include "build/host.h"
#include "build/job.h"

#define FONTS_HOST "fonts.googleapis.com"

/* ret_needs: the build wants the network for its fonts. has_cache: an earlier build's is there, so that a host that
 * cannot be reached is only said. Otherwise ERR_UNAVAILABLE names it, the fonts and where they are asked for. */
bool fonts_prepare(const struct build_job *job, const struct build_host *host, bool has_cache, bool *ret_needs,
		   struct err *err);

#endif
