/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

#include "base/buf.h"
#include "codec/base64.h"
#include "codec/jwk.h"

static const struct jwt_expect now = {.now_s = 1700000000};

static void put(struct buf *b, const void *bytes, size_t len)
{
	base64url_encode((struct str){bytes, len}, b);
}

static void put_number(struct buf *b, EVP_PKEY *key, const char *param, int bytes)
{
	unsigned char out[512];
	BIGNUM *n = NULL;
	assert_int_equal(EVP_PKEY_get_bn_param(key, param, &n), 1);
	if (bytes == 0) bytes = BN_num_bytes(n);
	assert_int_equal(BN_bn2binpad(n, out, bytes), bytes);
	put(b, out, (size_t)bytes);
	BN_free(n);
}

/* What EVP signs for ECDSA is DER; a token wants r and s. */
static size_t flat(unsigned char *signature, size_t len, int half)
{
	const unsigned char *at = signature;
	ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &at, (long)len);
	assert_non_null(sig);
	assert_int_equal(BN_bn2binpad(ECDSA_SIG_get0_r(sig), signature, half), half);
	assert_int_equal(BN_bn2binpad(ECDSA_SIG_get0_s(sig), signature + half, half), half);
	ECDSA_SIG_free(sig);
	return (size_t)half * 2;
}

static void sign(struct buf *token, const char *header, EVP_PKEY *key, const EVP_MD *digest, int half)
{
	unsigned char signature[600];
	size_t len = sizeof signature;
	buf_init(token, 8192);
	put(token, header, strlen(header));
	buf_putc(token, '.');
	put(token, "{\"role\":\"x\"}", 12);
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	assert_int_equal(EVP_DigestSignInit(context, NULL, digest, NULL, key), 1);
	assert_int_equal(EVP_DigestSign(context, signature, &len, (unsigned char *)token->ptr, token->len), 1);
	EVP_MD_CTX_free(context);
	if (half > 0) len = flat(signature, len, half);
	buf_putc(token, '.');
	put(token, signature, len);
}

static enum jwt_fault fault_of(const struct buf *token, const struct buf *keys)
{
	struct jwk_set *set = NULL;
	struct err err;
	json_t *claims = NULL;
	enum jwt_fault fault;
	if (!jwk_read(buf_view(keys), &set, &err)) fail_msg("%s", err.msg);
	struct jwt_keys all = jwk_keys(set);
	bool ok = jwt_verify(buf_view(token), &all, &now, &claims, &fault, &err);
	assert_true(ok == (fault == JWT_OK));
	json_decref(claims);
	jwk_free(set);
	return fault;
}

/* Good; with the last byte of the signature changed; of an algorithm that the key does not have. */
static void check(struct buf *token, const struct buf *keys)
{
	assert_int_equal(fault_of(token, keys), JWT_OK);
	char *at = strchr(token->ptr, '.') + 3;
	*at = *at == 'A' ? 'B' : 'A';
	assert_int_equal(fault_of(token, keys), JWT_SIGNATURE);
	buf_done(token);
}

static void test_rsa(void **state)
{
	(void)state;
	BUF_CLEANUP struct buf keys;
	struct buf token;
	EVP_PKEY *key = EVP_RSA_gen(2048);
	buf_init(&keys, 8192);
	buf_puts(&keys, "{\"keys\":[{\"kty\":\"RSA\",\"kid\":\"one\",\"n\":\"");
	put_number(&keys, key, OSSL_PKEY_PARAM_RSA_N, 0);
	buf_puts(&keys, "\",\"e\":\"AQAB\"}]}");
	sign(&token, "{\"alg\":\"RS256\",\"kid\":\"one\"}", key, EVP_sha256(), 0);
	check(&token, &keys);
	sign(&token, "{\"alg\":\"RS512\"}", key, EVP_sha512(), 0);
	check(&token, &keys);
	sign(&token, "{\"alg\":\"RS256\",\"kid\":\"two\"}", key, EVP_sha256(), 0);
	assert_int_equal(fault_of(&token, &keys), JWT_NO_KEY);
	buf_done(&token);
	sign(&token, "{\"alg\":\"HS256\"}", key, EVP_sha256(), 0); /* a public key is no secret */
	assert_int_equal(fault_of(&token, &keys), JWT_NO_KEY);
	buf_done(&token);
	EVP_PKEY_free(key);
}

