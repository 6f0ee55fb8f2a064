/* SPDX-License-Identifier: Apache-2.0
 *
 * OpenID Connect issuers: their addresses by discovery, their keys, and ID tokens checked with those. Both are kept for
 * an hour; a token that names a key which is not there fetches the keys again, once a minute at most. */
#ifndef FREEHOLD_AUTH_OIDC_H
#define FREEHOLD_AUTH_OIDC_H

#include "auth/call.h"

#define OIDC_ISSUERS_MAX 32
#define OIDC_KEEP_MS (60 * 60 * 1000)
#define OIDC_REFETCH_MS (60 * 1000)

struct oidc_cache;
struct oidc_cache *oidc_cache_new(void);
void oidc_cache_free(struct oidc_cache *cache);

/* Lives as long as the call that found it. */
struct oidc_issuer {
	const char *issuer;
	const char *authorize_url, *token_url; /* NULL: none; Facebook's issuer only says whose its tokens are */
	const char *user_url; /* NULL: none */
	bool has_pkce; /* S256 */
};

/* issuer must live as long as the request. found is NULL when it cannot be had; why says so. Never from inside… unless
 * it is known already. */
typedef void (*oidc_found_fn)(struct auth_call *call, const struct oidc_issuer *found, const struct err *why);
void oidc_find(struct auth_call *call, const char *issuer, oidc_found_fn done);

/* The claims of a token that this issuer signed, that is of now, and says iss and sub; they live as long as the
 * request. Audience and nonce are the caller's to check. NULL: why. */
typedef void (*oidc_verified_fn)(struct auth_call *call, const json_t *claims, const struct err *why);
void oidc_verify(struct auth_call *call, const char *issuer, const char *token, oidc_verified_fn done);

/* Is the issuer that a token claims the discovered one? Google and Apple have a second name each. */
bool oidc_is_issuer(const char *discovered, const char *claimed);

/* Does aud (a text or a list) name one of them? */
bool oidc_has_audience(const json_t *claims, const struct auth_texts *client_ids);

#endif
