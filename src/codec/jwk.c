/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/jwk.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <stdlib.h>

#include "codec/base64.h"
#include "codec/json.h"

#define NUMBER_MAX_BYTES 2048
#define RSA_PRIVATE_MAX_BITS 4096 /* a signature of 512 bytes, jwt.c */

struct jwk_set {
	struct jwt_key keys[JWK_KEYS_MAX];
	char *texts[JWK_KEYS_MAX][2]; /* kid and secret, owned */
	size_t count;
};

struct jwk_set *jwk_from_secret(struct str secret)
{
	struct jwk_set *set = calloc(1, sizeof *set);
	if (set == NULL) abort();
	char *copy = malloc(secret.len + 1);
	if (copy == NULL) abort();
	memcpy(copy, secret.ptr, secret.len);
	set->texts[set->count][1] = copy;
	set->keys[set->count++] = (struct jwt_key){.algorithm = JWT_HS256, .secret = {copy, secret.len}};
	return set;
}

static bool number(const json_t *jwk, const char *name, struct buf *ret_bytes)
{
	return base64url_decode(str_from(json_str(jwk, name, "")), ret_bytes) && ret_bytes->len > 0;
}

static EVP_PKEY *from_params(const char *kind, OSSL_PARAM_BLD *builder, bool has_private)
{
	OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(builder);
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, kind, NULL);
	EVP_PKEY *key = NULL;
	int selection = has_private ? EVP_PKEY_KEYPAIR : EVP_PKEY_PUBLIC_KEY;
	if (params != NULL && context != NULL && EVP_PKEY_fromdata_init(context) == 1)
		(void)EVP_PKEY_fromdata(context, &key, selection, params);
	EVP_PKEY_CTX_free(context);
	OSSL_PARAM_free(params);
	return key;
}

/* Whether both halves are of the same key: what is signed with one must verify with the other. */
static EVP_PKEY *paired(EVP_PKEY *key)
{
	EVP_PKEY_CTX *context = key != NULL ? EVP_PKEY_CTX_new(key, NULL) : NULL;
	bool ok = context != NULL && EVP_PKEY_pairwise_check(context) == 1;
	EVP_PKEY_CTX_free(context);
	if (ok) return key;
	EVP_PKEY_free(key);
	return NULL;
}

struct number {
	const char *member, *param;
};

/* Pushes the numbers of a JWK; they are wiped. */
static bool push_numbers(OSSL_PARAM_BLD *builder, const json_t *jwk, const struct number *numbers, int count,
			 BIGNUM **ret_numbers)
{
	for (int i = 0; i < count; i++) {
		BUF_CLEANUP struct buf bytes;
		buf_init(&bytes, NUMBER_MAX_BYTES);
		if (!number(jwk, numbers[i].member, &bytes)) return false;
		ret_numbers[i] = BN_bin2bn((unsigned char *)bytes.ptr, (int)bytes.len, NULL);
		OPENSSL_cleanse(bytes.ptr, bytes.len);
		if (ret_numbers[i] == NULL) abort();
		if (OSSL_PARAM_BLD_push_BN(builder, numbers[i].param, ret_numbers[i]) != 1) return false;
	}
	return true;
}

#define RSA_NUMBERS 8

/* RFC 7518, 6.3. The private half with all its numbers, or none of it. */
static EVP_PKEY *read_rsa(const json_t *jwk)
{
	static const struct number numbers[RSA_NUMBERS] = {
	    {"n", OSSL_PKEY_PARAM_RSA_N},          {"e", OSSL_PKEY_PARAM_RSA_E},
	    {"d", OSSL_PKEY_PARAM_RSA_D},          {"p", OSSL_PKEY_PARAM_RSA_FACTOR1},
	    {"q", OSSL_PKEY_PARAM_RSA_FACTOR2},    {"dp", OSSL_PKEY_PARAM_RSA_EXPONENT1},
	    {"dq", OSSL_PKEY_PARAM_RSA_EXPONENT2}, {"qi", OSSL_PKEY_PARAM_RSA_COEFFICIENT1},
	};
	BIGNUM *held[RSA_NUMBERS] = {NULL};
	bool is_private = json_object_get(jwk, "d") != NULL;
	OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
	EVP_PKEY *key = NULL;
	if (builder == NULL) abort();
	if (push_numbers(builder, jwk, numbers, is_private ? RSA_NUMBERS : 2, held) &&
	    (!is_private || BN_num_bits(held[0]) <= RSA_PRIVATE_MAX_BITS))
		key = from_params("RSA", builder, is_private);
	OSSL_PARAM_BLD_free(builder);
	for (int i = 0; i < RSA_NUMBERS; i++) BN_clear_free(held[i]);
	return is_private ? paired(key) : key;
}

static const struct {
	const char *name, *group;
	size_t bytes; /* of a coordinate */
	enum jwt_algorithm algorithm;
} curves[] = {{"P-256", "P-256", 32, JWT_ES256}, {"P-384", "P-384", 48, JWT_ES384}, {"P-521", "P-521", 66, JWT_ES512}};

static EVP_PKEY *from_point(const json_t *jwk, const char *group, struct str point)
{
	static const struct number secret = {"d", OSSL_PKEY_PARAM_PRIV_KEY};
	BIGNUM *held = NULL;
	bool is_private = json_object_get(jwk, "d") != NULL;
	OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
	EVP_PKEY *key = NULL;
	if (builder == NULL) abort();
	if (OSSL_PARAM_BLD_push_utf8_string(builder, OSSL_PKEY_PARAM_GROUP_NAME, group, 0) == 1 &&
	    OSSL_PARAM_BLD_push_octet_string(builder, OSSL_PKEY_PARAM_PUB_KEY, point.ptr, point.len) == 1 &&
	    (!is_private || push_numbers(builder, jwk, &secret, 1, &held)))
		key = from_params("EC", builder, is_private);
	OSSL_PARAM_BLD_free(builder);
	BN_clear_free(held);
	return is_private ? paired(key) : key;
}

