/* SPDX-License-Identifier: Apache-2.0
 *
 * The app as a small OpenID Connect issuer over its own users, for exports whose server signs people in by Replit's
 * (ISSUER_URL, REPL_ID, openid-client): settings' issuer_url, with discovery, a page to sign in and up, codes with
 * PKCE, tokens, userinfo, JWKS and end_session.
 *
 *     GET /oidc/authorize ─▶ the page ─▶ POST, address and password ─▶ a code ─▶ POST /oidc/token ─▶ ID, access,
 * refresh
 *
 * Its client is public and is the app itself: what counts is that a code leads nowhere but to an address of the app
 * (auth/redirect.h), and that whoever brings it knows the verifier. The access token is one of the app's own sessions,
 * the refresh token too; the ID token is signed with a key made for it (RS256), since the app's may be a secret. */
#ifndef FREEHOLD_AUTH_ISSUER_H
#define FREEHOLD_AUTH_ISSUER_H

#include "auth/call.h"

#define ISSUER_CODE_SECONDS "120"

/* What /authorize is asked. */
struct issuer_ask {
	const char *client_id, *redirect_uri, *state, *nonce, *challenge, *scope;
};

/* One parameter of a query or form, decoded; "" when it is absent. */
const char *issuer_param(struct auth_call *call, struct str params, struct str name);

/* Texts live in the request's arena. False with words for a person: such a request is not sent back to its
 * redirect_uri, which may be anybody's. */
bool issuer_ask_read(struct auth_call *call, struct str params, struct issuer_ask *ret_ask, const char **ret_words);

/* The page: a form for that request, words of a failure or a hint ("" for none). NULL at the arena's limit. Pure. */
const char *issuer_page(struct arena *a, const struct issuer_ask *ask, const char *host, const char *email,
			const char *words, bool is_good_news);
const char *issuer_problem_page(struct arena *a, const char *words);

/* The signing key is there: made once, kept in the database. */
void issuer_ready(struct auth_call *call, void (*next)(struct auth_call *call));

/* An HTML page as answer, which nobody may frame; of a failure, words for the log. */
void issuer_reply_page(struct auth_call *call, int status, const char *html, const char *words);

/* Where the browser goes for an address of the app. Replit's template leaves the port out of its own address, since
 * there it has none; here the app may have one. Any other address is itself. NULL at the arena's limit. */
const char *issuer_way_back(struct auth_call *call, const char *address);

const char *issuer_hash(struct arena *a, const char *code); /* hexadecimal SHA-256 */

#endif
