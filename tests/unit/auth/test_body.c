/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "auth/body.h"
#include "auth/limit.h"
#include "auth/route.h"
#include "auth/strength.h"
#include "auth/token.h"
#include "codec/json.h"

static struct auth_problem problem;
static struct arena *arena;

static int setup(void **state)
{
	(void)state;
	arena = arena_new(64 * 1024);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	arena_free(arena);
	return 0;
}

static const struct auth_route *find(const char *method, const char *path, const char *ids[AUTH_ROUTE_IDS_MAX])
{
	struct auth_request r = {.method = str_from(method), .path = str_from(path), .arena = arena};
	return auth_route_find(&r, ids, &problem);
}

static void test_routes(void **state)
{
	(void)state;
	const char *ids[AUTH_ROUTE_IDS_MAX] = {NULL};
	const struct auth_route *route = find("GET", "/user", ids);
	assert_non_null(route);
	assert_int_equal(route->access, AUTH_USER);
	assert_null(ids[0]);
	route = find("GET", "/admin/users/10000000-0000-4000-8000-00000000000a", ids);
	assert_non_null(route);
	assert_int_equal(route->access, AUTH_ADMIN);
	assert_string_equal(ids[0], "10000000-0000-4000-8000-00000000000a");
	assert_non_null(find("POST", "/logout/", ids));
	route = find("DELETE", "/admin/users/10000000-0000-4000-8000-00000000000a/factors/x", ids);
	assert_non_null(route);
	assert_string_equal(ids[1], "x");
	assert_false(auth_route_check_ids(route, ids, &problem));
	assert_int_equal(problem.status, 404);
	assert_string_equal(problem.message, "factor_id must be an UUID");
	assert_null(find("PATCH", "/signup", ids));
	assert_int_equal(problem.status, 405);
	assert_null(find("GET", "/passkeys", ids));
	assert_string_equal(problem.code, "passkey_disabled");
	assert_null(find("GET", "/userx", ids));
	assert_int_equal(problem.status, 404);
}

static void expect_email(const char *email, bool is_good)
{
	char *text = arena_printf(arena, "{\"email\":\"%s\"}", email);
	const char *got = NULL;
	json_t *body JSON_CLEANUP = NULL;
	bool ok = body_read(str_from(text), &body, &problem) && body_email(arena, body, "email", &got, &problem);
	if (ok != is_good) fail_msg("%s", email);
	if (!is_good) assert_int_equal(problem.status, 400);
}

static void test_addresses(void **state)
{
	(void)state;
	const char *good[] = {"a@b", "a.b+c@d-e.example", "o'x@example.com", "\xC3\xA9@example.com"};
	const char *bad[] = {"a",
			     "@b",
			     "a@",
			     "a@b..c",
			     "a@-b.c",
			     "a b@c.d",
			     "a@b@c",
			     ".a@b.c",
			     "a.@b.c",
			     "a..b@c.d",
			     "a@b.c\\nBcc: x@y.z",
			     "a@b.c\\u0000",
			     "a<b@c.d"};
	for (size_t i = 0; i < sizeof good / sizeof *good; i++) expect_email(good[i], true);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) expect_email(bad[i], false);
}

static struct auth_settings *settings_of(const char *text)
{
	json_t *wish JSON_CLEANUP = NULL;
	struct auth_settings *settings = NULL;
	struct err err;
	if (!json_parse(str_from(text), &wish, &err) || !auth_settings_read(wish, &settings, &err))
		fail_msg("%s", err.msg);
	return settings;
}

static void test_passwords_have_bounds(void **state)
{
	(void)state;
	struct auth_settings *settings = settings_of("{\"site_url\":\"http://shop.localhost\"}");
	char password[80] = "";
	for (int len = 1; len <= 74; len++) {
		strcat(password, "x");
		problem.status = 0;
		assert_int_equal(strength_check(settings, password, &problem), len >= 6 && len <= 72);
		assert_int_equal(problem.status == 422, len < 6);
	}
	auth_settings_free(settings);
}

static void test_passwords_hold_what_is_asked(void **state)
{
	(void)state;
	struct auth_settings *settings = settings_of("{\"site_url\":\"http://shop.localhost\","
						     "\"minimum_password_length\":8,"
						     "\"password_requirements\":\"lower_upper_letters_digits\"}");
	assert_true(strength_check(settings, "aB345678", &problem));
	assert_false(strength_check(settings, "ab345678", &problem));
	assert_int_equal(problem.weak_reasons, WEAK_CHARACTERS);
	assert_false(strength_check(settings, "ab3", &problem));
	assert_int_equal(problem.weak_reasons, WEAK_CHARACTERS | WEAK_LENGTH);
	assert_non_null(strstr(problem.message, "at least 8 characters. Password should contain"));
	auth_settings_free(settings);
}

