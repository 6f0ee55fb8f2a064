/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "codec/json.h"
#include "realtime/filter.h"

static struct arena *arena;
static struct filter_wish wish;
static const char *problem;

static bool reads(const char *text)
{
	json_t *element JSON_CLEANUP = NULL;
	struct err err;
	assert_true(json_parse(str_from(text), &element, &err));
	return filter_read(arena, element, &wish, &problem);
}

static bool reads_filter(const char *filter)
{
	json_t *element JSON_CLEANUP = json_pack("{s:s, s:s, s:s}", "schema", "public", "table", "t", "filter", filter);
	return filter_read(arena, element, &wish, &problem);
}

static void test_wishes(void **state)
{
	(void)state;
	assert_true(reads("{\"event\":\"insert\",\"schema\":\"s\",\"table\":\"t\"}"));
	assert_int_equal(wish.events, FILTER_INSERT);
	assert_string_equal(filter_describe(arena, &wish),
			    "[event: INSERT, schema: s, table: t, filters: [], select: nil]");
	assert_true(reads("{\"schema\":\"s\"}"));
	assert_string_equal(wish.table, "*");
	assert_int_equal(wish.events, FILTER_ALL);
	assert_true(reads("{\"table\":\"t\",\"event\":\"no such\"}"));
	assert_string_equal(wish.schema, "public");
	assert_false(reads("{}"));
	assert_string_equal(problem,
			    "No subscription params provided. Please provide at least a `schema` or `table` to "
			    "subscribe to: {}");
	assert_false(reads("{\"user_token\":\"secret\"}"));
	assert_null(strstr(problem, "secret"));
	assert_false(reads("{\"schema\":1}"));
	assert_false(reads("{\"schema\":\"*\",\"table\":\"t\",\"select\":[\"a\"]}"));
	assert_true(reads("{\"schema\":\"s\",\"table\":\"t\",\"select\":[\"a\",1,\"b\"]}"));
	assert_int_equal(wish.column_count, 2);
}

static void one(const char *filter, enum filter_op op, bool is_negated, const char *value)
{
	assert_true(reads_filter(filter));
	assert_int_equal(wish.filter_count, 1);
	assert_int_equal(wish.filters[0].op, op);
	assert_int_equal(wish.filters[0].is_negated, is_negated);
	assert_string_equal(wish.filters[0].value, value);
}

static void test_filters(void **state)
{
	(void)state;
	one("a=eq.hey", FILTER_EQ, false, "hey");
	one("a=eq.x.y=z", FILTER_EQ, false, "x.y=z");
	one("a=not.like.hey%", FILTER_LIKE, true, "hey%");
	one("a=in.(x,y)", FILTER_IN, false, "{x,y}");
	one("a=eq.\"a, \\\"b\\\"\"", FILTER_EQ, false, "a, \"b\"");
	one("a=eq.\"half", FILTER_EQ, false, "\"half");
	assert_true(reads_filter("id=gt.0,id=lt.100"));
	assert_int_equal(wish.filter_count, 2);
	assert_true(reads_filter("   "));
	assert_int_equal(wish.filter_count, 0);
	assert_false(reads_filter("subject=foo.hey"));
	assert_string_equal(problem, "Error parsing `filter` params: [\"foo\", \"hey\"]");
	assert_false(reads_filter("undefined"));
	assert_string_equal(problem, "Error parsing `filter` params: [\"undefined\"]");
	assert_false(reads_filter("a=in.x"));
	assert_string_equal(problem, "Error parsing `filter` params: `in` filter value must be wrapped by parentheses");
	assert_false(reads_filter("a=eq.1,,b=eq.2"));
}

static int make(void **state)
{
	(void)state;
	arena = arena_new(1 << 20);
	return 0;
}

static int done(void **state)
{
	(void)state;
	arena_free(arena);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_wishes), cmocka_unit_test(test_filters)};
	return cmocka_run_group_tests(tests, make, done);
}
