/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "codec/base64.h"

static void expect(struct str bytes, const char *text)
{
	struct buf b BUF_CLEANUP;
	buf_init(&b, 100);
	base64url_encode(bytes, &b);
	assert_string_equal(buf_cstr(&b), text);
	buf_clear(&b);
	assert_true(base64url_decode(str_from(text), &b));
	assert_true(str_eq(buf_view(&b), bytes));
}

static void test_there_and_back(void **state)
{
	(void)state;
	/* RFC 4648, section 10, without the padding */
	expect(STR(""), "");
	expect(STR("f"), "Zg");
	expect(STR("fo"), "Zm8");
	expect(STR("foo"), "Zm9v");
	expect(STR("foob"), "Zm9vYg");
	expect(STR("fooba"), "Zm9vYmE");
	expect(STR("foobar"), "Zm9vYmFy");
	expect(STR("\xFB\xFF\xFE"), "-__-");
}

static void test_what_is_not_canonical_is_refused(void **state)
{
	(void)state;
	const char *bad[] = {"Z", "Zg==", "Zh", "Zm9=", "Zm9", "Zm 9v", "Zm+v", "Zm/v", "Zm9v\n"};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct buf b BUF_CLEANUP;
		buf_init(&b, 100);
		assert_false(base64url_decode(str_from(bad[i]), &b));
		assert_int_equal(b.len, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_there_and_back),
	    cmocka_unit_test(test_what_is_not_canonical_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
