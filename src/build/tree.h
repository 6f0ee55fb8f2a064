/* SPDX-License-Identifier: Apache-2.0
 *
 * Takes a folder of foreign files over, byte by byte or as hard links. Nothing is followed: a link stays a link, since
 * what runs from the copy runs in a sandbox where it can only point at what the app may see. Pipes, sockets and devices
 * are left out. Files become 0644 or, where anybody could run them, 0755; folders 0755; they are ours unless linked. */
#ifndef FREEHOLD_BUILD_TREE_H
#define FREEHOLD_BUILD_TREE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

#define TREE_MAX_DEPTH 64

struct tree_copy {
	const char *what; /* begins an error */
	uint64_t max_files, max_bytes;
	bool is_linked; /* hard links: both must be on one file system, and nobody may write to either */
	const char *like; /* a folder that was taken over before and that nobody may write to, or NULL: a file that is
			   * byte for byte the same there is a hard link to that one */
	bool (*leaves_out)(const char *relative); /* or NULL */
	uint64_t files, bytes; /* what was taken */
};

/* `to` is made, or added to where it is there. Files that are there are an error. */
bool tree_copy(struct tree_copy *copy, const char *from, const char *to, struct err *err);

#endif
