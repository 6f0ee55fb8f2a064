/* SPDX-License-Identifier: Apache-2.0
 *
 * Bearers' tokens, verified. One that verified is remembered by its digest, with what it says of its holder, so that
 * the next request with it costs a look instead of a signature: a fixed number of places, the least recently used
 * leaves first. Whether it is its time (exp, nbf, iat) is looked at anew each time.
 *
 * The keys are those of its birth: with other ones there is another `tokens`, which remembers nothing. */
#ifndef FREEHOLD_CODEC_TOKENS_H
#define FREEHOLD_CODEC_TOKENS_H

#include "codec/jwt.h"

#define TOKENS_REMEMBERED_MAX 1024 /* of JWT_MAX_BYTES at most, each */

struct tokens;

/* Borrowed for the life of the tokens. */
struct tokens_settings {
	struct jwt_keys keys;
	const char *audience; /* NULL: any */
	const char *role_path; /* PostgREST's jwt-role-claim-key, as ".app.role"; NULL: ".role" */
	const char *role; /* of a token that names none; NULL: such a token is refused */
	int remembered_max; /* TOKENS_REMEMBERED_MAX at most; 0: that, negative: none */
};

struct tokens_stats {
	uint64_t asked, hits, evictions;
};
void tokens_stats(const struct tokens *tokens, struct tokens_stats *ret_stats);

struct token_holder {
	struct str role;
	struct str claims; /* a JSON object, role included */
	struct str user_id, session_id; /* the claims sub and session_id; empty: none, or no text */
};

struct tokens *tokens_new(const struct tokens_settings *settings);
void tokens_free(struct tokens *tokens); /* NULL is allowed */

/* What the holder points to is there until the next call. */
bool tokens_find(struct tokens *tokens, struct str token, int64_t now_s, struct token_holder *ret,
		 enum jwt_fault *ret_fault, struct err *err);

#endif
