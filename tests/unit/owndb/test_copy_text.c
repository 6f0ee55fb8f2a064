/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "owndb/copy_text.h"

static const char dump[] = "CREATE TABLE public.a (x int);\nCOPY public.a (x, y) FROM stdin;\n1\tone\n2\t\\\\.\n\\.\n\n"
			   "CREATE SCHEMA auth;\nCOPY public.\"B c\" (z) FROM stdin;\n\\.\nCOPY a TO stdout;\n";

static void scan(struct copy_scan *s, struct arena *arena, size_t piece)
{
	copy_scan_init(s, arena);
	for (size_t at = 0; at < sizeof dump - 1; at += piece)
		copy_scan_feed(s, str_sub(str_from(dump), at, at + piece));
	copy_scan_done(s);
}

static void test_rows_in_a_dump(void **state)
{
	(void)state;
	struct copy_scan s;
	struct copy_sum table;
	for (size_t piece = 1; piece < sizeof dump; piece += 3) {
		struct arena *arena = arena_new(1 << 20);
		scan(&s, arena, piece);
		assert_int_equal(s.count, 2);
		assert_string_equal(s.tables[0].target, "public.a (x, y)");
		assert_int_equal(s.tables[0].sum.rows, 2);
		assert_string_equal(s.tables[1].target, "public.\"B c\" (z)");
		assert_int_equal(s.tables[1].sum.rows, 0);
		assert_true(s.has_schema && s.has_host_schema && !s.is_inside);
		/* The table answers in another order. */
		copy_sum_init(&table);
		copy_sum_feed(&table, STR("2\t\\\\.\n1\t"));
		copy_sum_feed(&table, STR("one\n"));
		assert_true(table.rows == 2 && table.sum == s.tables[0].sum.sum);
		arena_free(arena);
	}
}

static void test_one_byte_differs(void **state)
{
	(void)state;
	struct copy_sum a, b;
	copy_sum_init(&a), copy_sum_init(&b);
	copy_sum_feed(&a, STR("1\tone\n2\ttwo\n"));
	copy_sum_feed(&b, STR("1\tone\n2\ttwp\n"));
	assert_int_equal(a.rows, b.rows);
	assert_true(a.sum != b.sum);
	copy_sum_init(&b);
	copy_sum_feed(&b, STR("1\ttwo\n2\tone\n"));
	assert_true(a.sum != b.sum);
}

static void test_cut_off(void **state)
{
	(void)state;
	struct arena *arena = arena_new(1 << 20);
	struct copy_scan s;
	copy_scan_init(&s, arena);
	copy_scan_feed(&s, STR("COPY public.a (x) FROM stdin;\n1\n2\n\\"));
	assert_true(s.is_inside);
	copy_scan_done(&s);
	arena_free(arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_rows_in_a_dump),
					   cmocka_unit_test(test_one_byte_differs), cmocka_unit_test(test_cut_off)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
