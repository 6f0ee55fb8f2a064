/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "cli/text.h"

static void assert_clean(const char *dirty, enum text_shape shape, const char *expected)
{
	struct buf b BUF_CLEANUP;
	buf_init(&b, 4096);
	text_clean(&b, str_from(dirty), shape);
	assert_string_equal(buf_cstr(&b), expected);
}

static void test_escapes_never_pass(void **state)
{
	(void)state;
	assert_clean("\033[31mred\033[0m", TEXT_LINE, "red");
	assert_clean("\033[2J\033[Hcleared", TEXT_LINE, "cleared");
	assert_clean("a\033]0;title\007b", TEXT_LINE, "ab");
	assert_clean("a\033]52;c;aGk=\033\\b", TEXT_LINE, "ab"); /* the clipboard */
	assert_clean("a\033Pq#0\033\\b", TEXT_LINE, "ab");
	assert_clean("a\033]8;;http://evil\033\\link\033]8;;\033\\", TEXT_LINE, "alink");
	assert_clean("a\033(0b\0337c", TEXT_LINE, "abc");
	assert_clean("a\xC2\x9B"
		     "31mb",
		     TEXT_LINE, "ab"); /* CSI as one character of C1 */
	assert_clean("a\033]0;never ends", TEXT_LINE, "a");
	assert_clean("a\033", TEXT_LINE, "a");
	assert_clean("a\033[", TEXT_LINE, "a");
	assert_clean("a\007\010\177b", TEXT_LINE, "ab");
}

static void test_no_byte_below_space_is_left_of_any_input(void **state)
{
	(void)state;
	unsigned seed = 7;
	for (int round = 0; round < 2000; round++) {
		char dirty[64];
		struct buf b BUF_CLEANUP;
		buf_init(&b, 4096);
		for (size_t i = 0; i < sizeof dirty; i++) {
			seed = seed * 1103515245 + 12345;
			dirty[i] = (char)(seed >> 16 & ((seed & 0x1000000) != 0 ? 0xFF : 0x1F));
		}
		text_clean(&b, (struct str){dirty, sizeof dirty}, TEXT_LINE);
		assert_true(str_is_utf8(buf_view(&b)));
		for (size_t i = 0; i < b.len; i++) {
			unsigned char c = (unsigned char)b.ptr[i];
			assert_true(c >= 0x20 && c != 0x7F);
			assert_false(c == 0xC2 && (unsigned char)b.ptr[i + 1] < 0xA0);
		}
	}
}

static void test_lines_and_blocks(void **state)
{
	(void)state;
	assert_clean("10%\r50%\r100%\r\n", TEXT_LINE, "100%");
	assert_clean("a\tb\nc\n", TEXT_LINE, "a b c");
	assert_clean("a\nb\n", TEXT_BLOCK, "a\nb\n");
	assert_clean("caf\xC3\xA9 \xE2\x80\xAE"
		     "fdp.exe",
		     TEXT_LINE, "caf\xC3\xA9 fdp.exe"); /* direction turned round */
	assert_clean("bad \xFF\xC3", TEXT_LINE, "bad \xEF\xBF\xBD\xEF\xBF\xBD");
	assert_clean("\xC0\x9B\xED\xA0\x80", TEXT_LINE, "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD");
}

static void test_widths(void **state)
{
	(void)state;
	assert_int_equal(text_width(STR("abc")), 3);
	assert_int_equal(text_width(STR("\xE6\x97\xA5\xE6\x9C\xAC")), 4);
	assert_int_equal(text_width(STR("e\xCC\x81")), 1);
	assert_int_equal(text_width(STR("\xF0\x9F\x9A\x80")), 2);
	struct buf b BUF_CLEANUP;
	buf_init(&b, 4096);
	text_clip(&b, STR("\xE6\x97\xA5\xE6\x9C\xAC\xE8\xAA\x9E"), 5);
	assert_string_equal(buf_cstr(&b), "\xE6\x97\xA5...");
	buf_clear(&b);
	text_clip(&b, STR("fits"), 4);
	text_clip(&b, STR("cut"), 0);
	text_pad(&b, STR("\xE6\x97\xA5"), 4);
	assert_string_equal(buf_cstr(&b), "fits\xE6\x97\xA5  ");
}

