/* SPDX-License-Identifier: Apache-2.0
 *
 * Fonts that Next.js fetches from Google while it builds (next/font/google). Where Google is reached, such a build gets
 * the network. Where it is not, or the owner does not want it, the same files come from the npm registry
 * (@fontsource-variable/NAME, @fontsource/NAME), once for all apps like tools (build/tools.h), and the build finds them
 * on its own loopback; fonts.mjs says how. */
#ifndef FREEHOLD_BUILD_FONTS_H
#define FREEHOLD_BUILD_FONTS_H

#include <jansson.h>
#include <stdbool.h>

#include "base/err.h"
#include "build/box.h"
#include "build/host.h"
#include "build/job.h"

#define FONTS_HOST "fonts.googleapis.com"
#define FONTS_VARIABLE "FREEHOLD_FONTS" /* "npm": Google is not asked */
#define FONTS_WHY_SIZE 192
#define FONTS_MAX 24 /* packages of one app */

struct fonts {
	bool needs_network; /* they come from Google */
	char why_not_google[FONTS_WHY_SIZE];
	int count; /* of packages; 0: the build runs as it always does */
	struct box_tool packages[FONTS_MAX];
	char from[FONTS_MAX][FILE_PATH_SIZE], to[FONTS_MAX][128]; /* of their mounts */
	json_t *adaptations; /* [{"file", "line", "what"}], or NULL; the caller's */
};

/* as_build: how the build will run, with its mounts. has_cache: an earlier build's is there, which may hold fonts
 * (.next/cache), so that some that cannot be had are only said. Otherwise ERR_UNAVAILABLE names them, where they are
 * asked for, and why. */
bool fonts_prepare(const struct box_call *as_build, bool has_cache, struct fonts *ret_fonts, struct err *err);

/* Adds the packages to the mounts of the build; returns how many. */
int fonts_mount(const struct fonts *f, struct sandbox_mount *mounts);

/* The command with what answers in Google's place around it. */
#define FONTS_COMMAND_MAX 24
void fonts_wrap(const struct fonts *f, const char *const *command, const char *ret_command[FONTS_COMMAND_MAX]);

#endif
