/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "owndb/explain.h"

static const char *const known[] = {"public.posts", "likes", NULL};

static void says(const char *sqlstate, const char *message, const char *part)
{
	struct pg_error e = {.sqlstate = ""};
	char text[EXPLAIN_SIZE];
	(void)snprintf(e.sqlstate, sizeof e.sqlstate, "%s", sqlstate);
	(void)snprintf(e.message, sizeof e.message, "%s", message);
	explain_error(&e, known, 15, text);
	if (part[0] == '\0')
		assert_string_equal(text, "");
	else if (strstr(text, part) == NULL)
		fail_msg("\"%s\" is not in \"%s\"", part, text);
}

static void test_explain(void **state)
{
	(void)state;
	says("42P01", "relation \"posts\" does not exist", "public.posts is in types.ts");
	says("42P01", "relation \"public.likes\" does not exist", "public.likes is in types.ts");
	says("42P01", "relation \"other\" does not exist", "No migration before this one creates public.other");
	says("42P01", "relation \"auth.posts\" does not exist", "creates auth.posts");
	says("42883", "function public.touch(integer) does not exist",
	     "creates the function public.touch(integer). Either");
	says("42883", "operator does not exist: text = integer", "");
	says("42704", "type \"vector\" does not exist", "postgresql-15-pgvector");
	says("42704", "type \"mood\" does not exist", "made in a dashboard");
	says("0A000", "extension \"vector\" is not available", "postgresql-15-pgvector");
	says("0A000", "extension \"x\" is not available", "extension x is not installed");
	says("0A000", "cannot do \"x\"", "");
	says("42P07", "relation \"a\" already exists", "made it already");
	says("42601", "syntax error at or near \"x\"", "mistake");
	says("22P02", "invalid input syntax", "");
	says("42P01", "no name", "");
	assert_true(explain_is_missing("42P01"));
	assert_true(explain_is_missing("42883"));
	assert_false(explain_is_missing("42P07"));
	assert_true(explain_is_there("42P07"));
	assert_false(explain_is_there("42P01"));
}

static void test_position(void **state)
{
	(void)state;
	unsigned line, column;
	explain_position(STR("select\n  x"), 10, 10, &line, &column);
	assert_int_equal(line, 11);
	assert_int_equal(column, 3);
	explain_position(STR("select \xc3\xbc\xc3\xbc x"), 1, 11, &line, &column);
	assert_int_equal(line, 1);
	assert_int_equal(column, 11);
	explain_position(STR("select"), 7, 0, &line, &column);
	assert_int_equal(line, 7);
	assert_int_equal(column, 0);
	explain_position(STR("a"), 7, 500, &line, &column);
	assert_int_equal(line, 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_explain), cmocka_unit_test(test_position)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
