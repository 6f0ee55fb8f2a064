/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"

static void test_cut_and_next(void **state)
{
	(void)state;
	struct str head, tail, rest = STR("a,,b"), part;
	assert_true(str_cut(STR("name=value=x"), '=', &head, &tail));
	assert_true(str_eq(head, STR("name")) && str_eq(tail, STR("value=x")));
	assert_false(str_cut(STR("name"), '=', &head, &tail));
	assert_true(str_next(&rest, ',', &part) && str_eq(part, STR("a")));
	assert_true(str_next(&rest, ',', &part) && part.len == 0);
	assert_true(str_next(&rest, ',', &part) && str_eq(part, STR("b")));
	assert_false(str_next(&rest, ',', &part));
}

static void test_to_int(void **state)
{
	(void)state;
	int64_t n = 0;
	assert_true(str_to_int(STR("-9223372036854775808"), &n) && n == INT64_MIN);
	assert_true(str_to_int(STR("9223372036854775807"), &n) && n == INT64_MAX);
	const char *bad[] = {"",   "-",   "9223372036854775808", "-9223372036854775809", "1 ",
			     "+1", "0x1", "99999999999999999999"};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) assert_false(str_to_int(str_from(bad[i]), &n));
	assert_int_equal(n, INT64_MAX);
}

static void test_utf8(void **state)
{
	(void)state;
	assert_true(str_is_utf8(STR("plain \xC3\xA9 \xE2\x82\xAC \xF0\x9F\x98\x80")));
	const struct str bad[] = {STR("\xC3"), STR("\xC0\x80"),    STR("\xED\xA0\x80"), STR("\xF4\x90\x80\x80"),
				  STR("\x80"), STR("\xE0\x80\x80")};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) assert_false(str_is_utf8(bad[i]));
}

static void test_affixes(void **state)
{
	(void)state;
	assert_true(str_has_prefix(STR("/rest/v1"), STR("/rest")));
	assert_false(str_has_prefix(STR("/r"), STR("/rest")));
	assert_true(str_has_suffix(STR("app.js"), STR(".js")));
	assert_true(str_eq(str_trim(STR(" \t x y\r\n")), STR("x y")));
	assert_int_equal(str_find(STR("abcabd"), STR("abd")), 3);
	assert_int_equal(str_find(STR("abc"), STR("x")), -1);
	assert_true(str_eq_nocase(STR("Content-Type"), STR("content-type")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_cut_and_next),
	    cmocka_unit_test(test_to_int),
	    cmocka_unit_test(test_utf8),
	    cmocka_unit_test(test_affixes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
