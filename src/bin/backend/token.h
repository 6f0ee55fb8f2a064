/* SPDX-License-Identifier: Apache-2.0
 *
 * A verified token's role and claims, and PostgREST's words for one that is not. What verified is remembered by its
 * hash: a fixed number of places, the least recently used leaves first, none is believed past its exp. */
#ifndef FREEHOLD_BIN_BACKEND_TOKEN_H
#define FREEHOLD_BIN_BACKEND_TOKEN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/str.h"
#include "codec/jwt.h"

#define TOKEN_CACHE_SIZE 1024

struct tokens;

/* Borrowed for the life of the tokens. */
struct tokens_settings {
	struct jwt_keys keys;
	const char *audience; /* NULL: any */
	const char *role_path; /* PostgREST's jwt-role-claim-key, as ".app.role"; NULL: ".role" */
	const char *role; /* of a token that names none; NULL: such a token is refused */
	int remembered_max; /* TOKEN_CACHE_SIZE at most; 0: that, negative: none */
};

struct token_refusal {
	int status;
	const char *code; /* "PGRST301" … */
	char message[128];
	const char *details; /* or NULL */
};

struct token_holder {
	struct str role;
	struct str claims; /* a JSON object, role included */
};

struct tokens_stats {
	uint64_t asked, hits, evictions;
};
void tokens_stats(const struct tokens *tokens, struct tokens_stats *ret_stats);

struct tokens *tokens_new(const struct tokens_settings *settings);
void tokens_free(struct tokens *tokens); /* NULL is allowed */

/* What the holder points to lives in the arena. */
bool tokens_find(struct tokens *tokens, struct arena *a, struct str token, int64_t now_s, struct token_holder *ret,
		 struct token_refusal *ret_refusal);

#endif
