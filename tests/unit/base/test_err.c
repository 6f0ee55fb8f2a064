/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"

static void test_set_and_wrap(void **state)
{
	(void)state;
	struct err err;
	assert_false(err_set(&err, ERR_CONFLICT, "release %d is live", 7));
	assert_false(err_wrap(&err, "deploy %s", "shop"));
	assert_string_equal(err.msg, "deploy shop: release 7 is live");
	assert_int_equal(err.code, ERR_CONFLICT);
}

static void test_errno(void **state)
{
	(void)state;
	struct err err;
	errno = ENOENT;
	assert_false(err_set_errno(&err, "%s", "/nowhere"));
	assert_int_equal(err.code, ERR_NOT_FOUND);
	assert_string_equal(err.msg, "/nowhere: No such file or directory");
}

static void test_long_message_is_cut_at_a_character(void **state)
{
	(void)state;
	char text[2 * ERR_MSG_SIZE];
	for (size_t i = 0; i + 2 < sizeof text; i += 2) memcpy(text + i, "\xC3\xA9", 3);
	struct err err;
	(void)err_set(&err, ERR_INVALID, "x%s", text);
	size_t len = strlen(err.msg);
	assert_true(len < ERR_MSG_SIZE);
	assert_int_equal(len % 2, 1); /* x and whole two-byte characters */
	(void)err_wrap(&err, "y");
	assert_int_equal((unsigned char)err.msg[strlen(err.msg) - 1] & 0xC0, 0x80);
}

static void test_every_code_maps(void **state)
{
	(void)state;
	for (int code = ERR_NONE; code <= ERR_INTERNAL; code++) {
		assert_non_null(err_code_word((enum err_code)code));
		assert_int_equal(err_code_from_word(err_code_word((enum err_code)code)), code);
		assert_true(err_code_http_status((enum err_code)code) >= 200);
	}
	assert_int_equal(err_code_exit_status(ERR_NONE), 0);
	assert_int_equal(err_code_from_word("no such word"), ERR_INTERNAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_set_and_wrap),
	    cmocka_unit_test(test_errno),
	    cmocka_unit_test(test_long_message_is_cut_at_a_character),
	    cmocka_unit_test(test_every_code_maps),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
