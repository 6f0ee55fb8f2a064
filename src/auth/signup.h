/* SPDX-License-Identifier: Apache-2.0
 *
 * A new user by themself: with an address or a telephone number, confirmed at once or by a mail. Begun by /signup, and
 * by /otp for somebody who is not there yet. */
#ifndef FREEHOLD_AUTH_SIGNUP_H
#define FREEHOLD_AUTH_SIGNUP_H

#include "auth/call.h"
#include "auth/pkce.h"

struct signup {
	const char *email, *phone; /* one of them, checked; the other NULL */
	const char *password; /* checked */
	const char *data; /* JSON object */
	struct pkce pkce;
	/* For /otp: what is done with a user who is confirmed at once, and with one who got a mail. Of /signup a
	 * session, and the user. */
	void (*on_confirmed)(struct auth_call *call);
	void (*on_mailed)(struct auth_call *call);
	bool has_turn; /* post_turn was asked */

	/* signup's own */
	const char *id, *hash;
	bool is_new;
	struct auth_user user; /* whoever was there already */
};

/* s lives in the request's arena. */
void signup_run(struct auth_call *call, struct signup *s);

#endif
