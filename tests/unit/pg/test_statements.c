/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "pg/statements.h"

static void test_the_least_recently_used_leaves(void **state)
{
	(void)state;
	char evicted[PG_STATEMENT_NAME_SIZE];
	struct pg_statements *s = pg_statements_new(2);
	char first[PG_STATEMENT_NAME_SIZE], third[PG_STATEMENT_NAME_SIZE];
	struct pg_prepared *p = pg_statements_add(s, "select 1", 7, pg_statements_mark(s), evicted);
	p->is_ready = true;
	strcpy(first, p->name);
	assert_string_equal(evicted, "");
	p = pg_statements_add(s, "select 2", 7, pg_statements_mark(s), evicted);
	p->is_ready = true;
	assert_non_null(pg_statements_find(s, "select 1", 0, 7));
	assert_null(pg_statements_find(s, "select 1", 0, 8));
	p = pg_statements_add(s, "select 3", 7, pg_statements_mark(s), evicted);
	strcpy(third, p->name);
	assert_string_not_equal(evicted, first);
	assert_string_not_equal(evicted, third);
	assert_null(pg_statements_find(s, "select 2", 0, 7));
	assert_non_null(pg_statements_find(s, "select 1", 0, 7));
	pg_statements_free(s);
}

static void test_what_one_pipeline_uses_is_not_evicted_by_it(void **state)
{
	(void)state;
	char evicted[PG_STATEMENT_NAME_SIZE];
	struct pg_statements *s = pg_statements_new(1);
	uint64_t mark = pg_statements_mark(s);
	assert_non_null(pg_statements_add(s, "a", 0, mark, evicted));
	assert_null(pg_statements_add(s, "b", 0, mark, evicted));
	assert_string_equal(evicted, "");
	pg_statements_free(s);
}

static void test_what_never_became_ready_goes(void **state)
{
	(void)state;
	char evicted[PG_STATEMENT_NAME_SIZE];
	struct pg_statements *s = pg_statements_new(4);
	pg_statements_add(s, "a", 0, 0, evicted)->is_ready = true;
	(void)pg_statements_add(s, "b", 0, 0, evicted);
	pg_statements_drop_unready(s);
	assert_int_equal(pg_statements_count(s), 1);
	assert_non_null(pg_statements_find(s, "a", 0, 0));
	assert_null(pg_statements_find(s, "b", 0, 0));
	pg_statements_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_the_least_recently_used_leaves),
	    cmocka_unit_test(test_what_one_pipeline_uses_is_not_evicted_by_it),
	    cmocka_unit_test(test_what_never_became_ready_goes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
