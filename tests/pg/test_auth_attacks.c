/* SPDX-License-Identifier: Apache-2.0
 *
 * What somebody tries who should not get in: forged and old tokens, stolen links, guessed codes, members that are not
 * theirs to set, and questions about who is known. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "authsteps.h"
#include "base/clock.h"
#include "codec/base64.h"
#include "codec/json.h"
#include "codec/jwt.h"

#define SETTINGS                                                                                                       \
	"{\"site_url\":\"http://shop.localhost\",\"rate_limit\":{\"email_sent\":1000,\"sign_in_sign_ups\":1000,"       \
	"\"token_verifications\":30},\"email\":{\"enable_confirmations\":true,\"max_frequency\":\"0s\"}}"

#define VERIFIER "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
#define LONGER "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk "
#define CHALLENGE "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"

static int setup(void **state)
{
	(void)state;
	authbox_init(&box, SETTINGS);
	return 0;
}

/* header.claims.signature, the signature by HMAC with that key; NULL: none. */
static char *forge(const char *header, const char *claims, const char *key)
{
	struct buf b BUF_CLEANUP, signed_token BUF_CLEANUP;
	buf_init(&b, 16384);
	buf_init(&signed_token, 16384);
	base64url_encode(str_from(header), &b);
	buf_putc(&b, '.');
	base64url_encode(str_from(claims), &b);
	buf_putc(&b, '.');
	if (key != NULL) {
		const struct jwt_key k = {.algorithm = JWT_HS256, .secret = str_from(key)};
		jwt_sign_text(&k, str_from(claims), &signed_token);
		const char *dot = strrchr(buf_cstr(&signed_token), '.');
		buf_puts(&b, dot + 1);
	}
	return strdup(buf_cstr(&b));
}

static void refused(char *token)
{
	answer_expect(ask("GET", "/user", "", token, ""), 403, "bad_jwt");
	answer_expect(ask("GET", "/admin/users", "", token, ""), 403, "bad_jwt");
	free(token);
}

static void test_forged_tokens(void **state)
{
	(void)state;
	char *good = somebody("forged@example.com");
	json_t *claims = NULL;
	struct err err;
	assert_true(jwt_peek(str_from(good), &claims, &err));
	(void)json_object_set_new(claims, "role", json_string("service_role"));
	char *text = json_text(claims);
	static const char *const headers[] = {
	    "{\"alg\":\"none\"}",
	    "{\"alg\":\"None\",\"typ\":\"JWT\"}",
	    "{\"alg\":\"\"}",
	    "{\"typ\":\"JWT\"}",
	    "{\"alg\":\"HS256\"}",
	    "{\"alg\":\"RS256\"}",
	    "{\"alg\":\"HS256\",\"kid\":\"../../../../dev/null\"}",
	    "{\"alg\":\"HS256\",\"kid\":\"x' union select 'y\"}",
	    "{\"alg\":\"HS256\",\"jku\":\"http://evil.example/jwks.json\",\"kid\":\"evil\"}",
	    "{\"alg\":\"HS256\",\"jwk\":{\"kty\":\"oct\",\"k\":\"eA\"}}",
	};
	for (size_t i = 0; i < sizeof headers / sizeof *headers; i++) {
		refused(forge(headers[i], text, NULL));
		refused(forge(headers[i], text, ""));
		refused(forge(headers[i], text, "another secret that is at least 32 bytes long"));
	}
	/* Somebody else's claims behind a good signature. */
	char *swapped = strdup(good);
	char *dot = strchr(swapped, '.');
	dot[5] = dot[5] == 'A' ? 'B' : 'A';
	refused(swapped);
	free(text);
	free(good);
	json_decref(claims);
}

/* The public key is everybody's: signing with it by HMAC must not count, whatever the header says. */
static void test_a_public_key_is_no_secret(void **state)
{
	(void)state;
	struct err err;
	struct keyring *keys = NULL;
	json_t *jwk = keyring_make(JWT_ES256, "one");
	json_t *list JSON_CLEANUP = json_pack("[{s:s, s:O}]", "state", "in_use", "jwk", jwk);
	assert_true(keyring_read(list, &keys, &err));
	json_t *wish JSON_CLEANUP = NULL;
	struct auth_settings *settings = NULL;
	assert_true(json_parse(STR(SETTINGS), &wish, &err) && auth_settings_read(wish, &settings, &err));
	struct tokens *tokens = tokens_new(&(struct tokens_settings){.keys = keyring_verifying(keys), .role = "anon"});
	auth_configure(box.auth, settings, keys, tokens);
	json_t *public_half = keyring_public(jwk);
	char *public_text = json_text(public_half);
	const char *claims = "{\"role\":\"service_role\",\"sub\":\"10000000-0000-4000-8000-000000000000\"}";
	refused(forge("{\"alg\":\"HS256\",\"kid\":\"one\"}", claims, public_text));
	refused(forge("{\"alg\":\"ES256\",\"kid\":\"one\"}", claims, public_text));
	refused(forge("{\"alg\":\"HS256\"}", claims, public_text));
	/* Nor does the secret of before, once the app signs by keys. */
	refused(authbox_token(claims));
	auth_configure(box.auth, settings, box.keys, box.tokens);
	auth_settings_free(settings);
	tokens_free(tokens);
	keyring_free(keys);
	free(public_text);
	json_decref(public_half);
	json_decref(jwk);
}

