/* SPDX-License-Identifier: Apache-2.0
 *
 * What build/ reads of intake's inspection, in one place. */
#ifndef FREEHOLD_BUILD_WISH_H
#define FREEHOLD_BUILD_WISH_H

#include <jansson.h>
#include <stdbool.h>

struct build_wish {
	bool is_static; /* shape "static": the folder is the site */
	const char *script; /* its name in package.json */
	const char *output; /* relative to the app's folder, or "" where it is to be found; borrowed */
};

struct build_wish build_wish_read(const json_t *inspection);

#endif
