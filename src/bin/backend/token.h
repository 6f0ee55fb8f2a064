/* SPDX-License-Identifier: Apache-2.0
 *
 * A verified token's role and claims, and PostgREST's words for one that is not. */
#ifndef FREEHOLD_BIN_BACKEND_TOKEN_H
#define FREEHOLD_BIN_BACKEND_TOKEN_H

#include "base/arena.h"
#include "codec/tokens.h"

struct token_refusal {
	int status;
	const char *code; /* "PGRST301" … */
	char message[128];
	const char *details; /* or NULL */
};

/* Role and claims of the holder, nothing else; they live in the arena. */
bool token_find(struct tokens *tokens, struct arena *a, struct str token, int64_t now_s, struct token_holder *ret,
		struct token_refusal *ret_refusal);

#endif
