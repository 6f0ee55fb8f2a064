/* SPDX-License-Identifier: Apache-2.0
 *
 * Refresh tokens of upstream's newer kind, which a moved project's users may hold: no row of refresh_tokens, but a
 * message that says its session and how often that was refreshed, signed with the session's own key
 * (internal/crypto/refresh_tokens.go of supabase/auth):
 *
 *     base64url( 0, session (16 bytes), counter (varint), HMAC-SHA-256 cut to 16 bytes, SHA-256 of all that cut to 4 )
 *
 * Here one of each session is taken and goes on as a token of the ordinary kind (moved.h). Pure. */
#ifndef FREEHOLD_AUTH_MOVED_TOKEN_H
#define FREEHOLD_AUTH_MOVED_TOKEN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

#define MOVED_TOKEN_BYTES_MAX 64
#define MOVED_TOKEN_SIGNATURE_BYTES 16

struct moved_token {
	char session_id[37];
	int64_t counter;
	unsigned char bytes[MOVED_TOKEN_BYTES_MAX];
	unsigned signed_len; /* of bytes; the signature stands behind it */
};

/* False when it is none, or was spoilt. */
bool moved_token_read(struct str token, struct moved_token *ret_token);

/* Whether the session's key signed it. key: as sessions.refresh_token_hmac_key has it; one that upstream encrypted (a
 * JSON object) matches nothing, since what it was encrypted with stays there. */
bool moved_token_matches(const struct moved_token *token, const char *key);

#endif
