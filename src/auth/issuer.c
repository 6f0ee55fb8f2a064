/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/issuer.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auth/pkce.h"
#include "auth/redirect.h"
#include "auth/token.h"
#include "codec/json.h"
#include "codec/keyring.h"
#include "codec/url.h"

#define NAME_MAX_BYTES 100
#define TEXT_MAX_BYTES 2000

struct readying {
	void (*next)(struct auth_call *call);
};

const char *issuer_param(struct auth_call *call, struct str params, struct str name)
{
	struct str value;
	if (!query_get(call->arena, params, name, &value) || value.len > TEXT_MAX_BYTES) return "";
	const char *copy = arena_cstr(call->arena, value);
	return copy != NULL ? copy : "";
}

static bool is_name(const char *text)
{
	size_t len = strlen(text);
	return len > 0 && len <= NAME_MAX_BYTES &&
	       strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") == len;
}

bool issuer_ask_read(struct auth_call *call, struct str params, struct issuer_ask *ret_ask, const char **ret_words)
{
	struct issuer_ask ask = {.client_id = issuer_param(call, params, STR("client_id")),
				 .redirect_uri = issuer_way_back(call, issuer_param(call, params, STR("redirect_uri"))),
				 .state = issuer_param(call, params, STR("state")),
				 .nonce = issuer_param(call, params, STR("nonce")),
				 .scope = issuer_param(call, params, STR("scope"))};
	struct auth_problem problem;
	struct pkce pkce;
	const char *type = issuer_param(call, params, STR("response_type"));
	const char *method = issuer_param(call, params, STR("code_challenge_method"));
	const char *challenge = issuer_param(call, params, STR("code_challenge"));
	*ret_words = NULL;
	if (ask.redirect_uri == NULL) ask.redirect_uri = "";
	if (!is_name(ask.client_id))
		*ret_words = "The request names no client (client_id).";
	else if (ask.redirect_uri[0] == '\0' || !redirect_is_allowed(call->settings, str_from(ask.redirect_uri)))
		*ret_words = "The address that you would be sent back to is none of this app's (redirect_uri).";
	else if (type[0] != '\0' && strcmp(type, "code") != 0)
		*ret_words = "The request asks for something that this app does not give (response_type).";
	else if (challenge[0] == '\0' || strcmp(method, "S256") != 0 ||
		 !pkce_check(call->arena, challenge, method, &pkce, &problem))
		*ret_words = "The request lacks its proof (PKCE, code_challenge with S256).";
	if (*ret_words != NULL) return false;
	ask.challenge = challenge;
	*ret_ask = ask;
	return true;
}

static void on_key(struct auth_call *call, const PGresult *rows)
{
	const struct readying *r = call->readying;
	json_t *list JSON_CLEANUP = json_array(), *jwk = NULL;
	struct keyring *keys = NULL;
	struct err err;
	bool ok = PQntuples(rows) > 0 && json_parse(str_from(PQgetvalue(rows, 0, 0)), &jwk, &err);
	if (ok) (void)json_array_append_new(list, json_pack("{s:s, s:o}", "state", "in_use", "jwk", jwk));
	if (!ok || !keyring_read(list, &keys, &err)) {
		call_fail(call, 500, "unexpected_failure", "The key of this app's issuer cannot be read");
		return;
	}
	keyring_free(call->auth->issuer_keys);
	call->auth->issuer_keys = keys;
	r->next(call);
}

static void make_key(struct auth_call *call)
{
	const char *kid = auth_new_uuid(call->arena);
	if (kid == NULL) {
		call_full(call);
		return;
	}
	json_t *jwk JSON_CLEANUP = keyring_make(JWT_RS256, kid);
	char *text = json_text(jwk);
	const char *copy = arena_strdup(call->arena, text);
	free(text);
	PG_ADD(call_sql(call), "insert into freehold_auth.issuer_keys (jwk) values ($1::jsonb) on conflict do nothing",
	       copy);
	PG_ADD0(&call->sql, "select jwk from freehold_auth.issuer_keys");
	call_run(call, "Database error saving the issuer's key", on_key);
}

static void on_found(struct auth_call *call, const PGresult *rows)
{
	if (PQntuples(rows) > 0)
		on_key(call, rows);
	else
		make_key(call);
}

void issuer_ready(struct auth_call *call, void (*next)(struct auth_call *call))
{
	struct readying *r;
	if (call->auth->issuer_keys != NULL) {
		next(call);
		return;
	}
	r = arena_alloc(call->arena, sizeof *r);
	if (r == NULL) {
		call_full(call);
		return;
	}
	r->next = next;
	call->readying = r;
	PG_ADD0(call_sql(call), "select jwk from freehold_auth.issuer_keys");
	call_run(call, "Database error loading the issuer's key", on_found);
}

void issuer_reply_page(struct auth_call *call, int status, const char *html, const char *words)
{
	struct auth_reply reply = {.status = status, .cause = status >= 400 ? words : NULL};
	auth_reply_add(&reply, "Cache-Control", "no-store");
	auth_reply_add(&reply, "X-Frame-Options", "DENY");
	auth_reply_add(&reply, "Content-Security-Policy",
		       "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'");
	call_reply_typed(call, &reply, "text/html; charset=utf-8", html);
}

const char *issuer_way_back(struct auth_call *call, const char *address)
{
	const char *url = call->settings->issuer_url, *host = strstr(url, "://");
	if (host == NULL) return address;
	const char *path = host + 3 + strcspn(host + 3, "/"), *port = host + 3 + strcspn(host + 3, ":/");
	size_t bare = (size_t)(port - url);
	if (*port != ':' || strncmp(address, url, bare) != 0 || strchr("/?#", address[bare]) == NULL) return address;
	return arena_printf(call->arena, "%.*s%s", (int)(path - url), url, address + bare);
}

const char *issuer_hash(struct arena *a, const char *code)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned len = 0;
	char hex[EVP_MAX_MD_SIZE * 2 + 1] = "";
	(void)EVP_Digest(code, strlen(code), digest, &len, EVP_sha256(), NULL);
	for (unsigned i = 0; i < len; i++) (void)snprintf(hex + (size_t)i * 2, 3, "%02x", digest[i]);
	return arena_strdup(a, hex);
}
