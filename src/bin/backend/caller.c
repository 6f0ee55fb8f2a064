/* SPDX-License-Identifier: Apache-2.0 */
#include "bin/backend/caller.h"

#include <openssl/crypto.h>
#include <stdlib.h>

#include "codec/jwk.h"

struct callers {
	const struct backend_config *config;
	struct jwk_set *keys;
	struct tokens *tokens;
};

struct callers *callers_new(const struct backend_config *config)
{
	struct callers *callers = calloc(1, sizeof *callers);
	if (callers == NULL) abort();
	callers->config = config;
	callers->keys = jwk_from_secret(str_from(config->jwt_secret));
	callers->tokens = tokens_new(&(struct tokens_settings){.keys = jwk_keys(callers->keys), .role = "anon"});
	return callers;
}

void callers_free(struct callers *callers)
{
	if (callers == NULL) return;
	tokens_free(callers->tokens);
	jwk_free(callers->keys);
	free(callers);
}

static bool is_key(struct str text, const char *key)
{
	return text.len == strlen(key) && CRYPTO_memcmp(text.ptr, key, text.len) == 0;
}

static bool find_token(struct callers *callers, struct arena *a, struct str token, int64_t now_s,
		       struct caller *ret_caller, struct token_refusal *refusal)
{
	struct token_holder holder;
	if (!tokens_find(callers->tokens, a, token, now_s, &holder, refusal)) return false;
	*ret_caller = (struct caller){.role = holder.role, .claims = holder.claims, .bearer = token};
	return true;
}

/* "Bearer x", the word in any case; .ptr NULL when there is no such header or another scheme. */
static struct str bearer_of(struct str authorization)
{
	struct str word, token;
	if (authorization.ptr == NULL) return (struct str){NULL, 0};
	if (!str_cut(authorization, ' ', &word, &token)) word = authorization, token = STR("");
	if (!str_eq_nocase(word, STR("bearer"))) return (struct str){NULL, 0};
	return str_trim(token);
}

static bool check_apikey(struct callers *callers, struct arena *a, struct str key, int64_t now_s,
			 struct token_refusal *refusal)
{
	const struct backend_config *c = callers->config;
	struct caller ignored;
	if (key.ptr == NULL || is_key(key, c->publishable_key) || is_key(key, c->secret_key) ||
	    is_key(key, c->anon_key) || is_key(key, c->service_role_key))
		return true;
	if (find_token(callers, a, key, now_s, &ignored, refusal)) return true;
	*refusal = (struct token_refusal){.status = 401, .message = "Invalid API key"};
	return false;
}

static struct str long_form(const struct callers *callers, struct str key)
{
	if (is_key(key, callers->config->publishable_key)) return str_from(callers->config->anon_key);
	if (is_key(key, callers->config->secret_key)) return str_from(callers->config->service_role_key);
	return key;
}

struct str callers_bearer(const struct callers *callers, struct str apikey, struct str authorization)
{
	struct str bearer = bearer_of(authorization);
	if (bearer.ptr == NULL) bearer = apikey;
	return bearer.ptr != NULL ? long_form(callers, bearer) : STR("");
}

bool callers_find(struct callers *callers, struct arena *a, struct str apikey, struct str authorization, int64_t now_s,
		  struct caller *ret_caller, struct token_refusal *ret_refusal)
{
	struct str bearer = bearer_of(authorization);
	if (!check_apikey(callers, a, apikey, now_s, ret_refusal)) return false;
	if (bearer.ptr == NULL) bearer = apikey;
	if (bearer.ptr != NULL)
		return find_token(callers, a, long_form(callers, bearer), now_s, ret_caller, ret_refusal);
	*ret_caller = (struct caller){.role = STR("anon"), .claims = STR("{\"role\":\"anon\"}"), .bearer = STR("")};
	return true;
}
