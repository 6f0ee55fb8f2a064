/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "rest/origin.h"

/* Texts as pg_stat_statements has them; that what is generated today gives its request is tested with the backend
 * (tests/system/slow.test.mjs). */
#define HEAD                                                                                                           \
	"select $1,pg_catalog.count(*),case when octet_length(json_agg(_postgrest_t)::text) > $2 then $3 end from "    \
	"(select "
#define TAIL ") _postgrest_t"

static void is(const char *sql, const char *expected)
{
	struct buf text;
	buf_init(&text, 200);
	assert_int_equal(rest_origin(str_from(sql), &text), expected != NULL);
	assert_string_equal(buf_cstr(&text), expected != NULL ? expected : "");
	buf_done(&text);
}

static void test_reads(void **state)
{
	(void)state;
	is(HEAD "\"public\".\"notes\".* from \"public\".\"notes\"" TAIL, "GET /rest/v1/notes");
	is(HEAD
	   "\"a\".\"x from \" \" from y\", coalesce((select 1 from \"public\".\"inner\"), $4) from \"reports\".\"by "
	   "day\" where $1" TAIL,
	   "GET /rest/v1/by day (schema reports)");
	is(HEAD "(select \"n\".\"a\" from \"public\".\"n\") from \"public\".\"outer\" left join lateral (select 1 from "
		"\"public\".\"n\") on $2" TAIL,
	   "GET /rest/v1/outer");
}

static void test_writes(void **state)
{
	(void)state;
	is("with pgrst_source as (insert into \"public\".\"notes\"(\"id\") select 1) select 1 from (select * from "
	   "pgrst_source) _postgrest_t",
	   "POST /rest/v1/notes");
	is("with pgrst_source as (update \"public\".\"a\"\"b\" set \"c\" = $1) select 1 from (select) _postgrest_t",
	   "PATCH /rest/v1/a\"\"b");
	is("with pgrst_source as (delete from \"public\".\"notes\" where $1) select 1 from (select) _postgrest_t",
	   "DELETE /rest/v1/notes");
}

static void test_calls(void **state)
{
	(void)state;
	is("with pgrst_source as (select pgrst_call.pgrst_scalar from (select * from json_to_record($1::json) as "
	   "_(\"a\" "
	   "integer)) pgrst_body, lateral (select \"public\".\"hello\"(\"a\" := \"pgrst_body\".\"a\") pgrst_scalar) "
	   "pgrst_call) select 1 from (select \"hello\".* from \"pgrst_source\" as \"hello\") _postgrest_t",
	   "POST /rest/v1/rpc/hello");
}

static void test_others(void **state)
{
	(void)state;
	static const char *const none[] = {"",
					   "select 1",
					   "_postgrest_t",
					   "with pgrst_source as (",
					   "with pgrst_source as (update \"public _postgrest_t",
					   "with pgrst_source as (pgrst_call \"a\".\"b _postgrest_t",
					   HEAD "\"a",
					   HEAD "1) from \"public\".\"x\"" TAIL,
					   HEAD "1 from",
					   HEAD "1 from json_to_record($1)" TAIL,
					   "select * from notes"};
	for (size_t i = 0; i < sizeof none / sizeof *none; i++) is(none[i], NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_reads), cmocka_unit_test(test_writes),
					   cmocka_unit_test(test_calls), cmocka_unit_test(test_others)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
