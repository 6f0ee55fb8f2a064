/* SPDX-License-Identifier: Apache-2.0
 *
 * A second factor of a user, and what the flows about it share. */
#ifndef FREEHOLD_AUTH_FACTOR_H
#define FREEHOLD_AUTH_FACTOR_H

#include "auth/call.h"

/* Texts are the row's. */
struct factor {
	const char *id, *type, *secret, *phone;
	bool is_verified;
	int64_t challenged_ms; /* ago; -1: never */
	const char *json; /* as clients see it */
};

/* The factor of call->user with that id, then next; 404 when there is none. call->factor is it. */
void factor_load(struct auth_call *call, const char *factor_id, void (*next)(struct auth_call *call));

bool factor_is_totp(const struct factor *factor);

/* Sessions that were raised by it fall back; nothing where there are none. Adds to call->sql. */
void factor_sql_downgrade(struct auth_call *call, const struct factor *factor);

/* 422: the user has another factor of that name. The second is for call->on_refused. */
void factor_name_taken(struct auth_call *call, const char *name);
bool factor_on_taken(struct auth_call *call, const struct pg_error *why, const char *name);

#endif
