/* SPDX-License-Identifier: Apache-2.0
 *
 * An entry of the cache never changes but for its keys; a newer one takes its place, and whoever still uses the old one
 * holds it. */
#include "auth/oidc.h"

#include <stdlib.h>
#include <string.h>

#include "auth/call_fetch.h"
#include "base/clock.h"
#include "codec/json.h"
#include "codec/jwk.h"

#define DISCOVERY "/.well-known/openid-configuration"
#define ANSWER_MAX_BYTES (256u << 10)

struct entry {
	struct oidc_issuer shown;
	json_t *document; /* holds the texts */
	const char *jwks_url;
	int64_t found_ms;
	struct jwk_set *keys; /* NULL: not fetched yet */
	int64_t keys_ms;
	unsigned holders;
};

struct oidc_cache {
	struct entry *entries[OIDC_ISSUERS_MAX];
};

/* A call's question, through its steps. */
struct ask {
	const char *issuer, *url;
	oidc_found_fn found;
	struct entry *entry;
	const char *token;
	bool is_refetched;
	oidc_verified_fn verified;
};

struct oidc_cache *oidc_cache_new(void)
{
	struct oidc_cache *cache = calloc(1, sizeof *cache);
	if (cache == NULL) abort();
	return cache;
}

static void let_go(void *arg)
{
	struct entry *e = arg;
	if (e == NULL || --e->holders > 0) return;
	jwk_free(e->keys);
	json_decref(e->document);
	free(e);
}

void oidc_cache_free(struct oidc_cache *cache)
{
	if (cache == NULL) return;
	for (int i = 0; i < OIDC_ISSUERS_MAX; i++) let_go(cache->entries[i]);
	free(cache);
}

static int find_slot(const struct oidc_cache *cache, const char *issuer)
{
	for (int i = 0; i < OIDC_ISSUERS_MAX; i++)
		if (cache->entries[i] != NULL && strcmp(cache->entries[i]->shown.issuer, issuer) == 0) return i;
	return -1;
}

static int oldest_slot(const struct oidc_cache *cache)
{
	int oldest = 0;
	for (int i = 0; i < OIDC_ISSUERS_MAX; i++) {
		if (cache->entries[i] == NULL) return i;
		if (cache->entries[i]->found_ms < cache->entries[oldest]->found_ms) oldest = i;
	}
	return oldest;
}

static void keep(struct oidc_cache *cache, struct entry *e)
{
	int slot = find_slot(cache, e->shown.issuer);
	if (slot < 0) slot = oldest_slot(cache);
	let_go(cache->entries[slot]);
	cache->entries[slot] = e;
	e->holders++;
}

static struct entry *known(const struct auth_call *call, const char *issuer)
{
	int slot = find_slot(call->auth->oidc, issuer);
	return slot >= 0 ? call->auth->oidc->entries[slot] : NULL;
}

static struct ask *ask_new(struct auth_call *call)
{
	struct ask *ask = arena_alloc(call->arena, sizeof *ask);
	if (ask == NULL)
		call_full(call);
	else
		call->oidc = ask;
	return ask;
}

static void hold(struct auth_call *call, struct entry *e)
{
	e->holders++;
	arena_defer(call->arena, let_go, e);
}

static bool has_text(const json_t *list, const char *text)
{
	size_t i;
	json_t *item;
	json_array_foreach(list, i,
			   item) if (json_is_string(item) && strcmp(json_string_value(item), text) == 0) return true;
	return false;
}

