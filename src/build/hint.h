/* SPDX-License-Identifier: Apache-2.0
 *
 * What a package manager or a build says when something is missing, as a sentence for the owner that names it and the
 * next step. Pure. */
#ifndef FREEHOLD_BUILD_HINT_H
#define FREEHOLD_BUILD_HINT_H

#include <stdbool.h>

#include "base/str.h"

#define HINT_SIZE 480

/* A package or a file that is imported and not there. False, with "", when it says nothing of the kind. Ends in a full
 * stop and a blank. */
bool hint_missing_module(struct str said, char ret_hint[HINT_SIZE]);

/* A version of a package that the registry has not, or not any more. */
bool hint_missing_version(struct str said, char ret_hint[HINT_SIZE]);

/* The registry was not reached: nothing is wrong with the app. */
bool hint_unreached(struct str said, char ret_hint[HINT_SIZE]);

#endif
