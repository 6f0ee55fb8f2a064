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
#include "codec/toml.h"

static void expect(const char *text, const char *json)
{
	struct err err = {0};
	json_t *value JSON_CLEANUP = NULL;
	if (!toml_parse(str_from(text), &value, &err)) fail_msg("%s: %s", text, err.msg);
	char *got = json_text(value);
	assert_string_equal(got, json);
	free(got);
}

static void test_what_is_read(void **state)
{
	(void)state;
	expect("", "{}");
	expect("# only\n\nproject_id = \"abc\" # x\n[api]\nport = 54_321\nschemas = [\"public\",\n  'x', # y\n]\n",
	       "{\"project_id\":\"abc\",\"api\":{\"port\":54321,\"schemas\":[\"public\",\"x\"]}}");
	expect("[functions.create-payment]\nverify_jwt = false\n[functions.\"a.b\"]\nx.y = -1.5",
	       "{\"functions\":{\"create-payment\":{\"verify_jwt\":false},\"a.b\":{\"x\":{\"y\":-1.5}}}}");
	expect("[[kv]]\nid='a'\n[[kv]]\nid=\"b\\u00e9\\n\"\r\n", "{\"kv\":[{\"id\":\"a\"},{\"id\":\"b\xC3\xA9\\n\"}]}");
	expect("a = {b = 1, c = {d = []}}\ndate = 2026-11-22T10:00:00Z\ns = \"\"\"\none\\\n  two\"\"\"",
	       "{\"a\":{\"b\":1,\"c\":{\"d\":[]}},\"date\":\"2026-11-22T10:00:00Z\",\"s\":\"onetwo\"}");
}

static void test_what_is_refused(void **state)
{
	(void)state;
	const char *bad[] = {"a",
			     "a =",
			     "a = \"x",
			     "a = 1 2",
			     "a = 1\na = 2",
			     "[a",
			     "[a]\nb=1\n[a.b]",
			     "a = [1,, 2]",
			     "a = \"\\q\"",
			     "= 1",
			     "a = nan",
			     "a = {b = 1",
			     "a = \"\\uD800\"",
			     "a = \"\xFF\""};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct err err;
		json_t *value = NULL;
		if (toml_parse(str_from(bad[i]), &value, &err)) fail_msg("read: %s", bad[i]);
		assert_null(value);
		assert_non_null(strstr(err.msg, "line "));
	}
}

static void test_depth_is_bounded(void **state)
{
	(void)state;
	char text[100000] = "a = ";
	memset(text + 4, '[', sizeof text - 5);
	struct err err;
	json_t *value = NULL;
	assert_false(toml_parse(str_from(text), &value, &err));
	memset(text, 'a', sizeof text - 1);
	for (size_t i = 1; i < sizeof text - 1; i += 2) text[i] = '.';
	assert_false(toml_parse(str_from(text), &value, &err));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_what_is_read),
	    cmocka_unit_test(test_what_is_refused),
	    cmocka_unit_test(test_depth_is_bounded),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
