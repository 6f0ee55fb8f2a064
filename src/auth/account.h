/* SPDX-License-Identifier: Apache-2.0
 *
 * Somebody whom a provider knows becomes a user here, by upstream's rules:
 *
 *     the identity is known            that user; what the provider says of them is taken over
 *     its verified address is known    linked to that user
 *     neither                          a new user
 *
 * A user who never confirmed their address loses what was there before (a password, other identities): whoever signed
 * up first with somebody's address gains nothing by it. Only an address that the provider has verified links. */
#ifndef FREEHOLD_AUTH_ACCOUNT_H
#define FREEHOLD_AUTH_ACCOUNT_H

#include "auth/call.h"
#include "auth/oauth.h"

struct account {
	const char *provider; /* its name */
	struct oauth_person person;
	const char *target_id; /* link to this user and no other; NULL: find one */
	const char *target_session; /* of that user, must be there still; NULL: not asked */
	const char *invite_token; /* as stored; NULL: not invited */
	bool is_email_optional;

	/* call->sql holds what makes the user, to be sent together with what begins the session; call->user.id says
	 * who. Called once more when somebody else was quicker. */
	void (*next)(struct auth_call *call);

	/* found */
	bool is_new, is_retried;
	const char *user_id, *identity_id;
	const char *data, *verified; /* JSON texts of the person's */
};

/* account lives in the request's arena. What cannot be is answered. */
void account_run(struct auth_call *call, struct account *account);

/* It is set when next is called; who sets another one asks it too. */
bool account_on_refused(struct auth_call *call, const struct pg_error *why);

/* account_find.c: asks for everything that the decision needs; found is called with the rows. */
enum { ACCOUNT_BY_IDENTITY, ACCOUNT_BY_EMAIL, ACCOUNT_SAME_EMAIL, ACCOUNT_TARGET };
enum { ACCOUNT_IDENTITY_ID, ACCOUNT_HAS_SESSION = ACCOUNT_IDENTITY_ID }; /* behind the user's columns */
void account_find(struct auth_call *call, const struct account *account,
		  void (*found)(struct auth_call *call, const PGresult *rows));

#endif
