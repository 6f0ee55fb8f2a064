/* SPDX-License-Identifier: Apache-2.0
 *
 * The tables in the types that Supabase generates (types.ts): what the code believes the database has. Pure. */
#ifndef FREEHOLD_INTAKE_TYPES_H
#define FREEHOLD_INTAKE_TYPES_H

#include <jansson.h>

#include "base/str.h"

/* Appends the names of the schema public's tables; nothing when the text is something else. */
void types_tables(struct str text, json_t *names);

#endif
