/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/table.h"

static const char *const columns[] = {"APP", "SIZE", "WHAT", NULL};

static void test_columns(void **state)
{
	(void)state;
	struct look plain = {0};
	struct table t TABLE_CLEANUP;
	struct buf b BUF_CLEANUP;
	buf_init(&b, 4096);
	table_init(&t, columns);
	t.right_aligned = 1 << 1;
	table_render(&t, &plain, 0, &b);
	table_cell(&t, TONE_GOOD, "\xE6\x97\xA5\xE6\x9C\xAC");
	table_cell(&t, TONE_PLAIN, "5");
	table_cell(&t, TONE_PLAIN, "evil\033[2Jtext");
	table_cell(&t, TONE_PLAIN, "b");
	table_cell(&t, TONE_PLAIN, "");
	table_cell(&t, TONE_PLAIN, "");
	buf_clear(&b);
	table_render(&t, &plain, 1, &b);
	assert_string_equal(buf_cstr(&b), " APP   SIZE  WHAT\n"
					  " \xE6\x97\xA5\xE6\x9C\xAC     5  eviltext\n"
					  " b           \n");
}

static void test_a_row_stays_a_line_on_a_terminal(void **state)
{
	(void)state;
	struct look narrow = {.is_terminal = true, .has_colour = true, .columns = 24};
	struct table t TABLE_CLEANUP;
	struct buf b BUF_CLEANUP;
	buf_init(&b, 4096);
	table_init(&t, (const char *const[]){"", "", NULL});
	table_cell(&t, TONE_BAD, "shop");
	table_cell(&t, TONE_PLAIN, "a sentence that is longer than there is room");
	table_render(&t, &narrow, 0, &b);
	assert_string_equal(buf_cstr(&b), "\033[31mshop\033[0m  a sentence that...\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_columns),
	    cmocka_unit_test(test_a_row_stays_a_line_on_a_terminal),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
