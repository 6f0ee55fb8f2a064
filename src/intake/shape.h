/* SPDX-License-Identifier: Apache-2.0
 *
 * What kind of app a source is, from evidence: names change every few months, files do not lie. In the sandbox. */
#ifndef FREEHOLD_INTAKE_SHAPE_H
#define FREEHOLD_INTAKE_SHAPE_H

#include <jansson.h>
#include <stdbool.h>

#include "base/err.h"
#include "intake/source.h"

#define SHAPE_MAX_ROOT_DEPTH 3
#define SHAPE_MAX_PACKAGE_BYTES (1u << 20)

/* Sets shape, builder, evidence, root, other_roots, runs, refusal, name, package_manager, lockfiles, node,
 * build_script, start_script, versions, output_dir of the inspection. A package.json that is too large or no JSON fails
 * by name. *ret_root lives in the arena. */
bool shape_read(const struct source *source, json_t *inspection, const char **ret_root, struct err *err);

#endif