static EVP_PKEY *read_ec(const json_t *jwk, int *ret_algorithm)
{
	BUF_CLEANUP struct buf point;
	EVP_PKEY *key = NULL;
	buf_init(&point, NUMBER_MAX_BYTES);
	for (size_t i = 0; i < sizeof curves / sizeof *curves; i++) {
		if (strcmp(curves[i].name, json_str(jwk, "crv", "")) != 0) continue;
		buf_putc(&point, 4); /* not compressed: x and y follow */
		if (!number(jwk, "x", &point) || !number(jwk, "y", &point) || point.len != 1 + 2 * curves[i].bytes)
			return NULL;
		key = from_point(jwk, curves[i].group, buf_view(&point));
		*ret_algorithm = curves[i].algorithm;
	}
	return key;
}

static EVP_PKEY *read_okp(const json_t *jwk)
{
	BUF_CLEANUP struct buf x;
	buf_init(&x, NUMBER_MAX_BYTES);
	if (strcmp(json_str(jwk, "crv", ""), "Ed25519") != 0 || !number(jwk, "x", &x)) return NULL;
	return EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, (unsigned char *)x.ptr, x.len);
}

/* One entry for each algorithm the key serves. */
static bool add(struct jwk_set *set, const json_t *jwk, int first, int last, EVP_PKEY *key, struct str secret,
		struct err *err)
{
	const char *kid = json_str(jwk, "kid", NULL), *only = json_str(jwk, "alg", NULL);
	for (int i = first; i <= last; i++) {
		if (only != NULL && jwt_algorithm_find(only) != i) continue;
		if (set->count == JWK_KEYS_MAX) return err_set(err, ERR_LIMIT, "more than %d keys", JWK_KEYS_MAX);
		struct jwt_key *to = &set->keys[set->count];
		char **texts = set->texts[set->count++];
		texts[0] = kid != NULL ? strdup(kid) : NULL;
		texts[1] = malloc(secret.len + 1);
		if (texts[1] == NULL) abort();
		if (secret.len > 0) memcpy(texts[1], secret.ptr, secret.len);
		if (key != NULL) (void)EVP_PKEY_up_ref(key);
		*to = (struct jwt_key){.algorithm = (enum jwt_algorithm)i,
				       .kid = str_from(texts[0]),
				       .secret = {texts[1], secret.len},
				       .key = key};
	}
	return true;
}

static bool read_key(struct jwk_set *set, const json_t *jwk, struct err *err)
{
	BUF_CLEANUP struct buf secret;
	const char *kind = json_str(jwk, "kty", "");
	EVP_PKEY *key = NULL;
	int first = JWT_RS256, last = JWT_RS512;
	buf_init(&secret, NUMBER_MAX_BYTES);
	if (strcmp(json_str(jwk, "use", "sig"), "sig") != 0) return true;
	if (strcmp(kind, "oct") == 0) {
		if (!number(jwk, "k", &secret)) return err_set(err, ERR_INVALID, "k of an oct key is not base64url");
		return add(set, jwk, JWT_HS256, JWT_HS512, NULL, buf_view(&secret), err);
	}
	if (strcmp(kind, "RSA") == 0) {
		key = read_rsa(jwk);
	} else if (strcmp(kind, "EC") == 0) {
		key = read_ec(jwk, &first);
		last = first;
	} else if (strcmp(kind, "OKP") == 0) {
		key = read_okp(jwk);
		first = last = JWT_EDDSA;
	} else {
		return true;
	}
	if (key == NULL)
		return err_set(err, ERR_INVALID, "the key %s (kty %s) cannot be read", json_str(jwk, "kid", ""), kind);
	bool ok = add(set, jwk, first, last, key, (struct str){"", 0}, err);
	EVP_PKEY_free(key);
	return ok;
}

bool jwk_read(struct str text, struct jwk_set **ret_set, struct err *err)
{
	JSON_CLEANUP json_t *value = NULL;
	if (text.len > JWK_TEXT_MAX) return err_set(err, ERR_LIMIT, "keys of more than %u bytes", JWK_TEXT_MAX);
	if (!json_parse(text, &value, err)) return false;
	const json_t *list = json_is_array(value) ? value : json_object_get(value, "keys");
	struct jwk_set *set = calloc(1, sizeof *set);
	if (set == NULL) abort();
	bool ok = true;
	if (list == NULL)
		ok = json_object_get(value, "kty") != NULL ? read_key(set, value, err)
							   : err_set(err, ERR_INVALID, "no JSON Web Key");
	for (size_t i = 0; ok && i < json_array_size(list); i++) ok = read_key(set, json_array_get(list, i), err);
	if (!ok) {
		jwk_free(set);
		return false;
	}
	*ret_set = set;
	return true;
}

struct jwt_keys jwk_keys(const struct jwk_set *set)
{
	return (struct jwt_keys){set->keys, set->count};
}

void jwk_free(struct jwk_set *set)
{
	if (set == NULL) return;
	for (size_t i = 0; i < set->count; i++) {
		free(set->texts[i][0]);
		free(set->texts[i][1]);
		EVP_PKEY_free(set->keys[i].key);
	}
	free(set);
}
