/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "auth/caller.h"

#define NOW 1700000000
#define USER "10000000-0000-4000-8000-000000000001"
#define SESSION "20000000-0000-4000-8000-000000000001"
#define CLAIMS "{\"sub\":\"" USER "\",\"session_id\":\"" SESSION "\",\"role\":\"authenticated\",\"exp\":1700000100}"

static struct keyring *keys;
static struct tokens *tokens;
static struct arena *arena;
static struct auth_caller caller;
static struct auth_problem problem;
static struct buf token;

static void rekey(const char *secret)
{
	tokens_free(tokens);
	keyring_free(keys);
	keys = keyring_from_secret(str_from(secret));
	tokens = tokens_new(&(struct tokens_settings){.keys = keyring_verifying(keys), .role = "anon"});
}

static int setup(void **state)
{
	(void)state;
	rekey("a secret of the app, at least 32 bytes");
	arena = arena_new(1 << 20);
	buf_init(&token, JWT_MAX_BYTES);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	tokens_free(tokens);
	keyring_free(keys);
	tokens = NULL, keys = NULL;
	arena_free(arena);
	buf_done(&token);
	return 0;
}

static void sign(const char *claims)
{
	buf_clear(&token);
	jwt_sign_text(keyring_signing(keys), str_from(claims), &token);
}

static bool check(enum auth_access access, int64_t now_s)
{
	struct auth_request request = {.bearer = buf_view(&token), .arena = arena};
	caller = (struct auth_caller){0};
	return auth_caller_check(&request, access, tokens, now_s, &caller, &problem);
}

static void expect_refused(enum auth_access access, int64_t now_s, int status, const char *words)
{
	assert_false(check(access, now_s));
	assert_int_equal(problem.status, status);
	assert_non_null(strstr(problem.message, words));
}

static uint64_t hits(void)
{
	struct tokens_stats stats;
	tokens_stats(tokens, &stats);
	return stats.hits;
}

static void test_who_asks(void **state)
{
	(void)state;
	sign(CLAIMS);
	for (int i = 0; i < 2; i++) {
		assert_true(check(AUTH_USER, NOW));
		assert_string_equal(caller.user_id, USER);
		assert_string_equal(caller.session_id, SESSION);
		assert_string_equal(caller.role, "authenticated");
		expect_refused(AUTH_ADMIN, NOW, 403, "not allowed");
	}
	assert_int_equal(hits(), 3);
	sign("{\"sub\":\"" USER "\"}");
	assert_true(check(AUTH_USER, NOW));
	assert_null(caller.session_id);
	sign("{\"role\":\"service_role\"}");
	assert_true(check(AUTH_ADMIN, NOW));
	assert_null(caller.user_id);
	expect_refused(AUTH_USER, NOW, 403, "missing sub claim");
	sign("{\"sub\":\"x\"}");
	expect_refused(AUTH_USER, NOW, 400, "must be a UUID");
	sign("{\"sub\":\"" USER "\",\"session_id\":\"x\"}");
	expect_refused(AUTH_USER, NOW, 403, "session_id claim must be a UUID");
}

/* That a token was believed before must not help it. */
static void test_a_remembered_token_still_expires(void **state)
{
	(void)state;
	sign(CLAIMS);
	assert_true(check(AUTH_USER, NOW) && check(AUTH_USER, NOW + 130));
	assert_int_equal(hits(), 1);
	expect_refused(AUTH_USER, NOW + 131, 403, "has expired");
	sign("{\"sub\":\"" USER "\",\"nbf\":1700000100}");
	assert_true(check(AUTH_USER, NOW + 100));
	expect_refused(AUTH_USER, NOW, 403, "not valid yet");
}

static void test_a_remembered_token_ends_with_its_key(void **state)
{
	(void)state;
	sign(CLAIMS);
	assert_true(check(AUTH_USER, NOW) && check(AUTH_USER, NOW));
	assert_int_equal(hits(), 1);
	rekey("another secret of the app, at least 32 bytes");
	expect_refused(AUTH_USER, NOW, 403, "unable to parse or verify signature");
}

static void test_the_apps_own_keys(void **state)
{
	(void)state;
	struct auth_request request = {
	    .bearer = STR("signed by a key that was revoked"), .key_role = STR("service_role"), .arena = arena};
	assert_true(auth_caller_check(&request, AUTH_ADMIN, tokens, NOW, &caller, &problem));
	assert_string_equal(caller.role, "service_role");
	assert_false(auth_caller_check(&request, AUTH_USER, tokens, NOW, &caller, &problem));
	request.is_bearer_apikey = true;
	assert_false(auth_caller_check(&request, AUTH_USER, tokens, NOW, &caller, &problem));
	assert_int_equal(problem.status, 401);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {T(test_who_asks), T(test_a_remembered_token_still_expires),
					   T(test_a_remembered_token_ends_with_its_key), T(test_the_apps_own_keys)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
