/* SPDX-License-Identifier: Apache-2.0
 *
 * What a deployment's steps do for edge functions: build makes them ready, package puts them into the release. Nothing
 * to do where the export has none. */
#ifndef FREEHOLD_DEPLOY_FUNCTIONS_BUILD_H
#define FREEHOLD_DEPLOY_FUNCTIONS_BUILD_H

#include <stdbool.h>

#include "base/err.h"
#include "deploy/step.h"

bool functions_step_check(struct deploy *d, struct err *err);
bool functions_step_build(struct deploy *d, struct err *err);
bool functions_step_package(struct deploy *d, const char *release_dir, struct err *err);

#endif
