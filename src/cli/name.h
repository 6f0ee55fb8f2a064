/* SPDX-License-Identifier: Apache-2.0
 *
 * Names: what an app may be called, what it is called when nobody said, and which word was probably meant. Pure. */
#ifndef FREEHOLD_CLI_NAME_H
#define FREEHOLD_CLI_NAME_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/str.h"

#define NAME_APP_SIZE 33 /* 32 characters and NUL */

/* docs/api.md: 1 to 32 characters of a to z, 0 to 9 and -, a letter first, no - last. ERR_INVALID says so. */
bool name_check_app(const char *name, struct err *err);

/* From the last part of a path or git address: "…/My Shop-main (1).zip" gives "my-shop". The endings that archives, git
 * hosts and browsers add are taken off. ERR_INVALID when nothing usable is left. */
bool name_from_source(const char *source, char ret_name[NAME_APP_SIZE], struct err *err);

/* The word of a NULL-terminated list that is nearest to what was typed: few letters differ, or one begins the other.
 * NULL when none is near. */
const char *name_nearest(const char *typed, const char *const *words);

/* A variable of the environment: letters, digits and _, no digit first, at most 128. */
bool name_check_variable(struct str name, struct err *err);

#endif
