/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/provider_call.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <string.h>

#include "auth/call_fetch.h"
#include "auth/oidc.h"
#include "codec/base64.h"
#include "codec/json.h"
#include "codec/jwt.h"
#include "codec/url.h"

#define ANSWER_MAX_BYTES (256u << 10)
#define FORM "application/x-www-form-urlencoded"

struct asking {
	struct provider_code code;
	void (*ready)(struct auth_call *call);
	struct oauth_provider *to_fill;
	void (*done)(struct auth_call *call, const struct provider_answer *answer);
	struct provider_answer answer;
	const char *body, *id_token;
	bool is_basic; /* the client's password as HTTP Basic: the second way */
	const char *const *headers;
	json_t *user; /* of an API */
	json_t *claims;
};

static const char *const accept_json[] = {"Accept: application/json", NULL};

static struct asking *asking_new(struct auth_call *call)
{
	struct asking *asking = arena_alloc(call->arena, sizeof *asking);
	if (asking == NULL)
		call_full(call);
	else
		call->provider = asking;
	return asking;
}

/* Ready. */
static void on_issuer(struct auth_call *call, const struct oidc_issuer *found, const struct err *why)
{
	struct asking *asking = call->provider;
	struct oauth_provider *p = asking->to_fill;
	struct auth_problem problem;
	bool is_whole = found != NULL && found->authorize_url != NULL && found->token_url != NULL;
	if (!is_whole) {
		(void)auth_problem_set(&problem, 400, "validation_failed", "Unsupported provider: %s cannot be reached",
				       p->settings->name);
		call_problem(call, &problem,
			     found == NULL ? arena_strdup(call->arena, why->msg)
					   : "the discovery document names no authorization or token endpoint");
		return;
	}
	p->authorize_url = found->authorize_url;
	p->token_url = found->token_url;
	p->user_url = found->user_url;
	asking->ready(call);
}

void provider_ready(struct auth_call *call, struct oauth_provider *provider, void (*next)(struct auth_call *call))
{
	struct asking *asking;
	if (provider->authorize_url != NULL) {
		next(call);
		return;
	}
	if ((asking = asking_new(call)) == NULL) return;
	*asking = (struct asking){.ready = next, .to_fill = provider};
	oidc_find(call, provider->issuer, on_issuer);
}

/* Failures: the person reads one sentence, the log the cause. */
static void fail(struct auth_call *call, const char *words, const char *cause)
{
	struct auth_problem problem;
	(void)auth_problem_set(&problem, 500, "unexpected_failure", "%s", words);
	call_problem(call, &problem, cause != NULL ? arena_strdup(call->arena, cause) : NULL);
}

static void fail_profile(struct auth_call *call, const char *cause)
{
	fail(call, "Error getting user profile from external provider", cause);
}

static void end(struct auth_call *call, struct asking *asking)
{
	asking->done(call, &asking->answer);
}

static const char *const *bearer(struct auth_call *call, const char *token)
{
	const char **headers = arena_array(call->arena, 3, sizeof *headers);
	if (headers == NULL) return accept_json;
	headers[0] = "Accept: application/json";
	headers[1] = arena_printf(call->arena, "Authorization: Bearer %s", token);
	return headers;
}

static void ask_user(struct auth_call *call, struct asking *asking, const char *url, call_fetched_fn done)
{
	asking->headers = bearer(call, asking->answer.access_token);
	call_fetch(
	    call,
	    &(struct http_fetch_spec){
		.url = url, .headers = asking->headers, .answer_max_bytes = ANSWER_MAX_BYTES, .redirects_max = 1},
	    done);
}

/* The answer as JSON, or the call is answered. */
static json_t *good_json(struct auth_call *call, const struct http_fetched *fetched, const struct err *why)
{
	json_t *value = fetched != NULL && fetched->status == 200 ? call_fetched_json(call, fetched) : NULL;
	if (value != NULL) return value;
	const char *cause = why != NULL ? why->msg : NULL;
	if (fetched != NULL)
		cause =
		    arena_printf(call->arena, "the provider answers %d: %.300s", fetched->status, fetched->body.ptr);
	fail_profile(call, cause);
	return NULL;
}

/* OAuth 2 with an API. */
static void take_api(struct auth_call *call, struct asking *asking, const json_t *emails)
{
	struct err err;
	if (oauth_person_from_api(asking->code.provider, asking->user, emails, call->arena, &asking->answer.person,
				  &err))
		end(call, asking);
	else
		fail_profile(call, err.msg);
}

static void on_emails(struct auth_call *call, const struct http_fetched *fetched, const struct err *why)
{
	json_t *emails = good_json(call, fetched, why);
	if (emails != NULL) take_api(call, call->provider, emails);
}

