/* SPDX-License-Identifier: Apache-2.0
 *
 * Whether a password may be set: its length, the kinds of characters it must hold, and, where the owner wants it,
 * whether it is among those that leaked. */
#ifndef FREEHOLD_AUTH_STRENGTH_H
#define FREEHOLD_AUTH_STRENGTH_H

#include <stdbool.h>

#include "auth/problem.h"
#include "auth/settings.h"

struct auth_call;

/* Length and characters: 400 beyond what bcrypt looks at, 422 weak_password with the reasons. Pure. */
bool strength_check(const struct auth_settings *settings, const char *password, struct auth_problem *problem);

/* All of it; next is called when the password may be set, else the call is answered. */
void strength_run(struct auth_call *call, const char *password, void (*next)(struct auth_call *call));

#endif
