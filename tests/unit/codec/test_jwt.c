/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/hmac.h>

#include "codec/base64.h"
#include "codec/json.h"
#include "codec/jwt.h"

#define NOW 1700000000

static const struct jwt_key key = {.algorithm = JWT_HS256, .secret = {"a secret of the app, long enough", 32}};
static const struct jwt_keys keys = {&key, 1};

/* header.claims, signed with the key whatever the header says. */
static char *made_of(const char *header, const char *claims)
{
	struct buf b BUF_CLEANUP;
	buf_init(&b, 1 << 16);
	base64url_encode(str_from(header), &b);
	buf_putc(&b, '.');
	base64url_encode(str_from(claims), &b);
	/* jwt_sign only signs its own header, so sign by hand. */
	unsigned char mac[32];
	unsigned len = 0;
	(void)HMAC(EVP_sha256(), key.secret.ptr, (int)key.secret.len, (const unsigned char *)b.ptr, b.len, mac, &len);
	buf_putc(&b, '.');
	base64url_encode((struct str){(char *)mac, len}, &b);
	return strdup(buf_cstr(&b));
}

static enum jwt_fault fault_of(const char *token, const char *audience)
{
	json_t *claims JSON_CLEANUP = NULL;
	enum jwt_fault fault;
	struct err err;
	struct jwt_expect expect = {NOW, str_from(audience)};
	bool ok = jwt_verify(str_from(token), &keys, &expect, &claims, &fault, &err);
	assert_true(ok == (fault == JWT_OK) && ok == (claims != NULL));
	return fault;
}

static void expect_fault(const char *header, const char *claims, enum jwt_fault fault)
{
	char *token = made_of(header, claims);
	assert_int_equal(fault_of(token, ""), fault);
	free(token);
}

#define HS256 "{\"alg\":\"HS256\",\"typ\":\"JWT\"}"

static void test_signed_is_verified(void **state)
{
	(void)state;
	struct buf b BUF_CLEANUP;
	buf_init(&b, 1000);
	json_t *claims JSON_CLEANUP = json_pack("{s:s, s:i}", "role", "anon", "exp", NOW + 10);
	jwt_sign(&key, claims, &b);
	json_t *back JSON_CLEANUP = NULL;
	enum jwt_fault fault;
	struct err err;
	struct jwt_expect expect = {.now_s = NOW};
	assert_true(jwt_verify(buf_view(&b), &keys, &expect, &back, &fault, &err));
	assert_true(json_equal(claims, back));
	json_t *seen JSON_CLEANUP = NULL;
	assert_true(jwt_peek(buf_view(&b), &seen, &err));
	assert_true(json_equal(claims, seen));
	/* Every changed character is noticed, wherever it stands. */
	for (size_t i = 0; i < b.len; i++) {
		char was = b.ptr[i];
		b.ptr[i] = was == 'A' ? 'B' : 'A';
		assert_int_not_equal(fault_of(b.ptr, ""), JWT_OK);
		b.ptr[i] = was;
	}
}