static void on_api_user(struct auth_call *call, const struct http_fetched *fetched, const struct err *why)
{
	struct asking *asking = call->provider;
	asking->user = good_json(call, fetched, why);
	if (asking->user == NULL) return;
	if (asking->code.provider->emails_url != NULL)
		ask_user(call, asking, asking->code.provider->emails_url, on_emails);
	else
		take_api(call, asking, NULL);
}

/* Facebook wants proof that who holds the token knows the secret, too. */
static const char *api_url(struct auth_call *call, const struct asking *asking)
{
	const struct oauth_provider *p = asking->code.provider;
	unsigned char mac[EVP_MAX_MD_SIZE];
	unsigned len = 0;
	char hex[EVP_MAX_MD_SIZE * 2 + 1];
	if (p->kind != OAUTH_FACEBOOK) return p->user_url;
	const char *secret = p->settings->secret, *token = asking->answer.access_token;
	(void)HMAC(EVP_sha256(), secret, (int)strlen(secret), (const unsigned char *)token, strlen(token), mac, &len);
	for (unsigned i = 0; i < len; i++) (void)snprintf(hex + (size_t)i * 2, 3, "%02x", mac[i]);
	return arena_printf(call->arena, "%s&appsecret_proof=%s", p->user_url, hex);
}

/* OpenID Connect. */
static void take_claims(struct auth_call *call, struct asking *asking)
{
	struct err err;
	if (oauth_person_from_claims(asking->code.provider->kind, asking->claims, call->arena, &asking->answer.person,
				     &err))
		end(call, asking);
	else
		fail_profile(call, err.msg);
}

/* It must be of the same person (OpenID Connect Core, 5.3.2). */
static void on_userinfo(struct auth_call *call, const struct http_fetched *fetched, const struct err *why)
{
	struct asking *asking = call->provider;
	json_t *user = good_json(call, fetched, why);
	if (user == NULL) return;
	if (strcmp(json_str(user, "sub", ""), json_str(asking->claims, "sub", "")) != 0) {
		fail_profile(call, "userinfo is of somebody else than the ID token");
		return;
	}
	(void)json_object_update_missing(asking->claims, user);
	take_claims(call, asking);
}

static const EVP_MD *digest_of(const char *id_token)
{
	char head[1024] = "";
	struct str part, rest;
	struct buf text BUF_CLEANUP;
	buf_init(&text, sizeof head);
	if (!str_cut(str_from(id_token), '.', &part, &rest) || !base64url_decode(part, &text)) return EVP_sha256();
	(void)snprintf(head, sizeof head, "%s", buf_cstr(&text));
	if (strstr(head, "384\"") != NULL) return EVP_sha384();
	return strstr(head, "512\"") != NULL ? EVP_sha512() : EVP_sha256();
}

bool provider_at_hash_is_right(const json_t *claims, const char *id_token, const char *access_token)
{
	const char *claimed = json_str(claims, "at_hash", NULL);
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned len = 0;
	struct buf text BUF_CLEANUP;
	buf_init(&text, 128);
	if (claimed == NULL) return true;
	if (EVP_Digest(access_token, strlen(access_token), digest, &len, digest_of(id_token), NULL) != 1) return false;
	base64url_encode((struct str){(const char *)digest, len / 2}, &text);
	return strcmp(buf_cstr(&text), claimed) == 0;
}

static bool check_id_token(struct auth_call *call, const struct asking *asking, const json_t *claims)
{
	const struct provider_code *code = &asking->code;
	const struct auth_texts ours = {&code->provider->client_id, 1};
	const char *nonce = json_str(claims, "nonce", NULL);
	if (!oidc_has_audience(claims, &ours)) {
		fail_profile(call, "the ID token is for another client (aud)");
	} else if (code->nonce != NULL && !code->provider->settings->skip_nonce_check &&
		   (nonce == NULL || strcmp(nonce, code->nonce) != 0)) {
		fail_profile(call, "the ID token belongs to another request (nonce)");
	} else if (!provider_at_hash_is_right(claims, asking->id_token, asking->answer.access_token)) {
		fail_profile(call, "the ID token belongs to another access token (at_hash)");
	} else {
		return true;
	}
	return false;
}

static void on_verified(struct auth_call *call, const json_t *claims, const struct err *why)
{
	struct asking *asking = call->provider;
	if (claims == NULL) {
		fail_profile(call, why->msg);
		return;
	}
	if (!check_id_token(call, asking, claims)) return;
	asking->claims = (json_t *)(uintptr_t)claims;
	bool is_enough = json_str(claims, "email", "")[0] != '\0' || asking->code.provider->user_url == NULL ||
			 asking->answer.access_token[0] == '\0';
	if (is_enough)
		take_claims(call, asking);
	else
		ask_user(call, asking, asking->code.provider->user_url, on_userinfo);
}

