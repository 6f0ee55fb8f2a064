/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/keyring.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <stdlib.h>

#include "codec/base64.h"
#include "codec/json.h"
#include "codec/jwk.h"

#define RSA_BITS 2048
#define SECRET_BYTES 32
#define COORDINATE_BYTES 32
#define NUMBER_MAX_BYTES 1024

struct keyring {
	struct jwk_set *sets[KEYRING_MAX]; /* one of each key that is not revoked */
	size_t set_count;
	struct jwt_key verifying[KEYRING_MAX * 3]; /* an oct key serves three algorithms */
	size_t verifying_count;
	struct jwt_digest refused[KEYRING_REFUSED_MAX];
	size_t refused_count;
	struct jwt_key signing;
	bool has_signing;
	char *jwks;
};

static const char *const state_words[] = {"standby", "in_use", "previously_used", "revoked"};

const char *key_state_word(enum key_state state)
{
	return state_words[state];
}

bool key_state_find(const char *word, enum key_state *ret_state)
{
	for (int i = 0; i < 4; i++) {
		if (strcmp(state_words[i], word) != 0) continue;
		*ret_state = (enum key_state)i;
		return true;
	}
	return false;
}

json_t *keyring_public(const json_t *jwk)
{
	static const char *const members[] = {"kty", "kid", "alg", "crv", "n", "e", "x", "y"};
	if (strcmp(json_str(jwk, "kty", "oct"), "oct") == 0) return NULL;
	json_t *public = json_object();
	for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
		json_t *value = json_object_get(jwk, members[i]);
		if (value != NULL) (void)json_object_set(public, members[i], value);
	}
	(void)json_object_set_new(public, "use", json_string("sig"));
	(void)json_object_set_new(public, "key_ops", json_pack("[s]", "verify"));
	return public;
}

/* The algorithm that a key signs with; the others that it could verify are not accepted: no token of ours has them. */
static bool algorithm_of(const json_t *jwk, enum jwt_algorithm *ret_algorithm)
{
	static const struct {
		const char *kind, *curve;
		enum jwt_algorithm algorithm;
	} kinds[] = {{"oct", "", JWT_HS256}, {"RSA", "", JWT_RS256}, {"EC", "P-256", JWT_ES256}};
	const char *alg = json_str(jwk, "alg", NULL);
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		if (strcmp(kinds[i].kind, json_str(jwk, "kty", "")) != 0) continue;
		if (kinds[i].curve[0] != '\0' && strcmp(kinds[i].curve, json_str(jwk, "crv", "")) != 0) return false;
		*ret_algorithm = kinds[i].algorithm;
		return alg == NULL || jwt_algorithm_find(alg) == (int)kinds[i].algorithm;
	}
	return false;
}

static bool is_private(const json_t *jwk)
{
	bool is_secret = strcmp(json_str(jwk, "kty", ""), "oct") == 0;
	return json_object_get(jwk, is_secret ? "k" : "d") != NULL;
}

static bool add_key(struct keyring *k, enum key_state state, const json_t *jwk, struct err *err)
{
	enum jwt_algorithm algorithm;
	const char *kid = json_str(jwk, "kid", "");
	if (!algorithm_of(jwk, &algorithm))
		return err_set(
		    err, ERR_INVALID,
		    "the key %.60s is none that tokens can be signed with: RSA (RS256), EC P-256 (ES256) or a secret",
		    kid);
	if (!is_private(jwk))
		return err_set(err, ERR_INVALID,
			       "the key %.60s has no private half, so that nothing can be signed with it", kid);
	json_t *alone JSON_CLEANUP = json_deep_copy(jwk);
	(void)json_object_set_new(alone, "use", json_string("sig"));
	char *text = json_text(alone);
	bool ok = jwk_read(str_from(text), &k->sets[k->set_count], err);
	OPENSSL_cleanse(text, strlen(text));
	free(text);
	if (!ok) return false;
	struct jwt_keys keys = jwk_keys(k->sets[k->set_count++]);
	for (size_t i = 0; i < keys.count; i++) {
		if (algorithm != JWT_HS256 && keys.keys[i].algorithm != algorithm) continue;
		k->verifying[k->verifying_count++] = keys.keys[i];
		if (state == KEY_IN_USE && keys.keys[i].algorithm == algorithm) k->signing = keys.keys[i];
	}
	k->has_signing = k->has_signing || state == KEY_IN_USE;
	return true;
}

