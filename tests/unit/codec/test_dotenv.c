/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/buf.h"
#include "codec/dotenv.h"

static bool note(void *arg, struct str name, struct str value, struct err *err)
{
	(void)err;
	buf_printf(arg, "%.*s=[%.*s]\n", STR_FMT(name), STR_FMT(value));
	return true;
}

static void assert_read(const char *text, const char *wanted)
{
	struct err err;
	struct buf out BUF_CLEANUP;
	buf_init(&out, 4096);
	if (!dotenv_parse(str_from(text), note, &out, &err)) fail_msg("%s", err.msg);
	assert_string_equal(buf_cstr(&out), wanted);
}

static void test_what_tools_write(void **state)
{
	(void)state;
	assert_read("", "");
	assert_read("# all of it\n\nA=1\nB = two words  \r\nexport C=x", "A=[1]\nB=[two words]\nC=[x]\n");
	assert_read("A=a#b\nB=a # b\nC=\nD=#\n", "A=[a#b]\nB=[a]\nC=[]\nD=[]\n");
	assert_read("A=\"x\\n\\\"y\\\"\"\nB='x\\n' # c\nC=`a\"b`", "A=[x\n\"y\"]\nB=[x\\n]\nC=[a\"b]\n");
	assert_read("KEY=\"-----BEGIN\nMII=\n-----END\"\nB=2", "KEY=[-----BEGIN\nMII=\n-----END]\nB=[2]\n");
	assert_read("\xEF\xBB\xBF"
		    "A=postgres://u:p@h/d?x=y",
		    "A=[postgres://u:p@h/d?x=y]\n");
}

static void test_what_is_no_file_of_variables(void **state)
{
	static const struct {
		const char *text, *says;
	} bad[] = {{"A=1\nhello\n", "line 2"},
		   {"=x", "line 1"},
		   {"A=\"x\n\n", "line 1"},
		   {"A='x' y", "closing quote"},
		   {"A-B=1", "line 1"}};
	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct err err;
		struct buf out BUF_CLEANUP;
		buf_init(&out, 4096);
		assert_false(dotenv_parse(str_from(bad[i].text), note, &out, &err));
		assert_non_null(strstr(err.msg, bad[i].says));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_what_tools_write),
	    cmocka_unit_test(test_what_is_no_file_of_variables),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
