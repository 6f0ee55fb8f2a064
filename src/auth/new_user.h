/* SPDX-License-Identifier: Apache-2.0
 *
 * The owner's hooks around a new user: one that may refuse it before it is written, one that hears of it after. */
#ifndef FREEHOLD_AUTH_NEW_USER_H
#define FREEHOLD_AUTH_NEW_USER_H

#include "auth/call.h"

struct new_user_facts {
	const char *id, *email, *phone; /* NULL where there is none */
	const char *provider; /* "email", "phone", "google" …; NULL: anonymous */
	const char *user_metadata; /* JSON object; NULL: {} */
};

/* next is called when the user may be made. */
void new_user_before(struct auth_call *call, const struct new_user_facts *facts, void (*next)(struct auth_call *call));

void new_user_after(struct auth_call *call, const struct auth_user *user, void (*next)(struct auth_call *call));

#endif
