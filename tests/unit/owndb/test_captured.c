/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "owndb/captured.h"

#define AT "2026-11-23 02:10:00.123 UTC [77] "
#define APP AT "freehold_app@postgres "

static void assert_captured(const char *log, size_t wanted_count, const char *wanted)
{
	struct err err;
	struct buf sql BUF_CLEANUP;
	size_t count = 0;
	buf_init(&sql, 4096);
	if (!captured_read(str_from(log), &sql, &count, &err)) fail_msg("%s", err.msg);
	assert_string_equal(buf_cstr(&sql), wanted);
	assert_int_equal(count, wanted_count);
}

static void test_statements_in_order(void **state)
{
	(void)state;
	assert_captured("", 0, "");
	assert_captured(
	    AT "LOG:  database system is ready\n" AT "supabase_admin@postgres LOG:  statement: drop table x\n" APP
	       "LOG:  statement: CREATE TABLE \"a\" (\n\t\t\"id\" int,\n\t\n\t\tb text\n\t);\n\t\n" APP
	       "LOG:  execute <unnamed>: alter table a add c int -- why\n" APP "LOG:  duration: 12 ms\n",
	    2, "CREATE TABLE \"a\" (\n\t\"id\" int,\n\n\tb text\n);\n\nalter table a add c int -- why\n;\n\n");
}

/* A statement may hold what looks like the log's own lines. */
static void test_a_statement_cannot_forge_another(void **state)
{
	(void)state;
	assert_captured(APP "LOG:  statement: comment on table a is '\n\t" APP "LOG:  statement: drop table b'\n", 1,
			"comment on table a is '\n" APP "LOG:  statement: drop table b';\n\n");
}

static void test_what_was_refused(void **state)
{
	(void)state;
	assert_captured(APP "LOG:  statement: create table a ()\n" APP "LOG:  statement: create type\n\tm as enum\n" APP
			    "ERROR:  syntax error\n" APP "STATEMENT:  create type\n\tm as enum\n" APP
			    "ERROR:  no such thing\n" APP "STATEMENT:  select 1/0\n" APP
			    "LOG:  statement: create table b ()\n" APP "ERROR:  no\n" APP "STATEMENT:  select 2\n",
			2, "create table a ();\n\ncreate table b ();\n\n");
}

static void test_values_beside_a_statement(void **state)
{
	(void)state;
	struct err err;
	struct buf sql BUF_CLEANUP;
	size_t count = 0;
	buf_init(&sql, 4096);
	assert_false(captured_read(
	    STR(APP "LOG:  execute s1: insert into a values ($1)\n" APP "DETAIL:  parameters: $1 = '1'\n"), &sql,
	    &count, &err));
	assert_int_equal(err.code, ERR_FAILED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_statements_in_order),
	    cmocka_unit_test(test_a_statement_cannot_forge_another),
	    cmocka_unit_test(test_what_was_refused),
	    cmocka_unit_test(test_values_beside_a_statement),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