static void test_tokens_out_of_time(void **state)
{
	(void)state;
	long long now_s = clock_wall_ms() / 1000;
	const char *who = "\"sub\":\"10000000-0000-4000-8000-000000000000\",\"role\":\"service_role\"";
	refused(authbox_token(textf("{%s,\"exp\":%lld}", who, now_s - 60)));
	refused(authbox_token(textf("{%s,\"nbf\":%lld}", who, now_s + 600)));
	refused(authbox_token(textf("{%s,\"exp\":\"never\"}", who)));
	char *good = authbox_token(textf("{%s,\"exp\":%lld}", who, now_s + 60));
	json_decref(answer_ok(ask("GET", "/admin/users", "", good, "")));
	free(good);
}

/* Who reads the link in somebody's mailbox, or over a shoulder, but has not the browser that asked for it. */
static void test_pkce_is_not_talked_down(void **state)
{
	(void)state;
	json_decref(
	    answer_ok(post("/signup", "{\"email\":\"pk@example.com\",\"password\":\"secret1\",\"code_challenge\":"
				      "\"" CHALLENGE "\",\"code_challenge_method\":\"s256\"}")));
	char token[100], query[300];
	const char *link = mailed("link", "pk@example.com");
	(void)snprintf(token, sizeof token, "%.61s", strstr(link, "token=") + 6);
	assert_int_equal(strncmp(token, "pkce_", 5), 0);
	(void)snprintf(query, sizeof query, "token=%s&type=signup", token + 5);
	struct answer a = ask("GET", "/verify", query, "", "");
	assert_non_null(strstr(a.location, "error_code=otp_expired"));
	assert_null(strstr(a.location, "access_token"));
	answer_expect(post("/verify", textf("{\"type\":\"signup\",\"token_hash\":\"%s\"}", token + 5)), 403,
		      "otp_expired");
	(void)snprintf(query, sizeof query, "token=%s&type=signup", token);
	a = ask("GET", "/verify", query, "", "");
	assert_null(strstr(a.location, "access_token"));
	char code[64];
	(void)snprintf(code, sizeof code, "%.36s", strstr(a.location, "code=") + 5);
	static const char *const verifiers[] = {CHALLENGE, "", "x", LONGER, "plain"};
	for (size_t i = 0; i < sizeof verifiers / sizeof *verifiers; i++) {
		struct answer b = ask("POST", "/token", "grant_type=pkce", "",
				      textf("{\"auth_code\":\"%s\",\"code_verifier\":\"%s\",\"code_challenge_method\":"
					    "\"plain\"}",
					    code, verifiers[i]));
		answer_expect(b, 400, verifiers[i][0] != '\0' ? "bad_code_verifier" : "validation_failed");
	}
	json_decref(answer_ok(ask("POST", "/token", "grant_type=pkce", "",
				  textf("{\"auth_code\":\"%s\",\"code_verifier\":\"%s\"}", code, VERIFIER))));
}

/* One code, brought by many in one moment, signs one in. */
static void test_a_code_signs_one_in(void **state)
{
	(void)state;
	free(somebody("once@example.com"));
	json_decref(answer_ok(post("/recover", "{\"email\":\"once@example.com\"}")));
	char body[200];
	(void)snprintf(body, sizeof body, "{\"type\":\"recovery\",\"email\":\"once@example.com\",\"token\":\"%s\"}",
		       mailed("token", "once@example.com"));
	struct answer got[8];
	struct arena *arenas[8];
	int sessions = 0;
	for (int i = 0; i < 8; i++) {
		arenas[i] = arena_new(4u << 20);
		authbox_begin(&box, &got[i], arenas[i], "POST", "/verify", "", "", body);
	}
	for (int i = 0; i < 8; i++) {
		authbox_await(&box, &got[i]);
		sessions += got[i].status == 200;
		if (got[i].status != 200) assert_int_equal(got[i].status, 403);
		json_decref(got[i].body);
		arena_free(arenas[i]);
	}
	assert_int_equal(sessions, 1);
}