static void test_wrapping(void **state)
{
	(void)state;
	struct buf b BUF_CLEANUP;
	buf_init(&b, 4096);
	text_wrap(&b, STR("one two three four five six\nseven"), 2, 22);
	assert_string_equal(buf_cstr(&b), "  one two three four\n  five six\n  seven\n");
	buf_clear(&b);
	text_wrap(&b, STR("https://aaaaaaaaaaaaaaaaaaaaaaaaa"), 0, 20);
	assert_string_equal(buf_cstr(&b), "https://aaaaaaaaaaaa\naaaaaaaaaaaaa\n");
	buf_clear(&b);
	text_wrap(&b, STR("as it is"), 1, 0);
	assert_string_equal(buf_cstr(&b), " as it is\n");
}

static void test_durations_sizes_ages(void **state)
{
	(void)state;
	static const struct {
		int64_t ms;
		const char *text;
	} durations[] = {{-5, "0 ms"},
			 {40, "40 ms"},
			 {3240, "3.2 s"},
			 {59999, "59.9 s"},
			 {64000, "1 min 04 s"},
			 {7500000, "2 h 05 min"},
			 {INT64_C(86400000) * 3, "3 days"}};
	char text[TEXT_SHORT_SIZE];
	for (size_t i = 0; i < sizeof durations / sizeof durations[0]; i++) {
		text_duration(text, durations[i].ms);
		assert_string_equal(text, durations[i].text);
	}
	text_size(text, 312);
	assert_string_equal(text, "312 bytes");
	text_size(text, 1234567);
	assert_string_equal(text, "1.2 MB");
	text_size(text, 999999);
	assert_string_equal(text, "1.0 MB");
	text_size(text, UINT64_MAX);
	assert_string_equal(text, "18 EB");
	text_limit(text, UINT64_C(1) << 30);
	assert_string_equal(text, "1 GB");
	text_limit(text, UINT64_C(64) << 20);
	assert_string_equal(text, "64 MB");
	text_limit(text, 1234567);
	assert_string_equal(text, "1.2 MB");
	text_ago(text, 0, 5000);
	assert_string_equal(text, "just now");
	text_ago(text, 0, 180000);
	assert_string_equal(text, "3 min ago");
	text_for(text, 0, 5000);
	assert_string_equal(text, "for 5 s");
	text_for(text, 0, 180000);
	assert_string_equal(text, "for 3 min");
	text_for(text, 1000, INT64_C(86400000) * 40);
	assert_string_equal(text, "since 1970-01-01");
	text_ago(text, 1000, INT64_C(86400000) * 40);
	assert_string_equal(text, "1970-01-01");
}

static void test_times(void **state)
{
	(void)state;
	int64_t ms = 0;
	assert_true(clock_from_iso8601("2026-11-22T21:03:20.123Z", &ms));
	assert_int_equal(ms, INT64_C(1795381400123));
	assert_true(clock_from_iso8601("1970-01-01T00:00:01.250338+00:00", &ms));
	assert_int_equal(ms, 1250);
	assert_false(clock_from_iso8601("1970-01-01T00:00:01+02:00", &ms));
	assert_true(clock_from_iso8601("1970-01-01T00:00:01Z", &ms));
	assert_int_equal(ms, 1000);
	assert_false(clock_from_iso8601("yesterday", &ms));
	assert_false(clock_from_iso8601("2026-11-22T21:03:20.123", &ms));
	assert_false(clock_from_iso8601("", &ms));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_escapes_never_pass),
	    cmocka_unit_test(test_no_byte_below_space_is_left_of_any_input),
	    cmocka_unit_test(test_lines_and_blocks),
	    cmocka_unit_test(test_widths),
	    cmocka_unit_test(test_wrapping),
	    cmocka_unit_test(test_durations_sizes_ages),
	    cmocka_unit_test(test_times),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