static void test_ecdsa(void **state)
{
	(void)state;
	BUF_CLEANUP struct buf keys;
	struct buf token;
	EVP_PKEY *key = EVP_EC_gen("P-256");
	buf_init(&keys, 8192);
	buf_puts(&keys, "{\"kty\":\"EC\",\"crv\":\"P-256\",\"alg\":\"ES256\",\"x\":\"");
	put_number(&keys, key, OSSL_PKEY_PARAM_EC_PUB_X, 32);
	buf_puts(&keys, "\",\"y\":\"");
	put_number(&keys, key, OSSL_PKEY_PARAM_EC_PUB_Y, 32);
	buf_puts(&keys, "\"}");
	sign(&token, "{\"alg\":\"ES256\"}", key, EVP_sha256(), 32);
	check(&token, &keys);
	sign(&token, "{\"alg\":\"ES256\"}", key, EVP_sha256(), 0); /* DER is not what a token holds */
	assert_int_equal(fault_of(&token, &keys), JWT_SIGNATURE);
	buf_done(&token);
	EVP_PKEY_free(key);
}

static void test_ed25519(void **state)
{
	(void)state;
	BUF_CLEANUP struct buf keys;
	struct buf token;
	unsigned char x[32];
	size_t len = sizeof x;
	EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	assert_int_equal(EVP_PKEY_get_raw_public_key(key, x, &len), 1);
	buf_init(&keys, 8192);
	buf_puts(&keys, "[{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"");
	put(&keys, x, len);
	buf_puts(&keys, "\"}]");
	sign(&token, "{\"alg\":\"EdDSA\"}", key, NULL, 0);
	check(&token, &keys);
	EVP_PKEY_free(key);
}

static void expect_unreadable(const char *text)
{
	struct jwk_set *set = NULL;
	struct err err;
	assert_false(jwk_read(str_from(text), &set, &err));
	assert_null(set);
}

static void test_a_secret_is_for_one_algorithm(void **state)
{
	(void)state;
	struct jwk_set *set = jwk_from_secret(STR("0123456789012345678901234567890123456789"));
	struct jwt_keys keys = jwk_keys(set);
	assert_int_equal(keys.count, 1);
	assert_int_equal(keys.keys[0].algorithm, JWT_HS256);
	jwk_free(set);
}

static void test_what_is_no_key(void **state)
{
	(void)state;
	struct jwk_set *set = NULL;
	struct err err;
	expect_unreadable("");
	expect_unreadable("a secret that is no JSON");
	expect_unreadable("{}");
	expect_unreadable("{\"kty\":\"oct\"}");
	expect_unreadable("{\"kty\":\"oct\",\"k\":\"!\"}");
	expect_unreadable("{\"keys\":[{\"kty\":\"RSA\",\"n\":\"\",\"e\":\"AQAB\"}]}");
	expect_unreadable("{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AA\",\"y\":\"AA\"}");
	assert_true(
	    jwk_read(STR("{\"keys\":[{\"kty\":\"new\"},{\"kty\":\"oct\",\"k\":\"AA\",\"use\":\"enc\"}]}"), &set, &err));
	assert_int_equal(jwk_keys(set).count, 0);
	jwk_free(set);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_rsa), cmocka_unit_test(test_ecdsa), cmocka_unit_test(test_ed25519),
	    cmocka_unit_test(test_a_secret_is_for_one_algorithm), cmocka_unit_test(test_what_is_no_key)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
