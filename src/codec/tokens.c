/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/tokens.h"

#include <openssl/evp.h>
#include <stdlib.h>

#include "codec/claim.h"
#include "codec/json.h"

#define WAYS 4
#define PLACES (TOKENS_REMEMBERED_MAX / WAYS)
#define FOREVER_S INT64_C(1000000000000000)

struct entry {
	struct jwt_digest digest;
	bool is_used;
	int64_t valid_from_s, valid_until_s;
	uint64_t used;
	char *role, *claims, *user_id, *session_id;
};

struct tokens {
	struct tokens_settings settings;
	struct tokens_stats stats;
	size_t places; /* that are used; 0: nothing is remembered */
	uint64_t clock; /* counts uses: the least recently used entry of a place leaves */
	EVP_MD *sha256; /* looked up once, which costs more than the digest of a token */
	EVP_MD_CTX *digesting;
	struct entry unremembered; /* what was found last where nothing is remembered */
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
	int max = settings->remembered_max == 0 ? TOKENS_REMEMBERED_MAX : settings->remembered_max;
	tokens->places = max < 0 ? 0 : max < WAYS ? 1 : (size_t)max / WAYS;
	if (tokens->places > PLACES) tokens->places = PLACES;
	return tokens;
}

static void entry_clear(struct entry *e)
{
	free(e->role);
	free(e->claims);
	free(e->user_id);
	free(e->session_id);
	*e = (struct entry){0};
}

void tokens_free(struct tokens *tokens)
{
	if (tokens == NULL) return;
	for (int place = 0; place < PLACES; place++)
		for (int way = 0; way < WAYS; way++) entry_clear(&tokens->entries[place][way]);
	entry_clear(&tokens->unremembered);
	EVP_MD_CTX_free(tokens->digesting);
	EVP_MD_free(tokens->sha256);
	free(tokens);
}

void tokens_stats(const struct tokens *tokens, struct tokens_stats *ret_stats)
{
	*ret_stats = tokens->stats;
}

/* Of the whole text: another form of the signature is another token here. */
static void digest_of(struct tokens *tokens, struct str token, struct jwt_digest *ret)
{
	EVP_MD_CTX *c = tokens->digesting;
	if (EVP_DigestInit_ex2(c, tokens->sha256, NULL) != 1 || EVP_DigestUpdate(c, token.ptr, token.len) != 1 ||
	    EVP_DigestFinal_ex(c, ret->bytes, NULL) != 1)
		abort();
}

static struct entry *place_of(struct tokens *tokens, const struct jwt_digest *digest)
{
	uint32_t n;
	memcpy(&n, digest->bytes, sizeof n);
	return tokens->entries[n % tokens->places];
}

/* Out of its time it is verified again, to be refused in its own words. */
static struct entry *look_up(struct tokens *tokens, const struct jwt_digest *digest, int64_t now_s)
{
	tokens->stats.asked++;
	if (tokens->places == 0) return NULL;
	struct entry *row = place_of(tokens, digest);
	for (int i = 0; i < WAYS; i++) {
		if (!row[i].is_used || memcmp(row[i].digest.bytes, digest->bytes, sizeof digest->bytes) != 0) continue;
		if (now_s < row[i].valid_from_s || now_s > row[i].valid_until_s) return NULL;
		row[i].used = ++tokens->clock;
		tokens->stats.hits++;
		return &row[i];
	}
	return NULL;
}

/* Without the part of a second; far enough away it is as good as never. */
static int64_t seconds_of(const json_t *claims, const char *name, int64_t otherwise)
{
	const json_t *value = json_object_get(claims, name);
	double seconds = json_is_number(value) ? json_number_value(value) : (double)otherwise;
	if (seconds >= (double)FOREVER_S) return FOREVER_S;
	if (seconds <= (double)-FOREVER_S) return -FOREVER_S;
	return (int64_t)seconds;
}

static char *text_of(const json_t *claims, const char *name)
{
	char *text = strdup(json_str(claims, name, ""));
	if (text == NULL) abort();
	return text;
}

static struct entry *choose(struct tokens *tokens, const struct jwt_digest *digest)
{
	if (tokens->places == 0) return &tokens->unremembered;
	struct entry *row = place_of(tokens, digest), *e = row;
	for (int i = 1; i < WAYS; i++)
		if (row[i].used < e->used) e = &row[i];
	tokens->stats.evictions += e->is_used;
	return e;
}

static struct entry *remember(struct tokens *tokens, const struct jwt_digest *digest, const json_t *claims)
{
	struct entry *e = choose(tokens, digest);
	int64_t begins_s = seconds_of(claims, "nbf", -FOREVER_S), issued_s = seconds_of(claims, "iat", -FOREVER_S);
	entry_clear(e);
	*e = (struct entry){.digest = *digest,
			    .is_used = true,
			    .valid_from_s = (begins_s > issued_s ? begins_s : issued_s) + 1 - JWT_LEEWAY_S,
			    .valid_until_s = seconds_of(claims, "exp", FOREVER_S) + JWT_LEEWAY_S,
			    .used = ++tokens->clock,
			    .role = text_of(claims, "role"),
			    .claims = json_text(claims),
			    .user_id = text_of(claims, "sub"),
			    .session_id = text_of(claims, "session_id")};
	return e;
}

/* The role stands among the claims under its own name, wherever it was found. */
static bool put_role(const struct tokens_settings *settings, json_t *claims, enum jwt_fault *ret_fault, struct err *err)
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
		*ret_fault = JWT_NO_ROLE;
		return err_set(err, ERR_DENIED, "the token names no role");
	}
	(void)json_object_set_new(claims, "role", text);
	return true;
}

bool tokens_find(struct tokens *tokens, struct str token, int64_t now_s, struct token_holder *ret,
		 enum jwt_fault *ret_fault, struct err *err)
{
	struct jwt_digest digest;
	digest_of(tokens, token, &digest);
	const struct entry *e = look_up(tokens, &digest, now_s);
	if (e == NULL) {
		const struct tokens_settings *s = &tokens->settings;
		const struct jwt_expect expect = {.now_s = now_s, .audience = str_from(s->audience)};
		json_t *claims JSON_CLEANUP = NULL;
		if (!jwt_verify(token, &s->keys, &expect, &claims, ret_fault, err) ||
		    !put_role(s, claims, ret_fault, err))
			return false;
		e = remember(tokens, &digest, claims);
	}
	*ret = (struct token_holder){.role = str_from(e->role),
				     .claims = str_from(e->claims),
				     .user_id = str_from(e->user_id),
				     .session_id = str_from(e->session_id)};
	return true;
}
