/* SPDX-License-Identifier: Apache-2.0
 *
 * The text of fetch_server.mjs, which starts a build that left only a fetch handler (build/server.h). */
#ifndef FREEHOLD_BUILD_FETCH_SERVER_H
#define FREEHOLD_BUILD_FETCH_SERVER_H

#include <stddef.h>

#define FETCH_SERVER_NAME "fetch_server.mjs"

struct fetch_server {
	const char *name, *text;
};
extern const struct fetch_server fetch_servers[];

#endif