/* The document must be of the issuer that was asked, or anybody could speak for it (OpenID Connect Discovery, 4.3). */
static struct entry *read_document(json_t *document, const char *issuer, struct err *err)
{
	const char *says = json_str(document, "issuer", "");
	struct entry e = {.found_ms = clock_now_ms(), .jwks_url = json_str(document, "jwks_uri", NULL)};
	e.shown.authorize_url = json_str(document, "authorization_endpoint", NULL);
	e.shown.token_url = json_str(document, "token_endpoint", NULL);
	e.shown.user_url = json_str(document, "userinfo_endpoint", NULL);
	e.shown.has_pkce = has_text(json_object_get(document, "code_challenge_methods_supported"), "S256");
	e.shown.issuer = says;
	struct str a = str_from(says), b = str_from(issuer);
	while (a.len > 0 && a.ptr[a.len - 1] == '/') a.len--;
	while (b.len > 0 && b.ptr[b.len - 1] == '/') b.len--;
	if (!str_eq(a, b))
		return (void)err_set(err, ERR_REFUSED, "%s says that it is another issuer: %s", issuer, says), NULL;
	if (e.jwks_url == NULL)
		return (void)err_set(err, ERR_FAILED, "the discovery document of %s names no keys (jwks_uri)", issuer),
		       NULL;
	struct entry *made = malloc(sizeof *made);
	if (made == NULL) abort();
	*made = e;
	made->document = json_incref(document);
	return made;
}

static void on_document(struct auth_call *call, const struct http_fetched *fetched, const struct err *why)
{
	struct ask *ask = call->oidc;
	struct entry *old = known(call, ask->issuer), *made = NULL;
	struct err err;
	json_t *document = fetched != NULL && fetched->status == 200 ? call_fetched_json(call, fetched) : NULL;
	if (document != NULL)
		made = read_document(document, ask->issuer, &err);
	else if (fetched != NULL)
		(void)err_set(&err, ERR_FAILED, "%s answers %d", ask->url, fetched->status);
	else
		err = *why;
	if (made != NULL) keep(call->auth->oidc, made);
	if (made == NULL) made = old; /* better than none */
	if (made == NULL) {
		ask->found(call, NULL, &err);
		return;
	}
	hold(call, made);
	ask->entry = made;
	ask->found(call, &made->shown, NULL);
}

static void find(struct auth_call *call, struct ask *ask)
{
	struct entry *e = known(call, ask->issuer);
	if (e != NULL && clock_now_ms() - e->found_ms < OIDC_KEEP_MS) {
		hold(call, e);
		ask->entry = e;
		ask->found(call, &e->shown, NULL);
		return;
	}
	size_t len = strlen(ask->issuer);
	while (len > 0 && ask->issuer[len - 1] == '/') len--;
	ask->url = arena_printf(call->arena, "%.*s" DISCOVERY, (int)len, ask->issuer);
	if (ask->url == NULL)
		call_full(call);
	else
		call_fetch(call,
			   &(struct http_fetch_spec){
			       .url = ask->url, .answer_max_bytes = ANSWER_MAX_BYTES, .redirects_max = 2},
			   on_document);
}

void oidc_find(struct auth_call *call, const char *issuer, oidc_found_fn done)
{
	struct ask *ask = ask_new(call);
	if (ask == NULL) return;
	*ask = (struct ask){.issuer = issuer, .found = done};
	find(call, ask);
}

/* Keys that only verify: a secret in a public list would let everybody sign. */
static struct jwt_keys public_keys(struct auth_call *call, const struct jwk_set *set)
{
	struct jwt_keys all = jwk_keys(set);
	struct jwt_key *some = arena_array(call->arena, all.count + 1, sizeof *some);
	size_t n = 0;
	if (some == NULL) return (struct jwt_keys){0};
	for (size_t i = 0; i < all.count; i++)
		if (all.keys[i].algorithm > JWT_HS512) some[n++] = all.keys[i];
	return (struct jwt_keys){some, n};
}

static void free_json(void *arg)
{
	json_decref(arg);
}

static void fetch_keys(struct auth_call *call, struct ask *ask);

bool oidc_is_issuer(const char *discovered, const char *claimed)
{
	static const struct {
		const char *name, *other;
	} pairs[] = {{"https://accounts.google.com", "accounts.google.com"},
		     {"https://appleid.apple.com", "https://account.apple.com"}};
	if (strcmp(discovered, claimed) == 0) return true;
	for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
		if (strcmp(discovered, pairs[i].name) == 0 && strcmp(claimed, pairs[i].other) == 0) return true;
	return false;
}

