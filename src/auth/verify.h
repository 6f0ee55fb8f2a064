/* SPDX-License-Identifier: Apache-2.0
 *
 * What /verify is asked, and whose token it is. */
#ifndef FREEHOLD_AUTH_VERIFY_H
#define FREEHOLD_AUTH_VERIFY_H

#include "auth/call.h"
#include "auth/once.h"

enum verify_type {
	VERIFY_SIGNUP,
	VERIFY_INVITE,
	VERIFY_RECOVERY,
	VERIFY_MAGICLINK,
	VERIFY_EMAIL, /* a code, of a confirmation or a magic link */
	VERIFY_EMAIL_CHANGE,
	VERIFY_SMS,
	VERIFY_PHONE_CHANGE,
};

struct verify {
	enum verify_type type; /* VERIFY_EMAIL becomes what it was */
	const char *type_word; /* as the request has it */
	const char *hash; /* of the token, as it is stored or without the prefix of PKCE */
	const char *email, *phone; /* where a code came with them; else NULL */
	const char *code; /* that came with them */
	bool is_link; /* GET: the answer is a redirect */
	bool is_pkce; /* of a link */

	void (*next)(struct auth_call *call); /* verify.c's */

	/* found */
	enum once_kind once; /* which token it is */
	const char *stored; /* as it is in the row, "" for a test number's */
};

/* The body or query. 400 in upstream's words. */
bool verify_read(struct auth_call *call, struct verify *ret_verify, struct auth_problem *problem);

/* next is called with call->user and the found members set, for a token that is known, of its type, and not too old;
 * else the call is answered. */
void verify_find(struct auth_call *call, struct verify *v, void (*next)(struct auth_call *call));

/* Takes the token away, first in the pipeline: of two who bring it, one is refused. Answered by verify_on_refused. */
void verify_sql_take(struct auth_call *call, const struct verify *v);
bool verify_on_refused(struct auth_call *call, const struct pg_error *why);

#endif
