/* SPDX-License-Identifier: Apache-2.0
 *
 * Memory for one request or one step: allocated piece by piece, freed at once, with a hard limit declared where the
 * arena is made. Nothing inside is freed singly. What else must be let go at the end (a file descriptor, a PGresult) is
 * registered with arena_defer and runs in reverse order when the arena is freed.
 *
 * Reaching the limit is an ordinary error: the functions return NULL and the caller reports ERR_LIMIT. The machine
 * being out of memory is not: it aborts. Under AddressSanitizer every allocation is one of its own, so overruns are
 * seen. */
#ifndef FREEHOLD_BASE_ARENA_H
#define FREEHOLD_BASE_ARENA_H

#include <stdarg.h>
#include <stddef.h>

#include "base/str.h"

struct arena;

struct arena *arena_new(size_t limit_bytes);
void arena_free(struct arena *a); /* NULL is allowed */

/* Frees everything and runs what was deferred; the arena can be used again and keeps its first block. */
void arena_reset(struct arena *a);

/* Zeroed, aligned for any type. NULL at the limit. A size of 0 gives a pointer that may not be read. */
void *arena_alloc(struct arena *a, size_t size_bytes) __attribute__((warn_unused_result));

/* count * size without overflow. */
void *arena_array(struct arena *a, size_t count, size_t size_bytes) __attribute__((warn_unused_result));

/* Copies that end in NUL. NULL at the limit. */
char *arena_strdup(struct arena *a, const char *text) __attribute__((warn_unused_result));
char *arena_strndup(struct arena *a, const char *text, size_t len) __attribute__((warn_unused_result));
char *arena_cstr(struct arena *a, struct str s) __attribute__((warn_unused_result));
struct str arena_str(struct arena *a, struct str s); /* .ptr is NULL at the limit */
char *arena_printf(struct arena *a, const char *fmt, ...) __attribute__((format(printf, 2, 3), warn_unused_result));

/* Runs fn(arg) when the arena is freed or reset, last registered first. */
void arena_defer(struct arena *a, void (*fn)(void *arg), void *arg);

size_t arena_used(const struct arena *a); /* bytes handed out since new or reset */

#endif
