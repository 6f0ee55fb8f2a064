/* SPDX-License-Identifier: Apache-2.0
 *
 * Whether a password is among those that leaked: the range API of haveibeenpwned.com is asked for all hashes that begin
 * like the password's (five characters of its SHA-1), and the rest is compared here; the password never leaves. */
#ifndef FREEHOLD_AUTH_BREACH_H
#define FREEHOLD_AUTH_BREACH_H

#include "auth/call.h"

#define BREACH_PREFIX_LEN 5
#define BREACH_HASH_SIZE 41

/* In upper case. Pure, as the next. */
void breach_hash(const char *password, char ret_hash[BREACH_HASH_SIZE]);

/* Whether a range ("SUFFIX:COUNT" a line) holds the hash; a count of 0 is padding. */
bool breach_is_in(struct str range, const char *hash);

/* next hears it; where nobody answers it is false, unless the owner said that then nothing may pass: the call is
 * answered then. */
void breach_run(struct auth_call *call, const char *password, void (*next)(struct auth_call *call, bool is_leaked));

#endif
