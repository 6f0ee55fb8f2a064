/* SPDX-License-Identifier: Apache-2.0
 *
 * A PostgreSQL array as the text of a parameter, element by element. */
#ifndef FREEHOLD_REALTIME_ARRAY_H
#define FREEHOLD_REALTIME_ARRAY_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/str.h"

void array_begin(struct buf *b, size_t max_bytes);
void array_add(struct buf *b, const struct str *text); /* NULL: no value */
void array_add_number(struct buf *b, unsigned long long number);
void array_add_flag(struct buf *b, bool flag);

/* The text, in the arena. NULL: it is longer than its maximum, or than the arena has room. Frees b either way. */
const char *array_end(struct arena *a, struct buf *b);

#endif
