/* SPDX-License-Identifier: Apache-2.0
 *
 * Providers of sign-in: where a person is sent, where their code is exchanged, and what comes back becomes one form,
 * by upstream's rules for each. Pure.
 *
 * Google, Apple, Azure, Keycloak, GitLab, LinkedIn, Slack and every name that is none of upstream's are OpenID Connect
 * issuers, whose addresses are discovered (oidc.h). GitHub, Discord and Facebook are OAuth 2 with an API of their own.
 */
#ifndef FREEHOLD_AUTH_OAUTH_H
#define FREEHOLD_AUTH_OAUTH_H

#include <jansson.h>
#include <stdbool.h>

#include "auth/settings.h"
#include "base/arena.h"
#include "base/err.h"

#define OAUTH_URL_MAX_BYTES 8192
#define OAUTH_EMAILS_MAX 16

enum oauth_kind { OAUTH_OIDC, OAUTH_GOOGLE, OAUTH_APPLE, OAUTH_AZURE, OAUTH_GITHUB, OAUTH_DISCORD, OAUTH_FACEBOOK };

struct oauth_provider {
	const struct auth_provider *settings;
	enum oauth_kind kind;
	const char *issuer; /* to be discovered; NULL for those without */
	const char *authorize_url, *token_url; /* NULL until discovered */
	const char *user_url; /* NULL: everything is in the ID token */
	const char *emails_url; /* GitHub's; else NULL */
	const char *api_url; /* names the issuer of what an API says; NULL for OpenID Connect */
	const char *scopes; /* with the owner's, separated by spaces */
	const char *client_id;
	const char *redirect_uri;
};

/* A provider of that name which is on and has what it needs; texts live in the arena. ERR_INVALID says in upstream's
 * words why not. */
bool oauth_provider_find(const struct auth_settings *settings, struct str name, struct arena *a,
			 struct oauth_provider *ret_provider, struct err *err);

/* Where the browser is sent. query is the request's: what is in it and not ours is handed through; scopes are added.
 * challenge NULL: no PKCE. NULL when it is too long. */
const char *oauth_authorize_url(const struct oauth_provider *p, struct arena *a, struct str query, const char *state,
				const char *nonce, const char *challenge);

/* Form-encoded body that exchanges a code, with the client's secret or without. verifier may be NULL. */
const char *oauth_token_body(const struct oauth_provider *p, struct arena *a, const char *code, const char *verifier,
			     bool has_secret);

/* Whoever signed in there. */
struct oauth_person {
	const char *subject;
	const char *email; /* in lower case; "": none. The primary one */
	bool is_email_verified;
	json_t *verified; /* all addresses that the provider verified, in lower case */
	json_t *data; /* identity_data */
	size_t taken_bytes; /* of the provider's texts in it */
};

/* From the claims of a verified ID token, with those of userinfo merged in. ERR_INVALID without a subject. The person's
 * JSON lives as long as the arena. */
bool oauth_person_from_claims(enum oauth_kind kind, const json_t *claims, struct arena *a,
			      struct oauth_person *ret_person, struct err *err);

/* From an API's answers; emails is GitHub's list, else NULL. */
bool oauth_person_from_api(const struct oauth_provider *p, const json_t *user, const json_t *emails, struct arena *a,
			   struct oauth_person *ret_person, struct err *err);

/* Apple sends the name once, beside the code, as {"name":{"firstName","lastName"}}. Nothing happens when it is not
 * that. */
void oauth_person_name(struct oauth_person *person, struct str apple_user);

/* Issuers that an ID token of a provider may have. */
bool oauth_issuer_is_good(const struct oauth_provider *p, const char *issuer);

#endif
