/* SPDX-License-Identifier: Apache-2.0
 *
 * The child's view of an unpacked source: its regular files, by path, read within limits and never through a link.
 * node_modules/ and .git/ are not looked into. */
#ifndef FREEHOLD_INTAKE_SOURCE_H
#define FREEHOLD_INTAKE_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

#define SOURCE_MAX_FILES 100000
#define SOURCE_MAX_DEPTH 64
#define SOURCE_MAX_TEXT_BYTES (1u << 20) /* a source file larger than that was not written by hand */

struct source_file {
	const char *path; /* relative to the source's folder, UTF-8, no control characters */
	uint64_t size;
};

struct source {
	struct arena *arena;
	int root;
	struct source_file *files; /* sorted by path, byte by byte */
	size_t count;
	uint64_t bytes;
};

/* Lists everything; the arena owns the list and closes the folder at its end. */
bool source_open(const char *dir, struct arena *arena, struct source *ret_source, struct err *err);

/* The file of that path, or NULL. */
const struct source_file *source_find(const struct source *s, const char *path);

/* The same for a path made of a root folder ("" or "apps/web") and a name. */
const struct source_file *source_find_in(const struct source *s, const char *root, const char *name);

/* Index of the first file whose path is not smaller than prefix: where those that begin with it stand. */
size_t source_lower_bound(const struct source *s, const char *prefix);

/* There is a file below that folder. */
bool source_has_dir(const struct source *s, const char *root, const char *name);

/* Appends the file's bytes; ERR_LIMIT when it is larger than max_bytes. */
bool source_read(const struct source *s, const struct source_file *file, size_t max_bytes, struct buf *ret_bytes,
		 struct err *err);

/* Says on standard error which file comes next, for the parent to name should we die of it. */
void source_mark(const struct source_file *file);

#endif
