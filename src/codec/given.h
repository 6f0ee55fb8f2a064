/* SPDX-License-Identifier: Apache-2.0
 *
 * Which names of the environment nobody has to set. The values are given elsewhere (build/adapt.c to builds,
 * app/serve_env.c to servers); a test of theirs holds this list to them. Pure. */
#ifndef FREEHOLD_CODEC_GIVEN_H
#define FREEHOLD_CODEC_GIVEN_H

#include <stdbool.h>

#include "base/str.h"

/* Freehold gives it to the build or to the running server. */
bool given_is(struct str name);

/* Node, a tool or a hosting platform sets it where it is meant to be; code that reads it can do without. */
bool given_is_ambient(struct str name);

/* Where a builder shows the values that its owner set, as its screens call it; NULL: not known. */
const char *given_builders_place(const char *builder);

#endif
