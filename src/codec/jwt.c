/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/jwt.h"

#include <assert.h>
#include <limits.h>
#include <math.h>
#include <openssl/bn.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>

#include "codec/base64.h"
#include "codec/json.h"

#define SIGNATURE_MAX_BYTES 512

struct parts {
	struct str header, claims, signature;
	struct str is_signed; /* header, dot, claims */
};

static bool fault(enum jwt_fault what, const char *words, enum jwt_fault *ret_fault, struct err *err)
{
	*ret_fault = what;
	return err_set(err, ERR_DENIED, "%s", words);
}

static bool split(struct str token, struct parts *ret_parts, enum jwt_fault *ret_fault, struct err *err)
{
	struct str rest;
	if (token.len == 0) return fault(JWT_EMPTY, "the token is empty", ret_fault, err);
	if (token.len > JWT_MAX_BYTES) return fault(JWT_UNREADABLE, "the token is too long", ret_fault, err);
	if (!str_cut(token, '.', &ret_parts->header, &rest) ||
	    !str_cut(rest, '.', &ret_parts->claims, &ret_parts->signature) ||
	    str_find_char(ret_parts->signature, '.') >= 0)
		return fault(JWT_PARTS, "the token does not have three parts", ret_fault, err);
	ret_parts->is_signed = str_sub(token, 0, ret_parts->header.len + 1 + ret_parts->claims.len);
	return true;
}

static bool decode_object(struct str text, json_t **ret_object)
{
	struct buf bytes BUF_CLEANUP;
	struct err ignored;
	json_t *value = NULL;
	buf_init(&bytes, JWT_MAX_BYTES);
	if (!base64url_decode(text, &bytes) || !json_parse(buf_view(&bytes), &value, &ignored)) return false;
	if (!json_is_object(value)) {
		json_decref(value);
		return false;
	}
	*ret_object = value;
	return true;
}

static const struct {
	const char *name, *digest;
	int signature_bytes; /* of an ECDSA signature: r and s */
} algorithms[JWT_ALGORITHMS] = {
    [JWT_HS256] = {"HS256", "SHA256", 0},   [JWT_HS384] = {"HS384", "SHA384", 0},
    [JWT_HS512] = {"HS512", "SHA512", 0},   [JWT_RS256] = {"RS256", "SHA256", 0},
    [JWT_RS384] = {"RS384", "SHA384", 0},   [JWT_RS512] = {"RS512", "SHA512", 0},
    [JWT_ES256] = {"ES256", "SHA256", 64},  [JWT_ES384] = {"ES384", "SHA384", 96},
    [JWT_ES512] = {"ES512", "SHA512", 132}, [JWT_EDDSA] = {"EdDSA", NULL, 0},
};

int jwt_algorithm_find(const char *name)
{
	for (int i = 0; i < JWT_ALGORITHMS; i++)
		if (strcmp(algorithms[i].name, name) == 0) return i;
	return -1;
}

static const EVP_MD *digest_of(enum jwt_algorithm algorithm)
{
	const char *name = algorithms[algorithm].digest;
	return name != NULL ? EVP_get_digestbyname(name) : NULL;
}

static void mac_of(const struct jwt_key *key, struct str text, unsigned char ret_mac[EVP_MAX_MD_SIZE],
		   unsigned *ret_len)
{
	assert(key->algorithm <= JWT_HS512 && key->secret.len <= INT_MAX);
	if (HMAC(digest_of(key->algorithm), key->secret.ptr, (int)key->secret.len, (const unsigned char *)text.ptr,
		 text.len, ret_mac, ret_len) == NULL)
		abort();
}

/* A token holds r and s one behind the other (RFC 7518, 3.4); OpenSSL wants them as DER. Returns the length, 0: no. */
static int ecdsa_to_der(struct str signature, int expected_bytes, unsigned char **ret_der)
{
	if (signature.len != (size_t)expected_bytes) return 0;
	int half = expected_bytes / 2;
	const unsigned char *bytes = (const unsigned char *)signature.ptr;
	ECDSA_SIG *sig = ECDSA_SIG_new();
	BIGNUM *r = BN_bin2bn(bytes, half, NULL), *s = BN_bin2bn(bytes + half, half, NULL);
	if (sig == NULL || r == NULL || s == NULL || ECDSA_SIG_set0(sig, r, s) != 1) abort();
	int len = i2d_ECDSA_SIG(sig, ret_der);
	ECDSA_SIG_free(sig);
	return len > 0 ? len : 0;
}

static bool is_verified(const struct jwt_key *key, struct str text, struct str signature)
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	unsigned char *der = NULL;
	int expected = algorithms[key->algorithm].signature_bytes;
	const unsigned char *bytes = (const unsigned char *)signature.ptr;
	size_t len = signature.len;
	bool ok = context != NULL && key->key != NULL;
	if (ok && expected > 0) {
		len = (size_t)ecdsa_to_der(signature, expected, &der);
		bytes = der;
		ok = len > 0;
	}
	ok = ok && EVP_DigestVerifyInit(context, NULL, digest_of(key->algorithm), NULL, key->key) == 1 &&
	     EVP_DigestVerify(context, bytes, len, (const unsigned char *)text.ptr, text.len) == 1;
	OPENSSL_free(der);
	EVP_MD_CTX_free(context);
	return ok;
}