static void test_rfc_7515_example(void **state)
{
	(void)state;
	struct buf secret BUF_CLEANUP;
	buf_init(&secret, 100);
	assert_true(base64url_decode(
	    STR("AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"), &secret));
	struct jwt_key rfc = {.algorithm = JWT_HS256, .secret = buf_view(&secret)};
	struct jwt_keys both = {(struct jwt_key[]){key, rfc}, 2};
	struct jwt_expect expect = {.now_s = 1300819380};
	struct str token =
	    STR("eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9"
		".eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
		".dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
	json_t *claims JSON_CLEANUP = NULL;
	enum jwt_fault fault;
	struct err err;
	assert_true(jwt_verify(token, &both, &expect, &claims, &fault, &err));
	assert_string_equal(json_str(claims, "iss", ""), "joe");
}

static void test_a_token_does_not_choose_its_algorithm(void **state)
{
	(void)state;
	const char *claims = "{\"role\":\"service_role\"}";
	expect_fault("{\"alg\":\"none\"}", claims, JWT_UNSECURED);
	expect_fault("{\"alg\":\"None\"}", claims, JWT_ALGORITHM);
	expect_fault("{\"alg\":\"RS256\"}", claims, JWT_NO_KEY);
	expect_fault("{\"alg\":\"hs256\"}", claims, JWT_ALGORITHM);
	expect_fault("{\"alg\":[\"HS256\"]}", claims, JWT_ALGORITHM);
	expect_fault("{}", claims, JWT_ALGORITHM);
	expect_fault("{\"alg\":\"HS256\",\"alg\":\"none\"}", claims, JWT_UNREADABLE);
	expect_fault("{\"alg\":\"HS256\",\"crit\":[\"x\"]}", claims, JWT_UNREADABLE);
	expect_fault(HS256, claims, JWT_OK);
	assert_int_equal(fault_of("eyJhbGciOiJub25lIn0.eyJyb2xlIjoiYW5vbiJ9.", ""), JWT_UNSECURED);
	assert_int_equal(fault_of("eyJhbGciOiJIUzI1NiJ9.eyJyb2xlIjoiYW5vbiJ9.", ""), JWT_SIGNATURE);
}

static void test_kid_chooses_among_our_keys(void **state)
{
	(void)state;
	struct jwt_key named = key;
	named.kid = STR("k1");
	struct jwt_keys ours = {&named, 1};
	struct jwt_expect expect = {.now_s = NOW};
	const char *headers[] = {"{\"alg\":\"HS256\",\"kid\":\"k1\"}", "{\"alg\":\"HS256\"}",
				 "{\"alg\":\"HS256\",\"kid\":\"k2\"}"};
	for (int i = 0; i < 3; i++) {
		char *token = made_of(headers[i], "{}");
		json_t *claims JSON_CLEANUP = NULL;
		enum jwt_fault fault;
		struct err err;
		assert_int_equal(jwt_verify(str_from(token), &ours, &expect, &claims, &fault, &err), i < 2);
		free(token);
	}
}

static void test_dates_have_leeway(void **state)
{
	(void)state;
	expect_fault(HS256, "{\"exp\":1699999970}", JWT_OK);
	expect_fault(HS256, "{\"exp\":1699999969}", JWT_EXPIRED);
	expect_fault(HS256, "{\"exp\":1699999970.5}", JWT_OK);
	expect_fault(HS256, "{\"nbf\":1700000030}", JWT_OK);
	expect_fault(HS256, "{\"nbf\":1700000031}", JWT_NOT_YET);
	expect_fault(HS256, "{\"iat\":1700000030}", JWT_OK);
	expect_fault(HS256, "{\"iat\":1700000031}", JWT_FUTURE);
	expect_fault(HS256, "{\"exp\":\"1800000000\"}", JWT_EXP_TYPE);
	expect_fault(HS256, "{\"exp\":null}", JWT_OK);
}

static void test_audience(void **state)
{
	(void)state;
	char *one = made_of(HS256, "{\"aud\":\"a\"}"), *list = made_of(HS256, "{\"aud\":[\"b\",\"a\"]}");
	char *none = made_of(HS256, "{}"), *wrong = made_of(HS256, "{\"aud\":7}");
	assert_int_equal(fault_of(one, "a"), JWT_OK);
	assert_int_equal(fault_of(one, "b"), JWT_AUDIENCE);
	assert_int_equal(fault_of(list, "a"), JWT_OK);
	assert_int_equal(fault_of(list, "c"), JWT_AUDIENCE);
	assert_int_equal(fault_of(none, "a"), JWT_OK);
	assert_int_equal(fault_of(none, ""), JWT_OK);
	assert_int_equal(fault_of(wrong, ""), JWT_AUD_TYPE);
	free(one), free(list), free(none), free(wrong);
}

static void test_what_is_no_token(void **state)
{
	(void)state;
	assert_int_equal(fault_of("", ""), JWT_EMPTY);
	assert_int_equal(fault_of("a", ""), JWT_PARTS);
	assert_int_equal(fault_of("a.b", ""), JWT_PARTS);
	assert_int_equal(fault_of("a.b.c.d", ""), JWT_PARTS);
	assert_int_equal(fault_of("..", ""), JWT_UNREADABLE);
	assert_int_equal(fault_of("!.e30.AA", ""), JWT_UNREADABLE);
	expect_fault("[]", "{}", JWT_UNREADABLE);
	expect_fault(HS256, "[]", JWT_CLAIMS);
	expect_fault(HS256, "{\"a\":1", JWT_CLAIMS);
	char *huge = malloc(JWT_MAX_BYTES + 2);
	memset(huge, '.', JWT_MAX_BYTES + 1);
	huge[JWT_MAX_BYTES + 1] = '\0';
	assert_int_equal(fault_of(huge, ""), JWT_UNREADABLE);
	free(huge);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_signed_is_verified),
	    cmocka_unit_test(test_rfc_7515_example),
	    cmocka_unit_test(test_a_token_does_not_choose_its_algorithm),
	    cmocka_unit_test(test_kid_chooses_among_our_keys),
	    cmocka_unit_test(test_dates_have_leeway),
	    cmocka_unit_test(test_audience),
	    cmocka_unit_test(test_what_is_no_token),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
