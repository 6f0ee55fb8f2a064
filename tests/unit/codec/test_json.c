/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "codec/json.h"

static void test_members(void **state)
{
	(void)state;
	struct err err;
	json_t *o JSON_CLEANUP = NULL;
	assert_true(json_parse(STR("{\"app\":\"shop\",\"release\":7,\"live\":true,\"none\":null}"), &o, &err));
	assert_string_equal(json_str(o, "app", "-"), "shop");
	assert_string_equal(json_str(o, "none", "-"), "-");
	assert_int_equal(json_int(o, "release", 0), 7);
	assert_true(json_bool(o, "live", false));
	const char *text = NULL;
	assert_false(json_need_str(o, "release", &text, &err));
	assert_int_equal(err.code, ERR_INVALID);
	assert_null(text);
}

static void test_bad_texts_are_refused(void **state)
{
	(void)state;
	struct err err;
	const char *bad[] = {"", "{", "{} x", "{\"a\":1,\"a\":2}", "nul", "\"\xC3\""};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		json_t *v = NULL;
		assert_false(json_parse(str_from(bad[i]), &v, &err));
		assert_null(v);
		assert_int_equal(err.code, ERR_INVALID);
	}
}

static void test_a_text_is_put(void **state)
{
	(void)state;
	struct buf b BUF_CLEANUP;
	struct err err;
	json_t *v JSON_CLEANUP = NULL;
	buf_init(&b, 1000);
	json_put_string(&b, STR("a\"b\\\n\x01\x7f\xC3\xA4\xC3!"));
	assert_string_equal(buf_cstr(&b), "\"a\\\"b\\\\\\n\\u0001\x7f\xC3\xA4\xEF\xBF\xBD!\"");
	assert_true(json_parse(buf_view(&b), &v, &err));
	assert_string_equal(json_string_value(v), "a\"b\\\n\x01\x7f\xC3\xA4\xEF\xBF\xBD!");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_members),
	    cmocka_unit_test(test_a_text_is_put),
	    cmocka_unit_test(test_bad_texts_are_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
