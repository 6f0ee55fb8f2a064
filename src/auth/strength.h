/* SPDX-License-Identifier: Apache-2.0
 *
 * Whether a password may be set: its length, the kinds of characters it must hold. Pure. */
#ifndef FREEHOLD_AUTH_STRENGTH_H
#define FREEHOLD_AUTH_STRENGTH_H

#include <stdbool.h>

#include "auth/problem.h"

bool strength_check(const char *password, struct auth_problem *problem);

#endif
