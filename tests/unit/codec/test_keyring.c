/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "codec/json.h"
#include "codec/keyring.h"

static const struct jwt_expect now = {.now_s = 1700000000};

static json_t *entry(const char *state, json_t *jwk)
{
	return json_pack("{s:s, s:o}", "state", state, "jwk", jwk);
}

static struct keyring *must_read(json_t *list)
{
	struct keyring *k = NULL;
	struct err err = {0};
	if (!keyring_read(list, &k, &err)) fail_msg("%s", err.msg);
	json_decref(list);
	return k;
}

static char *token_of(const struct keyring *k)
{
	BUF_CLEANUP struct buf token;
	buf_init(&token, 8192);
	json_t *claims JSON_CLEANUP = json_pack("{s:s}", "role", "authenticated");
	jwt_sign(keyring_signing(k), claims, &token);
	char *copy = strdup(buf_cstr(&token));
	assert_non_null(copy);
	return copy;
}

static enum jwt_fault fault_of(const struct keyring *k, const char *token)
{
	struct jwt_keys keys = keyring_verifying(k);
	json_t *claims JSON_CLEANUP = NULL;
	enum jwt_fault fault;
	struct err err;
	(void)jwt_verify(str_from(token), &keys, &now, &claims, &fault, &err);
	return fault;
}

static void test_sign_and_verify(void **state)
{
	(void)state;
	static const enum jwt_algorithm algorithms[] = {JWT_HS256, JWT_ES256, JWT_RS256};
	for (int i = 0; i < 3; i++) {
		struct keyring *k = must_read(json_pack("[o]", entry("in_use", keyring_make(algorithms[i], "one"))));
		struct keyring *other =
		    must_read(json_pack("[o]", entry("in_use", keyring_make(algorithms[i], "one"))));
		char *token = token_of(k);
		assert_int_equal(fault_of(k, token), JWT_OK);
		assert_int_equal(fault_of(other, token), JWT_SIGNATURE);
		assert_null(strstr(keyring_jwks(k).ptr, "\"d\""));
		assert_null(strstr(keyring_jwks(k).ptr, "\"k\""));
		assert_int_equal(strstr(keyring_jwks(k).ptr, "\"one\"") != NULL, algorithms[i] != JWT_HS256);
		free(token);
		keyring_free(k);
		keyring_free(other);
	}
}

static void test_rotation(void **state)
{
	(void)state;
	json_t *old = keyring_make(JWT_ES256, "old"), *new = keyring_make(JWT_ES256, "new");
	struct keyring *before =
	    must_read(json_pack("[o, o]", entry("in_use", json_deep_copy(old)), entry("standby", json_deep_copy(new))));
	char *token = token_of(before);
	assert_non_null(strstr(keyring_jwks(before).ptr, "\"new\"")); /* announced before it signs */
	struct keyring *after = must_read(
	    json_pack("[o, o]", entry("previously_used", json_deep_copy(old)), entry("in_use", json_deep_copy(new))));
	assert_int_equal(fault_of(after, token), JWT_OK);
	char *newer = token_of(after);
	assert_int_equal(fault_of(before, newer), JWT_OK);
	struct keyring *revoked = must_read(json_pack("[o, o]", entry("revoked", old), entry("in_use", new)));
	assert_int_equal(fault_of(revoked, token), JWT_NO_KEY);
	assert_int_equal(fault_of(revoked, newer), JWT_OK);
	assert_null(strstr(keyring_jwks(revoked).ptr, "\"old\""));
	free(token);
	free(newer);
	keyring_free(before);
	keyring_free(after);
	keyring_free(revoked);
}

/* A public key is no secret: a token that is signed with its text by HMAC must not pass. */
static void test_confusion(void **state)
{
	(void)state;
	json_t *jwk = keyring_make(JWT_RS256, "one");
	struct keyring *k = must_read(json_pack("[o]", entry("in_use", json_incref(jwk))));
	const char *const texts[] = {keyring_jwks(k).ptr, json_str(jwk, "n", ""), json_str(jwk, "kid", "")};
	for (int i = 0; i < 3; i++) {
		struct keyring *forged = keyring_from_secret(str_from(texts[i]));
		char *token = token_of(forged);
		assert_int_equal(fault_of(k, token), JWT_NO_KEY);
		free(token);
		keyring_free(forged);
	}
	keyring_free(k);
	json_decref(jwk);
}

static void test_secret(void **state)
{
	(void)state;
	struct keyring *k = keyring_from_secret(STR("0123456789012345678901234567890123456789"));
	char *token = token_of(k);
	assert_int_equal(fault_of(k, token), JWT_OK);
	assert_string_equal(keyring_jwks(k).ptr, "{\"keys\":[]}");
	free(token);
	keyring_free(k);
}

/* signing_keys.json, as Supabase's command line writes it. */
static void test_plain_list(void **state)
{
	(void)state;
	json_t *first = keyring_make(JWT_RS256, "a"), *second = keyring_make(JWT_ES256, "b");
	(void)json_object_set_new(first, "key_ops", json_pack("[s, s]", "sign", "verify"));
	(void)json_object_set_new(first, "ext", json_true());
	struct keyring *k = must_read(json_pack("[o, o]", first, second));
	assert_int_equal(keyring_signing(k)->algorithm, JWT_RS256);
	assert_int_equal(keyring_verifying(k).count, 2);
	keyring_free(k);
}

static void refused(json_t *list, const char *words)
{
	struct keyring *k = NULL;
	struct err err = {0};
	assert_false(keyring_read(list, &k, &err));
	if (strstr(err.msg, words) == NULL) fail_msg("%s", err.msg);
	assert_null(k);
	json_decref(list);
}

static void test_refused(void **state)
{
	(void)state;
	json_t *public = keyring_make(JWT_ES256, "p"), *mixed = keyring_make(JWT_ES256, "m"),
	       *other = keyring_make(JWT_ES256, "o"), *wrong = keyring_make(JWT_ES256, "w");
	(void)json_object_del(public, "d");
	(void)json_object_set(mixed, "d", json_object_get(other, "d"));
	(void)json_object_set_new(wrong, "alg", json_string("RS256"));
	refused(json_array(), "a list of 1 to");
	refused(json_pack("[o]", public), "no private half");
	refused(json_pack("[o]", mixed), "cannot be read");
	refused(json_pack("[o]", wrong), "none that tokens can be signed with");
	refused(json_pack("[o]", entry("standby", json_incref(other))), "no key is in use");
	refused(json_pack("[o, o]", entry("in_use", json_incref(other)), entry("in_use", json_incref(other))),
		"two keys are in use");
	refused(json_pack("[o]", entry("resting", other)), "the state of key 1");
	refused(json_pack("[s]", "x"), "no JSON Web Key");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_sign_and_verify), cmocka_unit_test(test_rotation),   cmocka_unit_test(test_confusion),
	    cmocka_unit_test(test_secret),          cmocka_unit_test(test_plain_list), cmocka_unit_test(test_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