static bool read_entry(const json_t *entry, size_t i, enum key_state *ret_state, const json_t **ret_jwk,
		       struct err *err)
{
	*ret_state = i == 0 ? KEY_IN_USE : KEY_PREVIOUSLY_USED;
	*ret_jwk = entry;
	if (json_object_get(entry, "kty") != NULL) return true;
	*ret_jwk = json_object_get(entry, "jwk");
	if (!json_is_object(*ret_jwk)) return err_set(err, ERR_INVALID, "key %zu is no JSON Web Key", i + 1);
	if (key_state_find(json_str(entry, "state", ""), ret_state)) return true;
	return err_set(err, ERR_INVALID, "the state of key %zu must be standby, in_use, previously_used or revoked",
		       i + 1);
}

static bool read_refused(struct keyring *k, const char *hex, struct err *err)
{
	struct jwt_digest *digest = &k->refused[k->refused_count];
	bool ok = k->refused_count < KEYRING_REFUSED_MAX && strlen(hex) == 2 * JWT_DIGEST_BYTES &&
		  strspn(hex, "0123456789abcdef") == 2 * JWT_DIGEST_BYTES;
	for (size_t i = 0; ok && i < JWT_DIGEST_BYTES; i++) {
		char pair[3] = {hex[2 * i], hex[2 * i + 1], '\0'};
		digest->bytes[i] = (unsigned char)strtoul(pair, NULL, 16);
	}
	if (!ok)
		return err_set(err, ERR_INVALID, "a refused token must be 64 hexadecimal digits, of %d at most",
			       KEYRING_REFUSED_MAX);
	k->refused_count++;
	return true;
}

static bool read_entries(struct keyring *k, const json_t *list, json_t *public, struct err *err)
{
	for (size_t i = 0; i < json_array_size(list); i++) {
		enum key_state state;
		const json_t *jwk;
		const char *refused = json_str(json_array_get(list, i), "refused", NULL);
		if (refused != NULL && !read_refused(k, refused, err)) return false;
		if (refused != NULL) continue;
		if (i - k->refused_count >= KEYRING_MAX)
			return err_set(err, ERR_INVALID, "there are more than %d keys", KEYRING_MAX);
		if (!read_entry(json_array_get(list, i), i, &state, &jwk, err)) return false;
		if (state == KEY_REVOKED) continue;
		if (state == KEY_IN_USE && k->has_signing) return err_set(err, ERR_INVALID, "two keys are in use");
		if (!add_key(k, state, jwk, err)) return false;
		json_t *shown = keyring_public(jwk);
		if (shown != NULL) (void)json_array_append_new(public, shown);
	}
	return k->has_signing || err_set(err, ERR_INVALID, "no key is in use, so that nothing could be signed");
}

bool keyring_read(const json_t *list, struct keyring **ret_keyring, struct err *err)
{
	json_t *jwks JSON_CLEANUP = json_pack("{s:[]}", "keys");
	if (!json_is_array(list) || json_array_size(list) == 0 ||
	    json_array_size(list) > KEYRING_MAX + KEYRING_REFUSED_MAX)
		return err_set(err, ERR_INVALID, "the keys must be a list of 1 to %d", KEYRING_MAX);
	struct keyring *k = calloc(1, sizeof *k);
	if (k == NULL) abort();
	if (!read_entries(k, list, json_object_get(jwks, "keys"), err)) {
		keyring_free(k);
		return false;
	}
	k->jwks = json_text(jwks);
	*ret_keyring = k;
	return true;
}

struct keyring *keyring_from_secret(struct str secret)
{
	struct keyring *k = calloc(1, sizeof *k);
	if (k == NULL) abort();
	k->sets[k->set_count++] = jwk_from_secret(secret);
	struct jwt_keys keys = jwk_keys(k->sets[0]);
	for (size_t i = 0; i < keys.count; i++) k->verifying[k->verifying_count++] = keys.keys[i];
	k->signing = keys.keys[0];
	k->has_signing = true;
	k->jwks = strdup("{\"keys\":[]}");
	if (k->jwks == NULL) abort();
	return k;
}

void keyring_free(struct keyring *keyring)
{
	if (keyring == NULL) return;
	for (size_t i = 0; i < keyring->set_count; i++) jwk_free(keyring->sets[i]);
	free(keyring->jwks);
	free(keyring);
}