/* The other way: r and s, each as long as the curve's numbers. */
static void der_to_ecdsa(const unsigned char *der, size_t len, int half, unsigned char *ret_bytes)
{
	ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &der, (long)len);
	if (sig == NULL || BN_bn2binpad(ECDSA_SIG_get0_r(sig), ret_bytes, half) != half ||
	    BN_bn2binpad(ECDSA_SIG_get0_s(sig), ret_bytes + half, half) != half)
		abort();
	ECDSA_SIG_free(sig);
}

static void sign(const struct jwt_key *key, struct str text, unsigned char ret_bytes[SIGNATURE_MAX_BYTES],
		 size_t *ret_len)
{
	unsigned char der[SIGNATURE_MAX_BYTES];
	int expected = algorithms[key->algorithm].signature_bytes;
	unsigned mac_len = 0;
	size_t len = SIGNATURE_MAX_BYTES;
	if (key->algorithm <= JWT_HS512) {
		mac_of(key, text, ret_bytes, &mac_len);
		*ret_len = mac_len;
		return;
	}
	assert(key->key != NULL);
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	if (context == NULL || EVP_DigestSignInit(context, NULL, digest_of(key->algorithm), NULL, key->key) != 1 ||
	    EVP_DigestSign(context, expected > 0 ? der : ret_bytes, &len, (const unsigned char *)text.ptr, text.len) !=
		1)
		abort();
	EVP_MD_CTX_free(context);
	if (expected > 0) der_to_ecdsa(der, len, expected / 2, ret_bytes);
	*ret_len = expected > 0 ? (size_t)expected : len;
}

static bool is_signed_by(const struct jwt_key *key, struct str text, struct str signature)
{
	unsigned char mac[EVP_MAX_MD_SIZE];
	unsigned len = 0;
	if (key->algorithm > JWT_HS512) return is_verified(key, text, signature);
	mac_of(key, text, mac, &len);
	return signature.len == len && CRYPTO_memcmp(signature.ptr, mac, len) == 0;
}

static bool is_key_for(const struct jwt_key *key, int algorithm, const char *kid)
{
	if ((int)key->algorithm != algorithm) return false;
	return key->kid.len == 0 || kid == NULL || str_eq(key->kid, str_from(kid));
}

/* The header chooses among our keys, by kid; it never says how a key is used. */
static bool check_signature(const struct parts *parts, const json_t *header, const struct jwt_keys *keys,
			    enum jwt_fault *ret_fault, struct err *err)
{
	int algorithm = jwt_algorithm_find(json_str(header, "alg", ""));
	const char *kid = json_str(header, "kid", NULL);
	struct buf signature BUF_CLEANUP;
	buf_init(&signature, SIGNATURE_MAX_BYTES);
	if (json_object_get(header, "crit") != NULL)
		return fault(JWT_UNREADABLE, "the token demands an extension that is not known", ret_fault, err);
	if (!base64url_decode(parts->signature, &signature) || !buf_is_ok(&signature))
		return fault(JWT_UNREADABLE, "the token's signature is not base64url", ret_fault, err);
	bool is_tried = false;
	for (size_t i = 0; i < keys->count; i++) {
		if (!is_key_for(&keys->keys[i], algorithm, kid)) continue;
		is_tried = true;
		if (is_signed_by(&keys->keys[i], parts->is_signed, buf_view(&signature))) return true;
	}
	if (str_eq(str_from(json_str(header, "alg", "")), STR("none")))
		return fault(JWT_UNSECURED, "the token is not signed", ret_fault, err);
	if (algorithm < 0) return fault(JWT_ALGORITHM, "the token's algorithm is not known", ret_fault, err);
	if (!is_tried) return fault(JWT_NO_KEY, "no key of this app is for that token", ret_fault, err);
	return fault(JWT_SIGNATURE, "the token is not signed by a key of this app", ret_fault, err);
}

/* A NumericDate may have a fraction. An absent one is *ret_seconds untouched. */
static bool date_of(const json_t *claims, const char *name, double *ret_seconds)
{
	const json_t *value = json_object_get(claims, name);
	if (value == NULL || json_is_null(value)) return true;
	if (!json_is_number(value)) return false;
	*ret_seconds = json_number_value(value);
	return true;
}

static bool check_dates(const json_t *claims, int64_t now_s, enum jwt_fault *ret_fault, struct err *err)
{
	double expires = INFINITY, not_before = -INFINITY, issued = -INFINITY, now = (double)now_s;
	if (!date_of(claims, "exp", &expires)) return fault(JWT_EXP_TYPE, "exp must be a number", ret_fault, err);
	if (now - JWT_LEEWAY_S > expires) return fault(JWT_EXPIRED, "the token has expired", ret_fault, err);
	if (!date_of(claims, "nbf", &not_before)) return fault(JWT_NBF_TYPE, "nbf must be a number", ret_fault, err);
	if (now + JWT_LEEWAY_S < not_before) return fault(JWT_NOT_YET, "the token is not valid yet", ret_fault, err);
	if (!date_of(claims, "iat", &issued)) return fault(JWT_IAT_TYPE, "iat must be a number", ret_fault, err);
	if (now + JWT_LEEWAY_S < issued) return fault(JWT_FUTURE, "the token was issued in the future", ret_fault, err);
	return true;
}