static bool check_claims(const struct ask *ask, const json_t *claims, struct err *err)
{
	const char *issuer = json_str(claims, "iss", "");
	if (!oidc_is_issuer(ask->entry->shown.issuer, issuer))
		return err_set(err, ERR_DENIED, "the token is of another issuer: %.200s", issuer);
	if (json_str(claims, "sub", "")[0] == '\0') return err_set(err, ERR_DENIED, "the token has no subject (sub)");
	if (!json_is_integer(json_object_get(claims, "exp")))
		return err_set(err, ERR_DENIED, "the token does not expire (exp)");
	return true;
}

static void verify(struct auth_call *call, struct ask *ask)
{
	struct entry *e = ask->entry;
	struct jwt_keys keys = public_keys(call, e->keys);
	struct jwt_expect expect = {.now_s = call_now_s(call)};
	json_t *claims = NULL;
	enum jwt_fault fault = JWT_OK;
	struct err err;
	bool ok = jwt_verify(str_from(ask->token), &keys, &expect, &claims, &fault, &err);
	if (!ok && fault == JWT_NO_KEY && !ask->is_refetched && clock_now_ms() - e->keys_ms > OIDC_REFETCH_MS) {
		ask->is_refetched = true;
		fetch_keys(call, ask);
		return;
	}
	if (ok) arena_defer(call->arena, free_json, claims);
	ok = ok && check_claims(ask, claims, &err);
	ask->verified(call, ok ? claims : NULL, &err);
}

static void on_keys(struct auth_call *call, const struct http_fetched *fetched, const struct err *why)
{
	struct ask *ask = call->oidc;
	struct jwk_set *keys = NULL;
	struct err err;
	if (fetched == NULL)
		err = *why;
	else if (fetched->status != 200)
		(void)err_set(&err, ERR_FAILED, "%s answers %d", ask->entry->jwks_url, fetched->status);
	else
		(void)jwk_read(fetched->body, &keys, &err);
	if (keys != NULL) {
		jwk_free(ask->entry->keys);
		ask->entry->keys = keys;
		ask->entry->keys_ms = clock_now_ms();
	}
	if (ask->entry->keys == NULL)
		ask->verified(call, NULL, &err);
	else
		verify(call, ask);
}

static void fetch_keys(struct auth_call *call, struct ask *ask)
{
	call_fetch(call,
		   &(struct http_fetch_spec){
		       .url = ask->entry->jwks_url, .answer_max_bytes = ANSWER_MAX_BYTES, .redirects_max = 2},
		   on_keys);
}

static void on_issuer(struct auth_call *call, const struct oidc_issuer *found, const struct err *why)
{
	struct ask *ask = call->oidc;
	if (found == NULL)
		ask->verified(call, NULL, why);
	else if (ask->entry->keys == NULL || clock_now_ms() - ask->entry->keys_ms > OIDC_KEEP_MS)
		fetch_keys(call, ask);
	else
		verify(call, ask);
}

void oidc_verify(struct auth_call *call, const char *issuer, const char *token, oidc_verified_fn done)
{
	struct ask *ask = ask_new(call);
	if (ask == NULL) return;
	*ask = (struct ask){.issuer = issuer, .found = on_issuer, .token = token, .verified = done};
	find(call, ask);
}

static bool is_one_of(const char *text, const struct auth_texts *texts)
{
	for (size_t i = 0; i < texts->count; i++)
		if (text != NULL && texts->at[i][0] != '\0' && strcmp(text, texts->at[i]) == 0) return true;
	return false;
}

bool oidc_has_audience(const json_t *claims, const struct auth_texts *client_ids)
{
	const json_t *aud = json_object_get(claims, "aud");
	size_t i;
	json_t *item;
	if (json_is_string(aud)) return is_one_of(json_string_value(aud), client_ids);
	json_array_foreach(aud, i, item) if (is_one_of(json_string_value(item), client_ids)) return true;
	return false;
}
