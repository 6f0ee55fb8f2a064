/* SPDX-License-Identifier: Apache-2.0 */
#include "bin/backend/caller.h"

#include <openssl/crypto.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>

#include "codec/json.h"
#include "codec/jwt.h"

#define WAYS 4
#define PLACES (CALLER_CACHE_SIZE / WAYS)
#define CLAIMS_MAX_BYTES JWT_MAX_BYTES

struct entry {
	unsigned char digest[SHA256_DIGEST_LENGTH];
	int64_t valid_until_s; /* 0: free */
	uint64_t used;
	char *role, *claims;
};

struct callers {
	const struct backend_config *config;
	struct jwt_key key;
	uint64_t clock; /* counts uses: the least recently used entry of a place leaves */
	struct entry entries[PLACES][WAYS];
};

struct callers *callers_new(const struct backend_config *config)
{
	struct callers *callers = calloc(1, sizeof *callers);
	if (callers == NULL) abort();
	callers->config = config;
	callers->key = (struct jwt_key){.algorithm = JWT_HS256, .secret = str_from(config->jwt_secret)};
	return callers;
}

static void entry_clear(struct entry *e)
{
	free(e->role);
	free(e->claims);
	*e = (struct entry){0};
}

void callers_free(struct callers *callers)
{
	if (callers == NULL) return;
	for (int place = 0; place < PLACES; place++)
		for (int way = 0; way < WAYS; way++) entry_clear(&callers->entries[place][way]);
	free(callers);
}

static bool is_key(struct str text, const char *key)
{
	return text.len == strlen(key) && CRYPTO_memcmp(text.ptr, key, text.len) == 0;
}

static bool refuse(struct caller_refusal *refusal, int status, const char *code, const char *message,
		   const char *details)
{
	*refusal = (struct caller_refusal){.status = status, .code = code, .details = details};
	(void)snprintf(refusal->message, sizeof refusal->message, "%s", message);
	return false;
}

static int count_parts(struct str token)
{
	int parts = 1;
	for (size_t i = 0; i < token.len; i++) parts += token.ptr[i] == '.';
	return parts;
}

/* PostgREST's codes and words. */
static bool refuse_token(struct str token, enum jwt_fault fault, struct caller_refusal *refusal)
{
	char text[64];
	switch (fault) {
	case JWT_EMPTY: return refuse(refusal, 401, "PGRST301", "Empty JWT is sent in Authorization header", NULL);
	case JWT_PARTS:
		(void)snprintf(text, sizeof text, "Expected 3 parts in JWT; got %d", count_parts(token));
		return refuse(refusal, 401, "PGRST301", text, NULL);
	case JWT_ALGORITHM: return refuse(refusal, 401, "PGRST301", "Wrong or unsupported encoding algorithm", NULL);
	case JWT_SIGNATURE:
		return refuse(refusal, 401, "PGRST301", "No suitable key or wrong key type",
			      "None of the keys was able to decode the JWT");
	case JWT_CLAIMS: return refuse(refusal, 401, "PGRST303", "Parsing claims failed", NULL);
	case JWT_EXPIRED: return refuse(refusal, 401, "PGRST303", "JWT expired", NULL);
	case JWT_NOT_YET: return refuse(refusal, 401, "PGRST303", "JWT not yet valid", NULL);
	case JWT_FUTURE: return refuse(refusal, 401, "PGRST303", "JWT issued at future", NULL);
	case JWT_AUDIENCE: return refuse(refusal, 401, "PGRST303", "JWT not in audience", NULL);
	default: return refuse(refusal, 401, "PGRST301", "JWT cryptographic operation failed", NULL);
	}
}

static struct entry *place_of(struct callers *callers, const unsigned char digest[SHA256_DIGEST_LENGTH])
{
	uint32_t n;
	memcpy(&n, digest, sizeof n);
	return callers->entries[n % PLACES];
}

static struct entry *look_up(struct callers *callers, const unsigned char digest[SHA256_DIGEST_LENGTH], int64_t now_s)
{
	struct entry *row = place_of(callers, digest);
	for (int i = 0; i < WAYS; i++) {
		if (row[i].valid_until_s == 0 || memcmp(row[i].digest, digest, SHA256_DIGEST_LENGTH) != 0) continue;
		if (row[i].valid_until_s < now_s) return NULL; /* verified again, to be refused in its own words */
		row[i].used = ++callers->clock;
		return &row[i];
	}
	return NULL;
}

static struct entry *remember(struct callers *callers, const unsigned char digest[SHA256_DIGEST_LENGTH],
			      const json_t *claims)
{
	struct entry *row = place_of(callers, digest), *e = row;
	for (int i = 1; i < WAYS; i++)
		if (row[i].used < e->used) e = &row[i];
	entry_clear(e);
	memcpy(e->digest, digest, SHA256_DIGEST_LENGTH);
	const json_t *expires = json_object_get(claims, "exp");
	double until = json_is_number(expires) ? json_number_value(expires) + JWT_LEEWAY_S : 1e15;
	e->valid_until_s = until < 1e15 ? (int64_t)until : (int64_t)1e15;
	e->used = ++callers->clock;
	e->role = strdup(json_str(claims, "role", "anon"));
	e->claims = json_text(claims);
	if (e->role == NULL) abort();
	return e;
}

static bool find_token(struct callers *callers, struct arena *a, struct str token, int64_t now_s,
		       struct caller *ret_caller, struct caller_refusal *refusal)
{
	unsigned char digest[SHA256_DIGEST_LENGTH];
	(void)SHA256((const unsigned char *)token.ptr, token.len, digest);
	struct entry *e = look_up(callers, digest, now_s);
	if (e == NULL) {
		const struct jwt_keys keys = {&callers->key, 1};
		const struct jwt_expect expect = {.now_s = now_s};
		json_t *claims JSON_CLEANUP = NULL;
		enum jwt_fault fault;
		struct err ignored;
		if (!jwt_verify(token, &keys, &expect, &claims, &fault, &ignored))
			return refuse_token(token, fault, refusal);
		if (json_object_get(claims, "role") == NULL)
			(void)json_object_set_new(claims, "role", json_string("anon"));
		e = remember(callers, digest, claims);
	}
	/* Copied: the entry may be replaced while the request waits. */
	ret_caller->role = arena_str(a, str_from(e->role));
	ret_caller->claims = arena_str(a, str_from(e->claims));
	ret_caller->bearer = token;
	if (ret_caller->role.ptr != NULL && ret_caller->claims.ptr != NULL) return true;
	return refuse(refusal, 413, NULL, "the request needs more memory than is set aside for it", NULL);
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
			 struct caller_refusal *refusal)
{
	const struct backend_config *c = callers->config;
	struct caller ignored;
	if (key.ptr == NULL || is_key(key, c->publishable_key) || is_key(key, c->secret_key) ||
	    is_key(key, c->anon_key) || is_key(key, c->service_role_key))
		return true;
	if (find_token(callers, a, key, now_s, &ignored, refusal)) return true;
	return refuse(refusal, 401, NULL, "Invalid API key", NULL);
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
		  struct caller *ret_caller, struct caller_refusal *ret_refusal)
{
	struct str bearer = bearer_of(authorization);
	if (!check_apikey(callers, a, apikey, now_s, ret_refusal)) return false;
	if (bearer.ptr == NULL) bearer = apikey;
	if (bearer.ptr != NULL)
		return find_token(callers, a, long_form(callers, bearer), now_s, ret_caller, ret_refusal);
	*ret_caller = (struct caller){.role = STR("anon"), .claims = STR("{\"role\":\"anon\"}"), .bearer = STR("")};
	return true;
}
