/* SPDX-License-Identifier: Apache-2.0 */
#include "bin/backend/caller.h"

#include <openssl/crypto.h>
#include <stdlib.h>

#include "codec/json.h"
#include "codec/jwt.h"

/* One of the app's long-lived keys, and the short name it has. */
struct own_key {
	const char *key, *short_key, *role;
	char *claims;
};

#define OWN_MAX 16
struct callers {
	const struct backend_config *config;
	struct own_key own[OWN_MAX];
	int own_count;
	struct tokens *tokens;
};

/* What is no token (a test's) still is its role. */
static char *claims_of(const char *key, const char *role)
{
	json_t *claims JSON_CLEANUP = NULL;
	struct err ignored;
	if (!jwt_peek(str_from(key), &claims, &ignored)) claims = json_object();
	(void)json_object_set_new(claims, "role", json_string(role));
	return json_text(claims);
}

void callers_rekey(struct callers *callers)
{
	tokens_free(callers->tokens);
	callers->tokens =
	    tokens_new(&(struct tokens_settings){.keys = keyring_verifying(callers->config->keys), .role = "anon"});
}

struct tokens *callers_tokens(const struct callers *callers)
{
	return callers->tokens;
}

struct callers *callers_new(const struct backend_config *config)
{
	struct callers *callers = calloc(1, sizeof *callers);
	if (callers == NULL) abort();
	callers->config = config;
	callers->own[0] = (struct own_key){config->anon_key, config->publishable_key, "anon", NULL};
	callers->own[1] = (struct own_key){config->service_role_key, config->secret_key, "service_role", NULL};
	callers->own_count = 2;
	const json_t *former = json_object_get(config->file, "former_public_keys");
	for (size_t i = 0; i < json_array_size(former) && callers->own_count < OWN_MAX; i++) {
		const json_t *one = json_array_get(former, i);
		callers->own[callers->own_count++] =
		    (struct own_key){json_str(one, "anon", ""), json_str(one, "publishable", ""), "anon", NULL};
	}
	for (int i = 0; i < callers->own_count; i++)
		callers->own[i].claims = claims_of(callers->own[i].key, callers->own[i].role);
	callers_rekey(callers);
	return callers;
}

void callers_free(struct callers *callers)
{
	if (callers == NULL) return;
	tokens_free(callers->tokens);
	for (int i = 0; i < callers->own_count; i++) free(callers->own[i].claims);
	free(callers);
}

static bool is_key(struct str text, const char *key)
{
	return text.len > 0 && text.len == strlen(key) && CRYPTO_memcmp(text.ptr, key, text.len) == 0;
}

static const struct own_key *find_own(const struct callers *callers, struct str key)
{
	for (int i = 0; i < callers->own_count; i++)
		if (is_key(key, callers->own[i].key) || is_key(key, callers->own[i].short_key)) return &callers->own[i];
	return NULL;
}

static bool find_token(struct callers *callers, struct arena *a, struct str token, int64_t now_s,
		       struct caller *ret_caller, struct token_refusal *refusal)
{
	struct token_holder holder;
	const struct own_key *own = find_own(callers, token);
	if (own != NULL) {
		*ret_caller = (struct caller){
		    .role = str_from(own->role), .claims = str_from(own->claims), .bearer = str_from(own->key)};
		return true;
	}
	if (!token_find(callers->tokens, a, token, now_s, &holder, refusal)) return false;
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
	struct caller ignored;
	if (key.ptr == NULL || find_token(callers, a, key, now_s, &ignored, refusal)) return true;
	*refusal = (struct token_refusal){.status = 401, .message = "Invalid API key"};
	return false;
}

struct str callers_bearer(const struct callers *callers, struct str apikey, struct str authorization,
			  struct str *ret_role)
{
	struct str bearer = bearer_of(authorization);
	if (bearer.ptr == NULL) bearer = apikey;
	if (bearer.ptr == NULL) bearer = STR("");
	const struct own_key *own = find_own(callers, bearer);
	*ret_role = own != NULL ? str_from(own->role) : STR("");
	return own != NULL ? str_from(own->key) : bearer;
}

bool callers_find(struct callers *callers, struct arena *a, struct str apikey, struct str authorization, int64_t now_s,
		  struct caller *ret_caller, struct token_refusal *ret_refusal)
{
	struct str bearer = bearer_of(authorization);
	if (!check_apikey(callers, a, apikey, now_s, ret_refusal)) return false;
	if (bearer.ptr == NULL) bearer = apikey;
	if (bearer.ptr != NULL) return find_token(callers, a, bearer, now_s, ret_caller, ret_refusal);
	*ret_caller = (struct caller){.role = STR("anon"), .claims = STR("{\"role\":\"anon\"}"), .bearer = STR("")};
	return true;
}
