/* SPDX-License-Identifier: Apache-2.0
 *
 * The text of neon_door.mjs, which leads @neondatabase/serverless to the app's own PostgreSQL (build/server.h). */
#ifndef FREEHOLD_BUILD_NEON_DOOR_H
#define FREEHOLD_BUILD_NEON_DOOR_H

#include <stddef.h>

#define NEON_DOOR_NAME "neon_door.mjs"
#define NEON_DOOR_PACKAGE "@neondatabase/serverless"

struct neon_door {
	const char *name, *text;
};
extern const struct neon_door neon_doors[];

#endif
