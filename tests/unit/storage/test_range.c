/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "storage/name.h"
#include "storage/range.h"

static void test_ranges(void **state)
{
	(void)state;
	static const struct {
		const char *header;
		uint64_t size;
		enum range_kind kind;
		uint64_t from, length;
	} cases[] = {
	    {"bytes=0-9", 100, RANGE_PART, 0, 10},
	    {"bytes=90-", 100, RANGE_PART, 90, 10},
	    {"bytes=-10", 100, RANGE_PART, 90, 10},
	    {"bytes=-1000", 100, RANGE_PART, 0, 100},
	    {"bytes=50-1000", 100, RANGE_PART, 50, 50},
	    {"bytes=100-", 100, RANGE_NONE, 0, 0},
	    {"bytes=-0", 100, RANGE_NONE, 0, 0},
	    {"bytes=0-", 0, RANGE_NONE, 0, 0},
	    {"bytes=5-4", 100, RANGE_ALL, 0, 0},
	    {"bytes=1-2,4-5", 100, RANGE_ALL, 0, 0},
	    {"lines=1-2", 100, RANGE_ALL, 0, 0},
	    {"bytes=a-b", 100, RANGE_ALL, 0, 0},
	    {"", 100, RANGE_ALL, 0, 0},
	    {"bytes=99999999999999999999-", 100, RANGE_ALL, 0, 0},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		uint64_t from = 0, length = 0;
		if (storage_range(str_from(cases[i].header), cases[i].size, &from, &length) != cases[i].kind)
			fail_msg("%s", cases[i].header);
		if (cases[i].kind != RANGE_PART) continue;
		assert_int_equal(from, cases[i].from);
		assert_int_equal(length, cases[i].length);
	}
}

static void test_etags_and_dates(void **state)
{
	(void)state;
	int64_t s = 0;
	char text[STORAGE_DATE_SIZE];
	assert_true(storage_etag_listed(STR("\"a\", W/\"b\""), STR("\"b\"")));
	assert_true(storage_etag_listed(STR(" * "), STR("\"b\"")));
	assert_false(storage_etag_listed(STR("\"a\""), STR("\"b\"")));
	assert_true(storage_date_read(STR("Sun, 06 Nov 1994 08:49:37 GMT"), &s));
	assert_int_equal(s, 784111777);
	storage_date_write(s, text);
	assert_string_equal(text, "Sun, 06 Nov 1994 08:49:37 GMT");
	assert_true(storage_time_read(STR("1994-11-06T08:49:37.123Z"), &s));
	assert_int_equal(s, 784111777);
	assert_false(storage_date_read(STR("yesterday"), &s));
}

static void test_names(void **state)
{
	(void)state;
	int64_t n = 0;
	char version[STORAGE_VERSION_SIZE], other[STORAGE_VERSION_SIZE];
	assert_true(storage_is_key(STR("a/b c(1)@2x.png")));
	assert_false(storage_is_key(STR("a\\b")));
	assert_false(storage_is_key(STR("a\nb")));
	assert_false(storage_is_key(STR("\xc3\xa9")));
	assert_false(storage_is_bucket(STR("a/b")));
	storage_version(version), storage_version(other);
	assert_true(storage_is_uuid(str_from(version)));
	assert_string_not_equal(version, other);
	assert_false(storage_is_uuid(STR("../../../../etc/passwd-aaaaaaaaaaaaa")));
	assert_true(storage_read_size(STR("1.5MB"), &n) && n == 1500000);
	assert_true(storage_read_size(STR("3b"), &n) && n == 3);
	assert_false(storage_read_size(STR("MB"), &n));
	assert_false(storage_read_size(STR("1e3MB"), &n));
	assert_true(storage_mime_matches(STR("image/png"), STR("image/*")));
	assert_false(storage_mime_matches(STR("image/png"), STR("image/jpeg")));
	assert_false(storage_mime_matches(STR("imagepng"), STR("image/*")));
	assert_true(storage_is_active(STR("image/SVG+xml")) && !storage_is_active(STR("image/png")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_ranges),
	    cmocka_unit_test(test_etags_and_dates),
	    cmocka_unit_test(test_names),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
