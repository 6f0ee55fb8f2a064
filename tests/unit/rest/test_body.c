/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "rest/body.h"

static struct arena *arena;
static struct body_keys keys;

static bool scan(const char *json)
{
	return body_scan_json(arena, str_from(json), &keys);
}

static void test_keys(void **state)
{
	(void)state;
	assert_true(scan(" [{\"b\":1,\"a\\u00e9\":[{\"x\":null}]} , {\"a\\u00e9\":2,\"b\":-1.5e3}] "));
	assert_true(keys.shape == BODY_ARRAY && keys.is_uniform && keys.count == 2);
	assert_memory_equal(keys.names[0].ptr, "a\xC3\xA9", 3);
	assert_true(scan("[{\"a\":1},{\"b\":1}]"));
	assert_false(keys.is_uniform);
	assert_true(scan("[{\"a\":1},7]"));
	assert_false(keys.is_uniform);
	assert_true(scan("{\"a\":1,\"a\":2}"));
	assert_int_equal(keys.count, 1);
	assert_true(scan("[]") && keys.is_empty);
}

static void test_what_is_no_json(void **state)
{
	(void)state;
	static const char *const bad[] = {"",        "{",           "{\"a\"}", "[1,]", "01", "{\"a\":1}x", "\"\x01\"",
					  "\"\\x\"", "\"\\u12g4\"", "nul",     "-",    "1.", "\"\xFF\""};
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) assert_false(scan(bad[i]));
	char deep[2001];
	memset(deep, '[', 2000);
	deep[2000] = '\0';
	assert_false(scan(deep));
}

static void test_csv(void **state)
{
	(void)state;
	const char *message;
	struct str json;
	assert_true(body_csv_to_json(arena, STR("a,b\r\n1,\"x,\"\"y\"\"\"\r\nNULL,2\n"), &json, &message));
	assert_string_equal(arena_cstr(arena, json), "[{\"a\":\"1\",\"b\":\"x,\\\"y\\\"\"},{\"a\":null,\"b\":\"2\"}]");
}

static void test_csv_as_cassava_reads_it(void **state)
{
	(void)state;
	static const struct {
		const char *csv;
		const char *json;
		const char *message;
	} cases[] = {
	    {"a,b\n\n1,2\n", "[{\"a\":\"1\",\"b\":\"2\"}]", NULL},
	    {"a,b\n1\n", "[{\"a\":\"1\"}]", NULL},
	    {"a,b\n1\n1,2\n", NULL, "All lines must have same number of fields"},
	    {"a,b", NULL, "parse error (not enough input) at \"\""},
	    {"a\n\"1\"x\n2", NULL, "parse error (Failed reading: satisfy) at \"x\\n2\""},
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		const char *message = NULL;
		struct str json;
		bool good = body_csv_to_json(arena, str_from(cases[i].csv), &json, &message);
		assert_int_equal(good, cases[i].json != NULL);
		if (good)
			assert_string_equal(arena_cstr(arena, json), cases[i].json);
		else
			assert_string_equal(message, cases[i].message);
	}
}

static void test_form(void **state)
{
	(void)state;
	struct body_pair *pairs;
	int count;
	struct str json;
	assert_true(body_form(arena, STR("a=1+2&b=%22"), &pairs, &count));
	assert_true(body_pairs_to_json(arena, pairs, count, &json));
	assert_string_equal(arena_cstr(arena, json), "{\"a\":\"1 2\",\"b\":\"\\\"\"}");
}

static int start(void **state)
{
	(void)state;
	arena = arena_new(1 << 20);
	return 0;
}

static int stop(void **state)
{
	(void)state;
	arena_free(arena);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_keys), cmocka_unit_test(test_what_is_no_json),
	    cmocka_unit_test(test_csv),  cmocka_unit_test(test_csv_as_cassava_reads_it),
	    cmocka_unit_test(test_form),
	};
	return cmocka_run_group_tests(tests, start, stop);
}
