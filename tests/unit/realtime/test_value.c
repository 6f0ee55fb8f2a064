/* SPDX-License-Identifier: Apache-2.0
 *
 * Expected: what PostgreSQL 15 answers to select to_jsonb('…'::type), but for bytea (wal2json's form). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "realtime/value.h"

static void is(uint32_t oid, uint32_t element, const char *text, const char *json)
{
	const struct value_type type = {.oid = oid, .element = element, .delimiter = ','};
	struct buf b BUF_CLEANUP;
	buf_init(&b, 1000);
	value_put(&type, str_from(text), &b);
	assert_string_equal(buf_cstr(&b), json);
}

static void test_scalars(void **state)
{
	(void)state;
	is(VALUE_INT4, 0, "-7", "-7");
	is(VALUE_NUMERIC, 0, "1.50", "1.50");
	is(VALUE_NUMERIC, 0, "NaN", "\"NaN\"");
	is(VALUE_FLOAT8, 0, "-Infinity", "\"-Infinity\"");
	is(VALUE_FLOAT8, 0, "1e+20", "1e+20");
	is(VALUE_BOOL, 0, "t", "true");
	is(VALUE_BOOL, 0, "f", "false");
	is(VALUE_TEXT, 0, "a \"b\"\n", "\"a \\\"b\\\"\\u000a\"");
	is(VALUE_UUID, 0, "x", "\"x\"");
	is(VALUE_BYTEA, 0, "\\x0aff", "\"0aff\"");
	is(VALUE_JSONB, 0, "{\"a\": [1, null]}", "{\"a\": [1, null]}");
	is(VALUE_JSON, 0, "{\"a\":1,\"a\":2}", "{\"a\":2}");
	is(VALUE_JSONB, 0, "null", "null");
	is(VALUE_OID, 0, "7", "\"7\"");
}

static void test_times(void **state)
{
	(void)state;
	is(VALUE_DATE, 0, "2026-01-02", "\"2026-01-02\"");
	is(VALUE_TIMESTAMP, 0, "2026-01-02 03:04:05.6", "\"2026-01-02T03:04:05.6\"");
	is(VALUE_TIMESTAMPTZ, 0, "2026-01-02 03:04:05+00", "\"2026-01-02T03:04:05+00:00\"");
	is(VALUE_TIMESTAMPTZ, 0, "2026-01-02 03:04:05+05:30", "\"2026-01-02T03:04:05+05:30\"");
	is(VALUE_TIMESTAMPTZ, 0, "infinity", "\"infinity\"");
	is(VALUE_TIMESTAMPTZ, 0, "0044-03-15 00:00:00+00 BC", "\"0044-03-15T00:00:00+00:00 BC\"");
}

static void test_arrays(void **state)
{
	(void)state;
	is(1007, VALUE_INT4, "{}", "[]");
	is(1007, VALUE_INT4, "{1,NULL,3}", "[1,null,3]");
	is(1007, VALUE_INT4, "{{1,2},{3,4}}", "[[1,2],[3,4]]");
	is(1009, VALUE_TEXT, "{a,\"b c\",\"q\\\"\\\\\",\"NULL\",NULL}", "[\"a\",\"b c\",\"q\\\"\\\\\",\"NULL\",null]");
	is(1009, VALUE_TEXT, "[0:1]={a,b}", "[\"a\",\"b\"]");
	is(1000, VALUE_BOOL, "{t,f}", "[true,false]");
	is(3807, VALUE_JSONB, "{\"{\\\"a\\\": 1}\"}", "[{\"a\": 1}]");
	/* What is no array is shown as it is. */
	is(1007, VALUE_INT4, "{1,", "\"{1,\"");
	is(1007, VALUE_INT4, "{1}x", "\"{1}x\"");
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_scalars), cmocka_unit_test(test_times),
					   cmocka_unit_test(test_arrays)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
