/* SPDX-License-Identifier: Apache-2.0
 *
 * The child's side of intake_inspect: reads a source and writes the inspection (see intake/inspect.h). */
#ifndef FREEHOLD_INTAKE_INSPECTION_H
#define FREEHOLD_INTAKE_INSPECTION_H

#include <jansson.h>
#include <stdbool.h>

#include "base/err.h"

#define INSPECTION_MEMORY_BYTES ((size_t)512 << 20)

/* ret_inspection is the caller's. */
bool inspection_make(const char *dir, json_t **ret_inspection, struct err *err);

#endif