/* A million codes, an hour: neither from one address nor from many. */
static void test_codes_are_not_guessed(void **state)
{
	(void)state;
	json_decref(answer_ok(post("/signup", "{\"email\":\"guess@example.com\",\"password\":\"secret1\"}")));
	int tries = 0, status = 403;
	for (; status == 403 && tries < 100; tries++) {
		char address[32];
		(void)snprintf(address, sizeof address, "198.51.100.%d", tries);
		box.address = address;
		struct answer a =
		    post("/verify", textf("{\"type\":\"signup\",\"email\":\"guess@example.com\",\"token\":"
					  "\"%06d\"}",
					  tries));
		status = a.status;
		json_decref(a.body);
	}
	assert_int_equal(status, 429);
	assert_true(tries >= 30 && tries <= 33);
	tries = 0, status = 403;
	box.address = "198.51.100.200";
	for (; status == 403 && tries < 100; tries++) {
		struct answer a = post("/verify", textf("{\"type\":\"signup\",\"email\":\"g%d@example.com\",\"token\":"
							"\"000000\"}",
							tries));
		status = a.status;
		json_decref(a.body);
	}
	assert_int_equal(status, 429);
	assert_true(tries >= 30 && tries <= 33);
	box.address = "192.0.2.1";
}

#define FILL_16 "0123456789abcdef"
#define FILL_128 FILL_16 FILL_16 FILL_16 FILL_16 FILL_16 FILL_16 FILL_16 FILL_16
#define FILL FILL_128 FILL_128 FILL_128 FILL_128 FILL_128 FILL_128 FILL_128 FILL_128

static void test_nobody_sets_what_is_not_theirs(void **state)
{
	(void)state;
	json_t *user = answer_ok(post(
	    "/signup", "{\"email\":\"mass@example.com\",\"password\":\"secret1\",\"role\":\"service_role\",\"id\":"
		       "\"10000000-0000-4000-8000-000000000001\",\"aud\":\"x\",\"app_metadata\":{\"admin\":true},"
		       "\"raw_app_meta_data\":{\"admin\":true},\"email_confirm\":true,\"email_confirmed_at\":"
		       "\"2020-01-01T00:00:00Z\",\"is_super_admin\":true,\"is_anonymous\":true,\"data\":{\"sub\":"
		       "\"10000000-0000-4000-8000-000000000002\",\"email\":\"other@example.com\",\"email_verified\":"
		       "true,\"role\":\"service_role\"}}"));
	assert_string_equal(json_str(user, "role", ""), "authenticated");
	assert_string_not_equal(json_str(user, "id", ""), "10000000-0000-4000-8000-000000000001");
	assert_null(json_object_get(user, "email_confirmed_at"));
	assert_null(json_object_get(json_object_get(user, "app_metadata"), "admin"));
	const json_t *identity =
	    json_object_get(json_array_get(json_object_get(user, "identities"), 0), "identity_data");
	assert_string_equal(json_str(identity, "sub", ""), json_str(user, "id", "-"));
	assert_string_equal(json_str(identity, "email", ""), "mass@example.com");
	assert_false(json_bool(identity, "email_verified", true));
	json_decref(user);
	char *token = somebody("mass2@example.com");
	answer_expect(ask("PUT", "/user", "", token, "{\"app_metadata\":{\"admin\":true}}"), 403, "not_admin");
	user =
	    answer_ok(ask("PUT", "/user", "", token,
			  "{\"role\":\"service_role\",\"is_super_admin\":true,\"banned_until\":null,\"data\":{\"x\":1},"
			  "\"email_confirm\":true,\"id\":\"10000000-0000-4000-8000-000000000003\"}"));
	assert_string_equal(json_str(user, "role", ""), "authenticated");
	assert_null(json_object_get(json_object_get(user, "app_metadata"), "admin"));
	json_decref(user);
	/* Metadata stand in every token, and a token that is too long is read by nobody: who has filled them would be
	 * locked out. */
	static char large[12000], filled[9100];
	for (int i = 0; i < 2; i++) {
		char *at = i == 0 ? large : filled;
		size_t size = i == 0 ? sizeof large : sizeof filled;
		(void)snprintf(at, size, "{\"data\":{\"bio\":\"");
		size_t from = strlen(at);
		memset(at + from, 'x', size - from - 4);
		memcpy(at + size - 4, "\"}}", 4);
	}
	answer_expect(ask("PUT", "/user", "", token, large), 422, "validation_failed");
	json_decref(answer_ok(ask("PUT", "/user", "", token, filled)));
	answer_expect(ask("PUT", "/user", "", token, "{\"data\":{\"y\":\"" FILL FILL "\"}}"), 422, "validation_failed");
	json_t *again = answer_ok(ask("POST", "/token", "grant_type=password", "",
				      "{\"email\":\"mass2@example.com\",\"password\":\"secret1\"}"));
	json_decref(answer_ok(ask("GET", "/user", "", json_str(again, "access_token", ""), "")));
	json_decref(again);
	answer_expect(ask("GET", "/admin/users", "", token, ""), 403, "not_admin");
	answer_expect(ask("POST", "/admin/generate_link", "", token, "{\"type\":\"recovery\",\"email\":\"a@b.c\"}"),
		      403, "not_admin");
	answer_expect(ask("POST", "/invite", "", token, "{\"email\":\"a@b.c\"}"), 403, "not_admin");
	free(token);
}

