/* SPDX-License-Identifier: Apache-2.0
 *
 * Tokens that are good once: the code of a mail and the hash in its link. The hash is what upstream stores,
 * hex(SHA-224(address || code)), in the user's column and in auth.one_time_tokens. */
#ifndef FREEHOLD_AUTH_ONCE_H
#define FREEHOLD_AUTH_ONCE_H

#include "auth/pkce.h"
#include "auth/sql.h"
#include "base/arena.h"

enum once_kind {
	ONCE_CONFIRMATION,
	ONCE_RECOVERY, /* magic links, too */
	ONCE_EMAIL_CHANGE_NEW,
	ONCE_EMAIL_CHANGE_CURRENT,
	ONCE_REAUTHENTICATION,
	ONCE_PHONE_CHANGE,
};

struct once {
	const char *code; /* digits */
	const char *hash; /* as it is stored, with the prefix of PKCE where that is on */
};

/* For an address or a telephone number. pkce may be NULL. False at the arena's limit. */
bool once_make(struct arena *a, const char *relates_to, int64_t digits, const struct pkce *pkce, struct once *ret_once);

/* With a code that is given (a test number's). */
bool once_make_of(struct arena *a, const char *relates_to, const char *code, struct once *ret_once);

/* NULL at the arena's limit. */
const char *once_hash(struct arena *a, const char *relates_to, const char *code);

/* Writes it, sent now; the one before it of that kind is void. When that one was sent less than frequency_ms ago the
 * transaction is refused with ONCE_TOO_SOON: two requests at once cannot both pass. */
void once_sql(struct pg_batch *sql, struct arena *a, enum once_kind kind, const char *user_id, const char *relates_to,
	      const char *hash, int64_t frequency_ms);

#define ONCE_TOO_SOON "too soon"

#endif
