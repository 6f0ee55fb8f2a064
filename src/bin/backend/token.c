/* SPDX-License-Identifier: Apache-2.0 */
#include "bin/backend/token.h"

#include <openssl/evp.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>

#include "bin/backend/claim.h"
#include "codec/json.h"

#define WAYS 4
#define PLACES (TOKEN_CACHE_SIZE / WAYS)

struct entry {
	unsigned char digest[SHA256_DIGEST_LENGTH];
	int64_t valid_until_s; /* 0: free */
	uint64_t used;
	char *role, *claims;
};

struct tokens {
	struct tokens_settings settings;
	struct tokens_stats stats;
	size_t places; /* that are used; 0: nothing is remembered */
	uint64_t clock; /* counts uses: the least recently used entry of a place leaves */
	EVP_MD *sha256; /* looked up once, which costs more than the digest of a token */
	EVP_MD_CTX *digesting;
	struct entry entries[PLACES][WAYS];
};

struct tokens *tokens_new(const struct tokens_settings *settings)
{
	struct tokens *tokens = calloc(1, sizeof *tokens);
	if (tokens == NULL) abort();
	tokens->settings = *settings;
	tokens->sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
	tokens->digesting = EVP_MD_CTX_new();
	if (tokens->sha256 == NULL || tokens->digesting == NULL) abort();
	int max = settings->remembered_max == 0 ? TOKEN_CACHE_SIZE : settings->remembered_max;
	tokens->places = max < 0 ? 0 : max < WAYS ? 1 : (size_t)max / WAYS;
	if (tokens->places > PLACES) tokens->places = PLACES;
	return tokens;
}

static void entry_clear(struct entry *e)
{
	free(e->role);
	free(e->claims);
	*e = (struct entry){0};
}

void tokens_free(struct tokens *tokens)
{
	if (tokens == NULL) return;
	for (int place = 0; place < PLACES; place++)
		for (int way = 0; way < WAYS; way++) entry_clear(&tokens->entries[place][way]);
	EVP_MD_CTX_free(tokens->digesting);
	EVP_MD_free(tokens->sha256);
	free(tokens);
}

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
	default: return refuse(refusal, 401, "PGRST301", "JWT cryptographic operation failed", NULL);
	}
}

static struct entry *place_of(struct tokens *tokens, const unsigned char digest[SHA256_DIGEST_LENGTH])
{
	uint32_t n;
	memcpy(&n, digest, sizeof n);
	return tokens->entries[n % tokens->places];
}

static struct entry *look_up(struct tokens *tokens, const unsigned char digest[SHA256_DIGEST_LENGTH], int64_t now_s)
{
	tokens->stats.asked++;
	if (tokens->places == 0) return NULL;
	struct entry *row = place_of(tokens, digest);
	for (int i = 0; i < WAYS; i++) {
		if (row[i].valid_until_s == 0 || memcmp(row[i].digest, digest, SHA256_DIGEST_LENGTH) != 0) continue;
		if (row[i].valid_until_s < now_s) return NULL; /* verified again, to be refused in its own words */
		row[i].used = ++tokens->clock;
		tokens->stats.hits++;
		return &row[i];
	}
	return NULL;
}

void tokens_stats(const struct tokens *tokens, struct tokens_stats *ret_stats)
{
	*ret_stats = tokens->stats;
}

static struct entry *remember(struct tokens *tokens, const unsigned char digest[SHA256_DIGEST_LENGTH],
			      const json_t *claims)
{
	struct entry *row = place_of(tokens, digest), *e = row;
	for (int i = 1; i < WAYS; i++)
		if (row[i].used < e->used) e = &row[i];
	tokens->stats.evictions += e->valid_until_s != 0;
	entry_clear(e);
	memcpy(e->digest, digest, SHA256_DIGEST_LENGTH);
	const json_t *expires = json_object_get(claims, "exp");
	double until = json_is_number(expires) ? json_number_value(expires) + JWT_LEEWAY_S : 1e15;
	e->valid_until_s = until < 1e15 ? (int64_t)until : (int64_t)1e15;
	e->used = ++tokens->clock;
	e->role = strdup(json_str(claims, "role", ""));
	e->claims = json_text(claims);
	if (e->role == NULL) abort();
	return e;
}

/* The role stands among the claims under its own name, wherever it was found. */
static bool put_role(const struct tokens_settings *settings, json_t *claims, struct token_refusal *refusal)
{
	const json_t *role = claim_find(claims, settings->role_path != NULL ? settings->role_path : ".role");
	json_t *text = NULL;
	if (json_is_string(role)) {
		text = json_string(json_string_value(role));
	} else if (role != NULL) {
		char *dumped = json_dumps(role, JSON_COMPACT | JSON_ENCODE_ANY);
		text = json_string(dumped);
		free(dumped);
	} else if (settings->role != NULL) {
		text = json_string(settings->role);
	} else {
		return refuse(refusal, 401, "PGRST302", "Anonymous access is disabled", NULL);
	}
	(void)json_object_set_new(claims, "role", text);
	return true;
}

/* Copied: an entry may be replaced while the request waits. */
static bool give(struct arena *a, const char *role, const char *claims, struct token_holder *ret,
		 struct token_refusal *refusal)
{
	ret->role = arena_str(a, str_from(role));
	ret->claims = arena_str(a, str_from(claims));
	if (ret->role.ptr != NULL && ret->claims.ptr != NULL) return true;
	return refuse(refusal, 413, NULL, "the request needs more memory than is set aside for it", NULL);
}

static void digest_of(struct tokens *tokens, struct str token, unsigned char ret[SHA256_DIGEST_LENGTH])
{
	EVP_MD_CTX *c = tokens->digesting;
	if (EVP_DigestInit_ex2(c, tokens->sha256, NULL) != 1 || EVP_DigestUpdate(c, token.ptr, token.len) != 1 ||
	    EVP_DigestFinal_ex(c, ret, NULL) != 1)
		abort();
}

bool tokens_find(struct tokens *tokens, struct arena *a, struct str token, int64_t now_s, struct token_holder *ret,
		 struct token_refusal *ret_refusal)
{
	unsigned char digest[SHA256_DIGEST_LENGTH];
	digest_of(tokens, token, digest);
	struct entry *e = look_up(tokens, digest, now_s);
	if (e == NULL) {
		const struct tokens_settings *settings = &tokens->settings;
		const struct jwt_expect expect = {.now_s = now_s, .audience = str_from(settings->audience)};
		json_t *claims JSON_CLEANUP = NULL;
		enum jwt_fault fault;
		struct err ignored;
		if (!jwt_verify(token, &settings->keys, &expect, &claims, &fault, &ignored))
			return refuse_token(token, fault, ret_refusal);
		if (!put_role(settings, claims, ret_refusal)) return false;
		if (tokens->places == 0) {
			char *text = json_text(claims);
			bool ok = give(a, json_str(claims, "role", ""), text, ret, ret_refusal);
			free(text);
			return ok;
		}
		e = remember(tokens, digest, claims);
	}
	return give(a, e->role, e->claims, ret, ret_refusal);
}
