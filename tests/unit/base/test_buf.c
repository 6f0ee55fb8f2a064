/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"

static void test_overflow_is_said_once(void **state)
{
	(void)state;
	struct buf b BUF_CLEANUP;
	buf_init(&b, 10);
	buf_puts(&b, "0123456789");
	assert_true(buf_is_ok(&b));
	buf_putc(&b, 'x');
	assert_false(buf_is_ok(&b));
	assert_string_equal(buf_cstr(&b), "0123456789");
	buf_clear(&b);
	buf_printf(&b, "%s%d", "ab", 12);
	assert_true(buf_is_ok(&b));
	assert_string_equal(buf_cstr(&b), "ab12");
	buf_printf(&b, "%s", "too long for it");
	assert_false(buf_is_ok(&b));
	assert_string_equal(buf_cstr(&b), "ab12");
}

/* Formatted where there is room, and again where there was not. */
static void test_printf_grows(void **state)
{
	(void)state;
	for (size_t before = 240; before < 270; before++) {
		struct buf b BUF_CLEANUP;
		buf_init(&b, 1000);
		for (size_t i = 0; i < before; i++) buf_putc(&b, 'x');
		buf_printf(&b, "%s-%d", "abcdefgh", 42);
		assert_int_equal(b.len, before + 11);
		assert_string_equal(buf_cstr(&b) + before - 1, "xabcdefgh-42");
	}
}

static void test_consume(void **state)
{
	(void)state;
	struct buf b BUF_CLEANUP;
	buf_init(&b, 1000);
	assert_string_equal(buf_cstr(&b), "");
	buf_str(&b, STR("hello world"));
	buf_consume(&b, 6);
	assert_string_equal(buf_cstr(&b), "world");
	buf_consume(&b, 100);
	assert_int_equal(b.len, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_printf_grows),
	    cmocka_unit_test(test_overflow_is_said_once),
	    cmocka_unit_test(test_consume),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
