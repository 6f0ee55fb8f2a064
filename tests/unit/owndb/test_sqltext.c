/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "owndb/sqltext.h"

static void tokens_are(const char *sql, const char *joined)
{
	char got[1024] = "";
	struct str rest = str_from(sql), t;
	while (sqltext_next(&rest, &t)) {
		size_t used = strlen(got);
		(void)snprintf(got + used, sizeof got - used, "[%.*s]", STR_FMT(t));
	}
	assert_string_equal(got, joined);
}

static void test_tokens(void **state)
{
	(void)state;
	tokens_are("", "");
	tokens_are(" -- only this", "");
	tokens_are("select a.b,1", "[select][a][.][b][,][1]");
	tokens_are("a/* x /* y */ ; */b", "[a][b]");
	tokens_are("a -- ; '\nb", "[a][b]");
	tokens_are("'it''s ; -- x' y", "['it''s ; -- x'][y]");
	tokens_are("E'a\\'b' 'a\\' c", "[E'a\\'b']['a\\'][c]");
	tokens_are("\"a\"\"b\"", "[\"a\"\"b\"]");
	tokens_are("$$a;b$$ $x$ $$ $y$ $x$ $1", "[$$a;b$$][$x$ $$ $y$ $x$][$][1]");
	tokens_are("a$b$c", "[a$b$c]");
	tokens_are("'open", "['open]");
	tokens_are("$$open", "[$$open]");
	tokens_are("/* open", "");
	tokens_are("\xc3\xbc\xff;", "[\xc3\xbc\xff][;]");
}

static bool same(const char *a, const char *b)
{
	return sqltext_is_same(str_from(a), str_from(b));
}

static void test_same(void **state)
{
	(void)state;
	assert_true(same("create table a (id int);", "-- made by x\ncreate   table a(id int)"));
	assert_true(same("", ";;"));
	assert_false(same("select 'a b'", "select 'a  b'"));
	assert_false(same("select 1", "select 1 2"));
	assert_false(same("select a b", "select ab"));
	assert_false(same("select $$a$$", "select $$b$$"));
	assert_false(same("select 1; select 2", "select 2; select 1"));
}

static void names(const char *sql, const char *name)
{
	struct str got = {NULL, 0};
	bool is = sqltext_extension(str_from(sql), &got);
	assert_int_equal(is, name != NULL);
	if (name != NULL) assert_true(str_eq(got, str_from(name)));
}

static void test_extension(void **state)
{
	(void)state;
	names("create extension pg_net", "pg_net");
	names("-- x\nCREATE EXTENSION IF NOT EXISTS \"uuid-ossp\" WITH SCHEMA x", "uuid-ossp");
	names("drop extension if exists pg_cron cascade", "pg_cron");
	names("alter extension vector update", "vector");
	names("comment on extension pg_net is 'x'", "pg_net");
	names("create table extension (a int)", NULL);
	names("comment on table x is 'y'", NULL);
	names("create extension", NULL);
	names("", NULL);
}

static void test_shorten(void **state)
{
	(void)state;
	char text[32];
	sqltext_shorten(STR("  select 1 -- why\n  ,  2"), text, sizeof text);
	assert_string_equal(text, "select 1 , 2");
	sqltext_shorten(STR("a.b ( c )"), text, sizeof text);
	assert_string_equal(text, "a.b ( c )");
	sqltext_shorten(STR("insert into table_with_a_name values (1)"), text, sizeof text);
	assert_string_equal(text, "insert into table_with_a_nam\u2026");
	sqltext_shorten(
	    STR("select '\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc'"),
	    text, sizeof text);
	assert_true(str_is_utf8(str_from(text)));
	assert_non_null(strstr(text, "\u2026"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_tokens),
	    cmocka_unit_test(test_same),
	    cmocka_unit_test(test_extension),
	    cmocka_unit_test(test_shorten),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
