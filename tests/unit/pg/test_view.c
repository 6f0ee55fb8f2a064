/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "pg/view.h"

static void test_only_the_outermost_target_list_counts(void **state)
{
	(void)state;
	struct view_column columns[4];
	struct str action = STR(
	    "({QUERY :commandType 1 :rtable ({RTE :subquery {QUERY :targetList ({TARGETENTRY :resno 9 :resorigtbl 5 "
	    ":resorigcol 5})}}) :targetList ({TARGETENTRY :expr {VAR :varno 1} :resno 1 :resname a\\ \\(b :resorigtbl "
	    "16390 :resorigcol 2 :resjunk false} {TARGETENTRY :expr {OPEXPR :args ({VAR :varno 1})} :resno 2 :resname "
	    ":resno :ressortgroupref 0 :resorigtbl 0 :resorigcol 0}) :override 0})");
	assert_int_equal(view_columns(action, columns, 4), 2);
	assert_int_equal(columns[0].number, 1);
	assert_int_equal(columns[0].table, 16390);
	assert_int_equal(columns[0].column, 2);
	assert_int_equal(columns[1].number, 2);
	assert_int_equal(columns[1].table, 0);
	assert_int_equal(view_columns(action, columns, 1), 1);
}

static void test_what_is_cut_off_is_no_column(void **state)
{
	(void)state;
	struct view_column columns[4];
	assert_int_equal(view_columns(STR(""), columns, 4), 0);
	assert_int_equal(view_columns(STR("({QUERY :targetList ({TARGETENTRY :resno 1 :reso"), columns, 4), 0);
	assert_int_equal(view_columns(STR("({QUERY :targetList <>})"), columns, 4), 0);
	assert_int_equal(view_columns(STR("}}}}\\"), columns, 4), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_only_the_outermost_target_list_counts),
	    cmocka_unit_test(test_what_is_cut_off_is_no_column),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
