/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "codec/url.h"

static int setup(void **state)
{
	*state = arena_new(4096);
	return 0;
}

static int teardown(void **state)
{
	arena_free(*state);
	return 0;
}

static void test_decode(void **state)
{
	struct str s;
	struct err err;
	assert_true(url_decode(*state, STR("a%2Fb%20c+d%c3%A9"), &s, &err));
	assert_true(str_eq(s, STR("a/b c+d\xC3\xA9")));
	assert_true(url_decode_plus(*state, STR("a+b%2B"), &s, &err));
	assert_true(str_eq(s, STR("a b+")));
	const char *bad[] = {"%", "%2", "a%zz", "%0", "%00", "x%0g"};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		assert_false(url_decode(*state, str_from(bad[i]), &s, &err));
		assert_int_equal(err.code, ERR_INVALID);
	}
}

static void test_decoding_has_a_limit(void **state)
{
	(void)state;
	struct arena *a = arena_new(10);
	struct str s;
	struct err err;
	assert_false(url_decode(a, STR("%41aaaaaaaaaaaaaaaaa"), &s, &err));
	assert_int_equal(err.code, ERR_LIMIT);
	arena_free(a);
}

static void test_encode(void **state)
{
	(void)state;
	struct buf b BUF_CLEANUP;
	buf_init(&b, 100);
	url_encode(STR("a-b_c.d~ /\xC3\xA9"), &b);
	assert_string_equal(buf_cstr(&b), "a-b_c.d~%20%2F%C3%A9");
}

static void test_query(void **state)
{
	struct str rest = STR("&a=1&&b&c=x=y&"), name, value;
	assert_true(query_next(&rest, &name, &value));
	assert_true(str_eq(name, STR("a")) && str_eq(value, STR("1")));
	assert_true(query_next(&rest, &name, &value));
	assert_true(str_eq(name, STR("b")) && value.len == 0);
	assert_true(query_next(&rest, &name, &value));
	assert_true(str_eq(name, STR("c")) && str_eq(value, STR("x=y")));
	assert_false(query_next(&rest, &name, &value));
	assert_true(query_get(*state, STR("a=1&grant%5Ftype=pass+word&grant_type=2"), STR("grant_type"), &value));
	assert_true(str_eq(value, STR("pass word")));
	assert_false(query_get(*state, STR("a=1"), STR("b"), &value));
	assert_false(query_get(*state, STR(""), STR("b"), &value));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_decode, setup, teardown),
	    cmocka_unit_test(test_decoding_has_a_limit),
	    cmocka_unit_test(test_encode),
	    cmocka_unit_test_setup_teardown(test_query, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
