/* SPDX-License-Identifier: Apache-2.0
 *
 * A provider is asked who somebody is:
 *
 *     code ─▶ tokens ─┬─▶ the ID token, verified ─▶ userinfo, where that names no address ─▶ person
 *                     └─▶ the API (GitHub, Discord, Facebook) ─────────────────────────────▶ person */
#ifndef FREEHOLD_AUTH_PROVIDER_CALL_H
#define FREEHOLD_AUTH_PROVIDER_CALL_H

#include "auth/call.h"
#include "auth/oauth.h"

struct provider_answer {
	struct oauth_person person;
	const char *access_token, *refresh_token; /* "" when there is none */
};

/* The provider's addresses are set, where need be by discovery. Not met: the call is answered with 400. */
void provider_ready(struct auth_call *call, struct oauth_provider *provider, void (*next)(struct auth_call *call));

/* verifier and nonce may be NULL. provider must be ready. The call is answered where it fails. */
struct provider_code {
	const struct oauth_provider *provider;
	const char *code, *verifier, *nonce;
};
void provider_exchange(struct auth_call *call, const struct provider_code *code,
		       void (*done)(struct auth_call *call, const struct provider_answer *answer));

/* Hash of the access token that an ID token names (OpenID Connect Core, 3.1.3.6). True where it names none. */
bool provider_at_hash_is_right(const json_t *claims, const char *id_token, const char *access_token);

/* What binds an ID token to our request: made of the verifier, so that nothing more is to be kept. */
const char *provider_nonce(struct arena *a, const char *verifier);

#endif