/* Azure's issuer is another one for each tenant, and the token says which. */
static const char *issuer_of(struct auth_call *call, const struct asking *asking)
{
	const struct oauth_provider *p = asking->code.provider;
	json_t *claims JSON_CLEANUP = NULL;
	struct err ignored;
	if (p->kind != OAUTH_AZURE) return p->issuer;
	if (!jwt_peek(str_from(asking->id_token), &claims, &ignored)) return NULL;
	const char *issuer = json_str(claims, "iss", "");
	return oauth_issuer_is_good(p, issuer) ? arena_strdup(call->arena, issuer) : NULL;
}

static void step_person(struct auth_call *call, struct asking *asking)
{
	enum oauth_kind kind = asking->code.provider->kind;
	if (kind == OAUTH_GITHUB || kind == OAUTH_DISCORD || kind == OAUTH_FACEBOOK) {
		ask_user(call, asking, api_url(call, asking), on_api_user);
		return;
	}
	const char *issuer = asking->id_token != NULL ? issuer_of(call, asking) : NULL;
	if (issuer == NULL)
		fail_profile(call, "the provider gave no ID token that counts");
	else
		oidc_verify(call, issuer, asking->id_token, on_verified);
}

/* The exchange. */
static void step_tokens(struct auth_call *call, struct asking *asking);

static const char *copy(struct auth_call *call, const json_t *o, const char *key)
{
	const char *text = arena_strdup(call->arena, json_str(o, key, ""));
	return text != NULL ? text : "";
}

static void on_tokens(struct auth_call *call, const struct http_fetched *fetched, const struct err *why)
{
	struct asking *asking = call->provider;
	const json_t *o = fetched != NULL ? call_fetched_json(call, fetched) : NULL;
	char words[80];
	if (fetched != NULL && !asking->is_basic && strcmp(json_str(o, "error", ""), "invalid_client") == 0) {
		asking->is_basic = true;
		step_tokens(call, asking);
		return;
	}
	asking->answer.access_token = copy(call, o, "access_token");
	asking->answer.refresh_token = copy(call, o, "refresh_token");
	asking->id_token = json_str(o, "id_token", NULL);
	if (asking->answer.access_token[0] != '\0' || asking->id_token != NULL) {
		step_person(call, asking);
		return;
	}
	(void)snprintf(words, sizeof words, "Unable to exchange external code: %.4s", asking->code.code);
	fail(call, words,
	     fetched == NULL
		 ? why->msg
		 : arena_printf(call->arena, "the provider answers %d: %.300s", fetched->status, fetched->body.ptr));
}

/* Encoded as in a form (RFC 6749, 2.3.1). */
static const char *encoded(struct auth_call *call, const char *text)
{
	struct buf b BUF_CLEANUP;
	buf_init(&b, 4096);
	url_encode(str_from(text), &b);
	return arena_cstr(call->arena, buf_view(&b));
}

static void step_tokens(struct auth_call *call, struct asking *asking)
{
	const struct oauth_provider *p = asking->code.provider;
	asking->body = oauth_token_body(p, call->arena, asking->code.code, asking->code.verifier, !asking->is_basic);
	if (asking->body == NULL) {
		call_full(call);
		return;
	}
	call_fetch(call,
		   &(struct http_fetch_spec){.url = p->token_url,
					     .headers = accept_json,
					     .user = asking->is_basic ? encoded(call, p->client_id) : NULL,
					     .password = encoded(call, p->settings->secret),
					     .content_type = FORM,
					     .body = str_from(asking->body),
					     .answer_max_bytes = ANSWER_MAX_BYTES},
		   on_tokens);
}

void provider_exchange(struct auth_call *call, const struct provider_code *code,
		       void (*done)(struct auth_call *call, const struct provider_answer *answer))
{
	struct asking *asking = asking_new(call);
	if (asking == NULL) return;
	*asking = (struct asking){.code = *code, .done = done};
	step_tokens(call, asking);
}

const char *provider_nonce(struct arena *a, const char *verifier)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned len = 0;
	struct buf text BUF_CLEANUP;
	buf_init(&text, 128);
	const char *what = arena_printf(a, "nonce %s", verifier);
	if (what == NULL || EVP_Digest(what, strlen(what), digest, &len, EVP_sha256(), NULL) != 1) return NULL;
	base64url_encode((struct str){(const char *)digest, len}, &text);
	return arena_cstr(a, buf_view(&text));
}
