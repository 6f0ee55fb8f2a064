/* SPDX-License-Identifier: Apache-2.0
 *
 * Who asks: what the bearer's token says, checked. Pure. Whether that user and session are still there is asked of the
 * database by call.c. */
#ifndef FREEHOLD_AUTH_CALLER_H
#define FREEHOLD_AUTH_CALLER_H

#include "auth/auth.h"
#include "auth/problem.h"
#include "auth/route.h"

struct auth_caller {
	const char *user_id; /* NULL for an administrator, and for AUTH_ANYONE */
	const char *session_id; /* NULL when the token names none */
	const char *role; /* "" where the token names none */
};

/* Checks the bearer for what the route needs. AUTH_ANYONE needs nothing. One of the app's own keys is what it is, also
 * when the key that signed it was revoked. */
bool auth_caller_check(const struct auth_request *request, enum auth_access access, struct tokens *tokens,
		       int64_t now_s, struct auth_caller *ret_caller, struct auth_problem *ret_problem);

#endif
