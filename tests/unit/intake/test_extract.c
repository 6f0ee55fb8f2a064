/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "intake/extract.h"

static enum extract_verdict judge(const char *name, char path[4096], const char **reason)
{
	struct intake_limits limits = INTAKE_LIMITS_DEFAULT;
	return extract_judge_name(str_from(name), &limits, path, 4096, reason);
}

static void test_good_names(void **state)
{
	(void)state;
	const char *names[][2] = {{"a", "a"}, {"./a/b", "a/b"},         {"a//b/", "a/b"},
				  {"./", ""}, {"a..b/...", "a..b/..."}, {"\xC3\xA9/x y", "\xC3\xA9/x y"}};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		char path[4096];
		const char *reason;
		assert_int_equal(judge(names[i][0], path, &reason), EXTRACT_TAKE);
		assert_string_equal(path, names[i][1]);
	}
}

static void test_bad_names(void **state)
{
	(void)state;
	static char longest[1026], deep[400], wide[300];
	memset(longest, 'a', sizeof longest - 1);
	memset(wide, 'a', sizeof wide - 1);
	for (size_t i = 0; i < sizeof deep - 1; i++) deep[i] = i % 2 ? '/' : 'a';
	const char *names[] = {"",      "/etc/passwd", "../a",      "a/../../b",    "a/..",  "..", "a\nb",
			       "a\x7F", "\xFF\xFE",    "\xC2\x9Bx", "\x1B[31m red", longest, deep, wide};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		char path[4096];
		const char *reason;
		assert_int_equal(judge(names[i], path, &reason), EXTRACT_REFUSE);
		assert_non_null(reason);
	}
}

static void test_left_out_names(void **state)
{
	(void)state;
	const char *names[] = {"node_modules/x", "a/.git/config", ".GIT/config", "__MACOSX/a", "a/.DS_Store"};
	char path[4096];
	const char *reason;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		assert_int_equal(judge(names[i], path, &reason), EXTRACT_SKIP);
	assert_int_equal(judge(".gitignore", path, &reason), EXTRACT_TAKE);
	/* What is left out is no way out either. */
	assert_int_equal(judge("node_modules/../../x", path, &reason), EXTRACT_REFUSE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_good_names),
	    cmocka_unit_test(test_bad_names),
	    cmocka_unit_test(test_left_out_names),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