const struct jwt_key *keyring_signing(const struct keyring *keyring)
{
	return &keyring->signing;
}

struct jwt_keys keyring_verifying(const struct keyring *keyring)
{
	return (struct jwt_keys){.keys = keyring->verifying,
				 .count = keyring->verifying_count,
				 .refused = keyring->refused,
				 .refused_count = keyring->refused_count};
}

struct str keyring_jwks(const struct keyring *keyring)
{
	return str_from(keyring->jwks);
}

static void put_bytes(json_t *jwk, const char *member, const unsigned char *bytes, int len)
{
	BUF_CLEANUP struct buf text;
	buf_init(&text, 2 * NUMBER_MAX_BYTES);
	base64url_encode((struct str){(const char *)bytes, (size_t)len}, &text);
	(void)json_object_set_new(jwk, member, json_string(buf_cstr(&text)));
	OPENSSL_cleanse(text.ptr, text.len);
}

/* len 0: as long as the number is. */
static void put_number(json_t *jwk, const char *member, const EVP_PKEY *key, const char *param, int len)
{
	unsigned char bytes[NUMBER_MAX_BYTES];
	BIGNUM *number = NULL;
	if (EVP_PKEY_get_bn_param(key, param, &number) != 1) abort();
	if (len == 0) len = BN_num_bytes(number);
	if (BN_bn2binpad(number, bytes, len) != len) abort();
	put_bytes(jwk, member, bytes, len);
	BN_clear_free(number);
	OPENSSL_cleanse(bytes, sizeof bytes);
}

static void make_ec(json_t *jwk)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	if (key == NULL) abort();
	(void)json_object_set_new(jwk, "kty", json_string("EC"));
	(void)json_object_set_new(jwk, "crv", json_string("P-256"));
	put_number(jwk, "x", key, OSSL_PKEY_PARAM_EC_PUB_X, COORDINATE_BYTES);
	put_number(jwk, "y", key, OSSL_PKEY_PARAM_EC_PUB_Y, COORDINATE_BYTES);
	put_number(jwk, "d", key, OSSL_PKEY_PARAM_PRIV_KEY, COORDINATE_BYTES);
	EVP_PKEY_free(key);
}

static void make_rsa(json_t *jwk)
{
	static const char *const numbers[][2] = {
	    {"n", OSSL_PKEY_PARAM_RSA_N},          {"e", OSSL_PKEY_PARAM_RSA_E},
	    {"d", OSSL_PKEY_PARAM_RSA_D},          {"p", OSSL_PKEY_PARAM_RSA_FACTOR1},
	    {"q", OSSL_PKEY_PARAM_RSA_FACTOR2},    {"dp", OSSL_PKEY_PARAM_RSA_EXPONENT1},
	    {"dq", OSSL_PKEY_PARAM_RSA_EXPONENT2}, {"qi", OSSL_PKEY_PARAM_RSA_COEFFICIENT1},
	};
	EVP_PKEY *key = EVP_RSA_gen(RSA_BITS);
	if (key == NULL) abort();
	(void)json_object_set_new(jwk, "kty", json_string("RSA"));
	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
		put_number(jwk, numbers[i][0], key, numbers[i][1], 0);
	EVP_PKEY_free(key);
}

static void make_secret(json_t *jwk)
{
	unsigned char bytes[SECRET_BYTES];
	if (RAND_bytes(bytes, sizeof bytes) != 1) abort();
	(void)json_object_set_new(jwk, "kty", json_string("oct"));
	put_bytes(jwk, "k", bytes, sizeof bytes);
	OPENSSL_cleanse(bytes, sizeof bytes);
}

json_t *keyring_make(enum jwt_algorithm algorithm, const char *kid)
{
	json_t *jwk = json_object();
	if (algorithm == JWT_ES256)
		make_ec(jwk);
	else if (algorithm == JWT_RS256)
		make_rsa(jwk);
	else if (algorithm == JWT_HS256)
		make_secret(jwk);
	else
		abort();
	const char *name = algorithm == JWT_ES256 ? "ES256" : algorithm == JWT_RS256 ? "RS256" : "HS256";
	(void)json_object_set_new(jwk, "kid", json_string(kid));
	(void)json_object_set_new(jwk, "alg", json_string(name));
	(void)json_object_set_new(jwk, "use", json_string("sig"));
	return jwk;
}
