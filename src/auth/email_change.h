/* SPDX-License-Identifier: Apache-2.0
 *
 * The mails of a change of the address: to the new one, and to the old one where both must agree. */
#ifndef FREEHOLD_AUTH_EMAIL_CHANGE_H
#define FREEHOLD_AUTH_EMAIL_CHANGE_H

#include "auth/call.h"
#include "auth/pkce.h"

/* Adds the tokens' rows behind what is in call->sql, sends the mails and all of it. */
void email_change_run(struct auth_call *call, const struct auth_user *user, const char *new_email,
		      const struct pkce *pkce, void (*on_rows)(struct auth_call *call, const PGresult *rows));

#endif
