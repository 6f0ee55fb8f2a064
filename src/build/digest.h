/* SPDX-License-Identifier: Apache-2.0
 *
 * SHA-256 of text, files and trees, in hex. */
#ifndef FREEHOLD_BUILD_DIGEST_H
#define FREEHOLD_BUILD_DIGEST_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/str.h"

#define DIGEST_SIZE 65 /* with NUL */

struct digest;

struct digest *digest_new(void);
void digest_add(struct digest *d, const void *bytes, size_t len);
void digest_add_field(struct digest *d, struct str field); /* with its length, so that fields cannot run together */
void digest_end(struct digest *d, char ret_hex[DIGEST_SIZE]); /* and frees it */

/* Adds a regular file's bytes; the descriptor is read from where it stands to its end. */
bool digest_add_fd(struct digest *d, int fd, struct err *err);

/* Hash of all regular files below a folder: names, sizes and bytes, in the order of their names. Other kinds are
 * left out; so are folders named in `without` (NULL-terminated, or NULL) at its top. */
bool digest_tree(const char *folder, const char *const *without, char ret_hex[DIGEST_SIZE], struct err *err);

#endif
