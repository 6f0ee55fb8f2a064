/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"

static void test_limit_is_an_ordinary_error(void **state)
{
	(void)state;
	struct arena *a = arena_new(100);
	assert_non_null(arena_alloc(a, 60));
	assert_null(arena_alloc(a, 41));
	assert_non_null(arena_alloc(a, 40));
	assert_int_equal(arena_used(a), 100);
	assert_null(arena_array(a, SIZE_MAX / 2, 3));
	arena_free(a);
}

static void test_memory_is_zeroed_also_after_reset(void **state)
{
	(void)state;
	struct arena *a = arena_new(1 << 20);
	for (int round = 0; round < 3; round++) {
		unsigned char *p = arena_alloc(a, 1000);
		assert_non_null(p);
		for (int i = 0; i < 1000; i++) assert_int_equal(p[i], 0);
		memset(p, 0xAA, 1000);
		assert_non_null(arena_alloc(a, 100000));
		arena_reset(a);
		assert_int_equal(arena_used(a), 0);
	}
	arena_free(a);
}

static void append_digit(void *arg)
{
	char **at = arg;
	*(*at)++ = 'x';
}

static char order[8];
static void note_a(void *arg)
{
	strcat(arg, "a");
}
static void note_b(void *arg)
{
	strcat(arg, "b");
}

static void test_deferred_run_last_first(void **state)
{
	(void)state;
	char mark[4] = "";
	char *at = mark;
	struct arena *a = arena_new(100);
	arena_defer(a, note_a, order);
	arena_defer(a, note_b, order);
	arena_defer(a, append_digit, &at);
	arena_reset(a);
	assert_string_equal(order, "ba");
	assert_ptr_equal(at, mark + 1);
	arena_free(a);
	assert_string_equal(order, "ba");
}

static void test_texts(void **state)
{
	(void)state;
	struct arena *a = arena_new(1000);
	assert_string_equal(arena_printf(a, "%s-%d", "shop", 7), "shop-7");
	assert_string_equal(arena_cstr(a, str_sub(STR("release"), 0, 3)), "rel");
	assert_string_equal(arena_strdup(a, ""), "");
	arena_free(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_limit_is_an_ordinary_error),
	    cmocka_unit_test(test_memory_is_zeroed_also_after_reset),
	    cmocka_unit_test(test_deferred_run_last_first),
	    cmocka_unit_test(test_texts),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