static bool is_audience(const json_t *value, struct str audience)
{
	const char *text = json_string_value(value);
	return text != NULL && str_eq(str_from(text), audience);
}

static bool check_audience(const json_t *claims, struct str audience, enum jwt_fault *ret_fault, struct err *err)
{
	const json_t *value = json_object_get(claims, "aud");
	bool is_known = value == NULL || json_is_null(value) || json_is_string(value) || json_is_array(value);
	bool is_ours = audience.len == 0 || value == NULL || json_is_null(value) ||
		       (json_is_array(value) && json_array_size(value) == 0) || is_audience(value, audience);
	for (size_t i = 0; i < json_array_size(value); i++) {
		is_known = is_known && json_is_string(json_array_get(value, i));
		is_ours = is_ours || is_audience(json_array_get(value, i), audience);
	}
	if (!is_known) return fault(JWT_AUD_TYPE, "aud must be a text or a list of texts", ret_fault, err);
	return is_ours || fault(JWT_AUDIENCE, "the token is for somebody else", ret_fault, err);
}

void jwt_digest(struct str token, struct jwt_digest *ret_digest)
{
	size_t end = token.len;
	while (end > 0 && token.ptr[end - 1] != '.') end--;
	struct str text = str_sub(token, 0, end > 0 ? end - 1 : token.len);
	if (EVP_Digest(text.ptr, text.len, ret_digest->bytes, NULL, EVP_sha256(), NULL) != 1) abort();
}

static bool check_refused(struct str token, const struct jwt_keys *keys, enum jwt_fault *ret_fault, struct err *err)
{
	struct jwt_digest digest;
	if (keys->refused_count > 0) jwt_digest(token, &digest);
	for (size_t i = 0; i < keys->refused_count; i++)
		if (memcmp(digest.bytes, keys->refused[i].bytes, sizeof digest.bytes) == 0)
			return fault(JWT_SIGNATURE, "the token was replaced by another one", ret_fault, err);
	return true;
}

bool jwt_verify(struct str token, const struct jwt_keys *keys, const struct jwt_expect *expect, json_t **ret_claims,
		enum jwt_fault *ret_fault, struct err *err)
{
	struct parts parts;
	json_t *header JSON_CLEANUP = NULL, *claims JSON_CLEANUP = NULL;
	*ret_fault = JWT_OK;
	if (!split(token, &parts, ret_fault, err)) return false;
	if (!decode_object(parts.header, &header))
		return fault(JWT_UNREADABLE, "the token's header cannot be read", ret_fault, err);
	if (!check_signature(&parts, header, keys, ret_fault, err) || !check_refused(token, keys, ret_fault, err))
		return false;
	if (!decode_object(parts.claims, &claims))
		return fault(JWT_CLAIMS, "the token's claims cannot be read", ret_fault, err);
	if (!check_dates(claims, expect->now_s, ret_fault, err) ||
	    !check_audience(claims, expect->audience, ret_fault, err))
		return false;
	*ret_claims = json_incref(claims);
	return true;
}

void jwt_sign_text(const struct jwt_key *key, struct str claims, struct buf *ret_token)
{
	unsigned char signature[SIGNATURE_MAX_BYTES];
	size_t start = ret_token->len, len = 0;
	struct buf header BUF_CLEANUP;
	buf_init(&header, JWT_MAX_BYTES);
	buf_printf(&header, "{\"alg\":\"%s\",\"typ\":\"JWT\"", algorithms[key->algorithm].name);
	if (key->kid.len > 0) {
		buf_puts(&header, ",\"kid\":");
		json_put_string(&header, key->kid);
	}
	buf_putc(&header, '}');
	base64url_encode(buf_view(&header), ret_token);
	buf_putc(ret_token, '.');
	base64url_encode(claims, ret_token);
	if (!buf_is_ok(ret_token)) return;
	sign(key, str_sub(buf_view(ret_token), start, ret_token->len), signature, &len);
	buf_putc(ret_token, '.');
	base64url_encode((struct str){(const char *)signature, len}, ret_token);
}

void jwt_sign(const struct jwt_key *key, const json_t *claims, struct buf *ret_token)
{
	char *text = json_text(claims);
	jwt_sign_text(key, str_from(text), ret_token);
	free(text);
}

bool jwt_peek(struct str token, json_t **ret_claims, struct err *err)
{
	struct parts parts;
	enum jwt_fault ignored;
	if (!split(token, &parts, &ignored, err)) return false;
	if (!decode_object(parts.claims, ret_claims))
		return err_set(err, ERR_INVALID, "the token's claims cannot be read");
	return true;
}
