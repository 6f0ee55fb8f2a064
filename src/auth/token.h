/* SPDX-License-Identifier: Apache-2.0
 *
 * Access tokens with upstream's claims, and random names. Pure but for the randomness. */
#ifndef FREEHOLD_AUTH_TOKEN_H
#define FREEHOLD_AUTH_TOKEN_H

#include <jansson.h>
#include <stdint.h>

#include "auth/body.h"
#include "auth/problem.h"
#include "auth/user.h"
#include "codec/jwt.h"

struct token_facts {
	const char *issuer;
	int64_t now_s, expires_at_s;
	const struct auth_user *user;
	const char *session_id, *aal;
	const char *amr; /* JSON list */
};

/* JSON. NULL at the arena's limit. */
char *token_claims(struct arena *a, const struct token_facts *facts);

/* Whether claims that a hook gave back are enough for a token, by upstream's schema. */
bool token_check_claims(const json_t *claims, struct auth_problem *problem);

/* NULL at the arena's limit. */
char *token_sign(struct arena *a, const struct jwt_key *key, const char *claims);

void auth_make_uuid(char ret_uuid[AUTH_UUID_SIZE]); /* version 4 */

#define AUTH_REFRESH_TOKEN_SIZE 23
void auth_make_refresh_token(char ret_token[AUTH_REFRESH_TOKEN_SIZE]); /* 128 random bits */

/* In the arena, NULL at its limit. */
char *auth_new_uuid(struct arena *a);
char *auth_new_refresh_token(struct arena *a);

#endif
