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
#include "intake/scan.h"

static void expect_blanked(const char *before, const char *after)
{
	char text[200];
	(void)snprintf(text, sizeof text, "%s", before);
	scan_blank_comments(text, strlen(text));
	assert_string_equal(text, after);
}

static void test_comments(void **state)
{
	(void)state;
	expect_blanked("a // b\nc", "a     \nc");
	expect_blanked("a /* b\n */ c", "a     \n    c");
	expect_blanked("'//' \"/*\" `//\n` x", "'//' \"/*\" `//\n` x");
	expect_blanked("<p>see http://x.y</p>", "<p>see http://x.y</p>");
	expect_blanked("don't\n// x", "don't\n    ");
	expect_blanked("/* open", "       ");
	expect_blanked("'\\", "'\\");
}

static void test_trailing_commas(void **state)
{
	(void)state;
	char text[] = "{\"a\": [1, 2, ], \"b,}\": 1,\n}";
	scan_blank_trailing_commas(text, strlen(text));
	assert_string_equal(text, "{\"a\": [1, 2  ], \"b,}\": 1 \n}");
}

static void test_words_and_texts(void **state)
{
	(void)state;
	struct str text = STR("subvote vote$ vote (  'a b' \"c\nd\"");
	assert_int_equal(scan_word(text, 0, STR("vote")), 14);
	assert_int_equal(scan_word(text, 15, STR("vote")), -1);
	size_t at = 18;
	assert_true(scan_take(text, &at, STR("(")));
	struct str found;
	assert_true(scan_take_quoted(text, &at, &found));
	assert_true(str_eq(found, STR("a b")));
	assert_false(scan_take_quoted(text, &at, &found));
	assert_int_equal(scan_line(text, text.len), 2);
}

static void test_json_texts_are_clean(void **state)
{
	(void)state;
	json_t *v JSON_CLEANUP = scan_json(STR("a\x1B[\xFF"));
	assert_string_equal(json_string_value(v), "a?[?");
	char text[400];
	memset(text, 'x', sizeof text);
	memcpy(text + 299, "\xC3\xA9", 2);
	json_t *w JSON_CLEANUP = scan_json((struct str){text, sizeof text});
	assert_int_equal(json_string_length(w), 299);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_comments),
	    cmocka_unit_test(test_trailing_commas),
	    cmocka_unit_test(test_words_and_texts),
	    cmocka_unit_test(test_json_texts_are_clean),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
