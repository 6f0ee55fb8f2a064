/* SPDX-License-Identifier: Apache-2.0
 *
 * What build/ reads of intake's inspection, in one place. */
#ifndef FREEHOLD_BUILD_WISH_H
#define FREEHOLD_BUILD_WISH_H

#include <jansson.h>
#include <stdbool.h>

struct build_wish {
	bool is_static; /* shape "static": the folder is the site */
	const char *const *command; /* what builds it; NULL: nothing does */
	const char *command_text; /* for people */
	const char *output; /* relative to the app's folder, or "" where it is to be found; borrowed */
};

/* Its own build script, else what its framework is built with. An Expo app is always exported for the web: its scripts
 * are for phones. */
struct build_wish build_wish_read(const json_t *inspection);

#endif
