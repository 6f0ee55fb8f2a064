/* SPDX-License-Identifier: Apache-2.0 */
#include "bin/backend/token.h"

#include <stdio.h>

static bool refuse(struct token_refusal *refusal, int status, const char *code, const char *message,
		   const char *details)
{
	*refusal = (struct token_refusal){.status = status, .code = code, .details = details};
	(void)snprintf(refusal->message, sizeof refusal->message, "%s", message);
	return false;
}

static bool refuse_claim(struct token_refusal *refusal, const char *message)
{
	return refuse(refusal, 401, "PGRST303", message, NULL);
}

static int count_parts(struct str token)
{
	int parts = 1;
	for (size_t i = 0; i < token.len; i++) parts += token.ptr[i] == '.';
	return parts;
}

/* PostgREST's codes and words. */
static bool refuse_token(struct str token, enum jwt_fault fault, struct token_refusal *refusal)
{
	char text[64];
	switch (fault) {
	case JWT_EMPTY: return refuse(refusal, 401, "PGRST301", "Empty JWT is sent in Authorization header", NULL);
	case JWT_PARTS:
		(void)snprintf(text, sizeof text, "Expected 3 parts in JWT; got %d", count_parts(token));
		return refuse(refusal, 401, "PGRST301", text, NULL);
	case JWT_UNSECURED:
		return refuse(refusal, 401, "PGRST301", "Wrong or unsupported encoding algorithm",
			      "JWT is unsecured but expected 'alg' was not 'none'");
	case JWT_CLAIMS: return refuse_claim(refusal, "Parsing claims failed");
	case JWT_SIGNATURE:
		return refuse(refusal, 401, "PGRST301", "No suitable key or wrong key type",
			      "None of the keys was able to decode the JWT");
	case JWT_NO_KEY:
		return refuse(refusal, 401, "PGRST301", "No suitable key or wrong key type",
			      "No suitable key was found to decode the JWT");
	case JWT_EXP_TYPE: return refuse_claim(refusal, "The JWT 'exp' claim must be a number");
	case JWT_NBF_TYPE: return refuse_claim(refusal, "The JWT 'nbf' claim must be a number");
	case JWT_IAT_TYPE: return refuse_claim(refusal, "The JWT 'iat' claim must be a number");
	case JWT_AUD_TYPE: return refuse_claim(refusal, "The JWT 'aud' claim must be a string or an array of strings");
	case JWT_EXPIRED: return refuse_claim(refusal, "JWT expired");
	case JWT_NOT_YET: return refuse_claim(refusal, "JWT not yet valid");
	case JWT_FUTURE: return refuse_claim(refusal, "JWT issued at future");
	case JWT_AUDIENCE: return refuse_claim(refusal, "JWT not in audience");
	case JWT_NO_ROLE: return refuse(refusal, 401, "PGRST302", "Anonymous access is disabled", NULL);
	default: return refuse(refusal, 401, "PGRST301", "JWT cryptographic operation failed", NULL);
	}
}

bool token_find(struct tokens *tokens, struct arena *a, struct str token, int64_t now_s, struct token_holder *ret,
		struct token_refusal *ret_refusal)
{
	struct token_holder found;
	enum jwt_fault fault;
	struct err ignored;
	if (!tokens_find(tokens, token, now_s, &found, &fault, &ignored))
		return refuse_token(token, fault, ret_refusal);
	*ret = (struct token_holder){.role = arena_str(a, found.role), .claims = arena_str(a, found.claims)};
	if (ret->role.ptr != NULL && ret->claims.ptr != NULL) return true;
	return refuse(ret_refusal, 413, NULL, "the request needs more memory than is set aside for it", NULL);
}