static void test_bodies_of_all_sizes(void **state)
{
	(void)state;
	static char body[(1u << 20) + 200];
	int head =
	    snprintf(body, sizeof body, "{\"email\":\"big@example.com\",\"password\":\"secret1\",\"data\":{\"x\":\"");
	memset(body + head, 'x', 900000);
	(void)snprintf(body + head + 900000, 10, "\"}}");
	answer_expect(post("/signup", body), 422, "validation_failed");
	/* A list in lists, deeper than any reader goes. */
	memset(body, '[', 100000);
	body[100000] = '\0';
	answer_expect(post("/signup", body), 400, "bad_json");
	answer_expect(post("/signup", "{\"email\":\"nul\\u0000@example.com\",\"password\":\"secret1\"}"), 400,
		      "bad_json");
	answer_expect(post("/signup", "{\"email\":\"a@b.c\\r\\nBcc: x@y.z\",\"password\":\"secret1\"}"), 400,
		      "validation_failed");
	answer_expect(post("/otp", "{\"email\":\"a@b.c\\nTo: x@y.z\"}"), 400, "validation_failed");
	answer_expect(post("/signup", "{\"email\":\"\xFF@b.c\",\"password\":\"secret1\"}"), 400, "bad_json");
}

static int64_t took_us(const char *path, const char *body)
{
	int64_t start_us = clock_now_us();
	struct answer a = post(path, body);
	assert_int_equal(a.status, 200);
	json_decref(a.body);
	return clock_now_us() - start_us;
}

#define TIMED_LEAST 12
#define TIMED_MOST 60 /* while the machine is too busy for a quick one of each */

static bool is_told_apart(int64_t known, int64_t unknown)
{
	return known * 10 > unknown * 13 || unknown * 10 > known * 13;
}

/* For somebody known and somebody not, in turns. The quickest of each tells most: whatever else the machine does only
 * adds to it. */
static void compare_times(const char *path, const char *body_known, const char *body_unknown)
{
	int64_t known = INT64_MAX, unknown = INT64_MAX, took;
	for (int i = 0; i < TIMED_LEAST || (i < TIMED_MOST && is_told_apart(known, unknown)); i++) {
		char body[200];
		took = took_us(path, body_known);
		if (took < known) known = took;
		(void)snprintf(body, sizeof body, "%stimed%d@example.com\",\"password\":\"secret1\"}", body_unknown, i);
		took = took_us(path, body);
		if (took < unknown) unknown = took;
	}
	if (is_told_apart(known, unknown))
		fail_msg("%s: %lld us for who is known, %lld for who is not", path, (long long)known,
			 (long long)unknown);
}

static void test_time_tells_nothing(void **state)
{
	(void)state;
	free(somebody("slow@example.com"));
	compare_times("/signup", "{\"email\":\"slow@example.com\",\"password\":\"secret1\"}", "{\"email\":\"");
	compare_times("/recover", "{\"email\":\"slow@example.com\",\"password\":\"\"}", "{\"email\":\"un");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_forged_tokens),
	    cmocka_unit_test(test_a_public_key_is_no_secret),
	    cmocka_unit_test(test_tokens_out_of_time),
	    cmocka_unit_test(test_pkce_is_not_talked_down),
	    cmocka_unit_test(test_a_code_signs_one_in),
	    cmocka_unit_test(test_codes_are_not_guessed),
	    cmocka_unit_test(test_nobody_sets_what_is_not_theirs),
	    cmocka_unit_test(test_bodies_of_all_sizes),
	    cmocka_unit_test(test_time_tells_nothing),
	};
	return cmocka_run_group_tests(tests, setup, box_teardown);
}