static void test_versions(void **state)
{
	(void)state;
	assert_true(auth_is_version_2024(STR("2024-01-01")));
	assert_true(auth_is_version_2024(STR("2025-12-31")));
	assert_false(auth_is_version_2024(STR("2023-12-31")));
	assert_false(auth_is_version_2024(STR("")));
	assert_false(auth_is_version_2024(STR("2024-13-01")));
	assert_false(auth_is_version_2024(STR("20240101xx")));
}

static void test_limit_fills_again(void **state)
{
	(void)state;
	const struct auth_limit_rule rule = {3, 300 * 1000, 0};
	struct auth_limit *limit = auth_limit_new();
	for (int i = 0; i < 3; i++) assert_true(auth_limit_take(limit, 1, STR("a"), rule, 1000));
	assert_false(auth_limit_take(limit, 1, STR("a"), rule, 1000));
	assert_true(auth_limit_take(limit, 2, STR("a"), rule, 1000));
	assert_true(auth_limit_take(limit, 1, STR("b"), rule, 1000));
	assert_false(auth_limit_take(limit, 1, STR("a"), rule, 1000 + 99 * 1000));
	assert_true(auth_limit_take(limit, 1, STR("a"), rule, 1000 + 101 * 1000));
	assert_false(auth_limit_take(limit, 1, STR("a"), rule, 1000 + 101 * 1000));
	assert_false(auth_limit_take(limit, 3, STR("a"), (struct auth_limit_rule){0, 1000, 0}, 5000));
	/* A flood of addresses is forgotten, not kept. */
	char address[32];
	for (int i = 0; i < 3 * AUTH_LIMIT_NAMES; i++) {
		(void)snprintf(address, sizeof address, "10.0.%d.%d", i / 256, i % 256);
		assert_true(auth_limit_take(limit, 1, str_from(address), rule, 2000 + 101 * 1000));
	}
	/* Fewer at once than in a window: 10 in 100 s, of them 2. */
	const struct auth_limit_rule slow = {10, 100 * 1000, 2};
	assert_true(auth_limit_take(limit, 4, STR("a"), slow, 1000) && auth_limit_take(limit, 4, STR("a"), slow, 1000));
	assert_false(auth_limit_take(limit, 4, STR("a"), slow, 1000));
	assert_true(auth_limit_take(limit, 4, STR("a"), slow, 1000 + 10 * 1000));
	assert_true(auth_limit_take(limit, 4, STR("a"), slow, 1000 + 100 * 1000));
	assert_true(auth_limit_take(limit, 4, STR("a"), slow, 1000 + 100 * 1000));
	assert_false(auth_limit_take(limit, 4, STR("a"), slow, 1000 + 100 * 1000));
	assert_int_equal(auth_limit_wait_ms(limit, 4, STR("a"), slow, 1000 + 105 * 1000), 5000);
	assert_int_equal(auth_limit_wait_ms(limit, 4, STR("b"), slow, 1000), 0);
	auth_limit_free(limit);
}

static void test_a_network_counts_as_one(void **state)
{
	(void)state;
	char one[64], two[64], other[64];
	assert_true(str_eq(auth_limit_address(STR("192.0.2.1"), one), STR("192.0.2.1")));
	struct str a = auth_limit_address(STR("2001:db8:1:2::3"), one);
	struct str b = auth_limit_address(STR("2001:db8:1:2:ffff::"), two);
	struct str c = auth_limit_address(STR("2001:db8:1:3::3"), other);
	assert_true(str_eq(a, b));
	assert_false(str_eq(a, c));
	assert_true(str_eq(auth_limit_address(STR("::ffff:192.0.2.1"), one), STR("::ffff:192.0.2.1")));
	assert_true(str_eq(auth_limit_address(STR("x:y"), one), STR("x:y")));
}

static void test_made_names(void **state)
{
	(void)state;
	char one[AUTH_UUID_SIZE], two[AUTH_UUID_SIZE], token[AUTH_REFRESH_TOKEN_SIZE];
	auth_make_uuid(one);
	auth_make_uuid(two);
	auth_make_refresh_token(token);
	assert_true(auth_is_uuid(one) && auth_is_uuid(two));
	assert_string_not_equal(one, two);
	assert_int_equal(one[14], '4');
	assert_int_equal(strlen(token), 22);
	assert_false(auth_is_uuid(""));
	assert_false(auth_is_uuid("10000000-0000-4000-8000-00000000000"));
	assert_false(auth_is_uuid("10000000-0000-4000-8000-00000000000aa"));
	assert_false(auth_is_uuid("10000000-0000-4000-8000-00000000000g"));
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {T(test_routes),
					   T(test_addresses),
					   T(test_passwords_have_bounds),
					   T(test_passwords_hold_what_is_asked),
					   T(test_versions),
					   T(test_limit_fills_again),
					   T(test_a_network_counts_as_one),
					   T(test_made_names)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
