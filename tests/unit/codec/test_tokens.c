/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "codec/tokens.h"

#define NOW 1700000000
#define SECRET "a secret of the app, at least 32 bytes"

static const struct jwt_key key = {.algorithm = JWT_HS256, .secret = STR(SECRET)};
static struct tokens *tokens;
static struct token_holder holder;
static enum jwt_fault fault;
static struct buf token;

static int setup(void **state)
{
	(void)state;
	tokens = tokens_new(&(struct tokens_settings){.keys = {.keys = &key, .count = 1}, .role = "anon"});
	buf_init(&token, JWT_MAX_BYTES);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	tokens_free(tokens);
	buf_done(&token);
	return 0;
}

static void sign(const char *claims)
{
	buf_clear(&token);
	jwt_sign_text(&key, str_from(claims), &token);
}

static bool find(int64_t now_s)
{
	struct err err;
	return tokens_find(tokens, buf_view(&token), now_s, &holder, &fault, &err);
}

static uint64_t hits(void)
{
	struct tokens_stats stats;
	tokens_stats(tokens, &stats);
	return stats.hits;
}

static void test_what_it_says_of_its_holder(void **state)
{
	(void)state;
	sign("{\"sub\":\"u\",\"session_id\":\"s\",\"role\":\"authenticated\"}");
	for (int i = 0; i < 3; i++) {
		assert_true(find(NOW));
		assert_true(str_eq(holder.role, STR("authenticated")));
		assert_true(str_eq(holder.user_id, STR("u")));
		assert_true(str_eq(holder.session_id, STR("s")));
		assert_true(str_find(holder.claims, STR("\"sub\":\"u\"")) > 0);
		assert_int_equal(hits(), i);
	}
	sign("{\"sub\":7}");
	assert_true(find(NOW) && find(NOW));
	assert_true(str_eq(holder.role, STR("anon")));
	assert_int_equal(holder.user_id.len, 0);
	assert_int_equal(holder.session_id.len, 0);
}

/* Each time, also of one that was believed a moment ago, and when the clock goes back. */
static void test_its_time(void **state)
{
	(void)state;
	sign("{\"exp\":1700000100}");
	assert_true(find(NOW) && find(NOW + 130));
	assert_int_equal(hits(), 1);
	assert_false(find(NOW + 131));
	assert_int_equal(fault, JWT_EXPIRED);
	assert_true(find(NOW + 130));
	sign("{\"exp\":1700000100.5}");
	assert_true(find(NOW + 130));
	assert_false(find(NOW + 131));
	sign("{\"nbf\":1700000100.5}");
	assert_true(find(NOW + 100) && find(NOW + 71));
	assert_int_equal(hits(), 3);
	assert_false(find(NOW + 70));
	assert_int_equal(fault, JWT_NOT_YET);
	sign("{\"iat\":1700000100}");
	assert_true(find(NOW + 70) && find(NOW + 71));
	assert_int_equal(hits(), 4);
	assert_false(find(NOW + 69));
	assert_int_equal(fault, JWT_FUTURE);
	sign("{\"exp\":1e300,\"nbf\":-1e300}");
	assert_true(find(NOW) && find(NOW));
	assert_int_equal(hits(), 5);
}

/* Same claims, another signature: nothing that was remembered helps it. */
static void test_another_signature(void **state)
{
	(void)state;
	sign("{\"role\":\"authenticated\"}");
	assert_true(find(NOW));
	char *last = token.ptr + token.len - 2;
	*last = *last == 'A' ? 'B' : 'A';
	assert_false(find(NOW));
	assert_int_equal(fault, JWT_SIGNATURE);
	assert_int_equal(hits(), 0);
	token.len = 0;
	assert_false(find(NOW));
	assert_int_equal(fault, JWT_EMPTY);
}

static void test_refused_ones_are_not_remembered(void **state)
{
	(void)state;
	tokens_free(tokens);
	sign("{\"sub\":\"u\"}");
	struct jwt_digest refused;
	jwt_digest(buf_view(&token), &refused);
	tokens = tokens_new(&(struct tokens_settings){
	    .keys = {.keys = &key, .count = 1, .refused = &refused, .refused_count = 1}, .role = "anon"});
	assert_false(find(NOW) || find(NOW));
	assert_int_equal(fault, JWT_SIGNATURE);
	sign("{\"sub\":\"v\"}");
	assert_true(find(NOW) && find(NOW));
	assert_int_equal(hits(), 1);
}

static void test_nothing_remembered(void **state)
{
	(void)state;
	tokens_free(tokens);
	tokens = tokens_new(&(struct tokens_settings){.keys = {.keys = &key, .count = 1}, .remembered_max = -1});
	sign("{\"role\":\"authenticated\",\"sub\":\"u\"}");
	assert_true(find(NOW) && find(NOW));
	assert_true(str_eq(holder.user_id, STR("u")));
	assert_int_equal(hits(), 0);
	sign("{\"sub\":\"u\"}");
	assert_false(find(NOW));
	assert_int_equal(fault, JWT_NO_ROLE);
}

static void test_the_least_used_leaves(void **state)
{
	(void)state;
	tokens_free(tokens);
	tokens = tokens_new(
	    &(struct tokens_settings){.keys = {.keys = &key, .count = 1}, .role = "anon", .remembered_max = 4});
	char claims[40];
	for (int i = 0; i < 100; i++) {
		(void)snprintf(claims, sizeof claims, "{\"sub\":\"%d\"}", i);
		sign(claims);
		assert_true(find(NOW));
		sign("{\"sub\":\"often\"}");
		assert_true(find(NOW));
		assert_true(str_eq(holder.user_id, STR("often")));
	}
	struct tokens_stats stats;
	tokens_stats(tokens, &stats);
	assert_int_equal(stats.asked, 200);
	assert_int_equal(stats.hits, 99);
	assert_int_equal(stats.evictions, 101 - 4);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {T(test_what_it_says_of_its_holder), T(test_its_time),
					   T(test_another_signature),          T(test_refused_ones_are_not_remembered),
					   T(test_nothing_remembered),         T(test_the_least_used_leaves)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
