/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "codec/json.h"
#include "storage/picture.h"

static void test_query(void **state)
{
	(void)state;
	struct arena *a = arena_new(64 << 10);
	struct storage_problem problem;
	struct picture p;
	assert_true(picture_read_query(a, STR("width=100&height=99999&resize=contain&quality=75&format=webp&x=y"), &p,
				       &problem));
	assert_int_equal(p.width, 100);
	assert_int_equal(p.height, PICTURE_SIDE_MAX);
	assert_int_equal(p.quality, 75);
	assert_int_equal(p.resize, RESIZE_CONTAIN);
	assert_int_equal(p.format, FORMAT_WEBP);
	assert_string_equal(picture_words(a, &p), "height:2500,width:100,resize:contain,quality:75,format:webp");
	assert_true(picture_read_query(a, STR(""), &p, &problem));
	assert_string_equal(picture_words(a, &p), "");
	static const char *const wrong[] = {"width=",       "width=1e3", "height=-5",  "quality=0",
					    "quality=1000", "resize=",   "format=jpeg"};
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
		if (picture_read_query(a, str_from(wrong[i]), &p, &problem)) fail_msg("%s", wrong[i]);
	arena_free(a);
}

static void test_body(void **state)
{
	(void)state;
	struct storage_problem problem;
	struct picture p;
	struct err err;
	json_t *body JSON_CLEANUP = NULL;
	assert_true(json_parse(STR("{\"width\":10,\"height\":\"20\",\"resize\":\"fill\"}"), &body, &err));
	assert_true(picture_read_json(body, &p, &problem));
	assert_int_equal(p.width, 10);
	assert_int_equal(p.height, 20);
	assert_int_equal(p.resize, RESIZE_FILL);
	assert_true(picture_read_json(NULL, &p, &problem));
	json_t *list JSON_CLEANUP = json_array(), *odd JSON_CLEANUP = json_pack("{s:f}", "width", 1.5);
	assert_false(picture_read_json(list, &p, &problem));
	assert_false(picture_read_json(odd, &p, &problem));
	assert_string_equal(problem.message, "body/transform/width must be integer");
}

static void test_kinds(void **state)
{
	(void)state;
	assert_int_equal(picture_kind(STR("\xFF\xD8\xFF\xE0")), PICTURE_JPEG);
	assert_int_equal(picture_kind(STR("\x89PNG\r\n\x1A\n")), PICTURE_PNG);
	assert_int_equal(picture_kind(STR("GIF89a")), PICTURE_GIF);
	assert_int_equal(picture_kind(STR("RIFF\0\0\0\0WEBPVP8 ")), PICTURE_WEBP);
	assert_int_equal(picture_kind(STR("RIFF\0\0\0\0WAVE")), PICTURE_NONE);
	assert_int_equal(picture_kind(STR("\0\0\0\x20"
					  "ftypavif\0\0\0\0mif1")),
			 PICTURE_AVIF);
	assert_int_equal(picture_kind(STR("\0\0\0\x20"
					  "ftypmif1\0\0\0\0heic")),
			 PICTURE_HEIC);
	assert_int_equal(picture_kind(STR("\0\0\0\x20"
					  "ftypisom\0\0\0\0mp42")),
			 PICTURE_NONE);
	assert_int_equal(picture_kind(STR("\xEF\xBB\xBF <?xml?><!-- a --><svg>")), PICTURE_SVG);
	assert_int_equal(picture_kind(STR("<html>")), PICTURE_NONE);
	assert_int_equal(picture_kind(STR("")), PICTURE_NONE);
}

static void test_formats(void **state)
{
	(void)state;
	struct picture p = {0};
	struct str webp = STR("text/html,image/webp"), none = {NULL, 0};
	assert_string_equal(picture_suffix(&p, PICTURE_JPEG, webp), ".webp");
	assert_string_equal(picture_suffix(&p, PICTURE_JPEG, none), ".jpg");
	assert_string_equal(picture_suffix(&p, PICTURE_HEIC, STR("*/*")), ".jpg");
	p.format = FORMAT_ORIGIN;
	assert_string_equal(picture_suffix(&p, PICTURE_GIF, webp), ".gif");
	p.format = FORMAT_AVIF;
	assert_string_equal(picture_suffix(&p, PICTURE_PNG, none), ".avif");
	assert_null(picture_suffix(&p, PICTURE_SVG, webp));
	assert_string_equal(picture_type(".jpg"), "image/jpeg");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_query),
	    cmocka_unit_test(test_body),
	    cmocka_unit_test(test_kinds),
	    cmocka_unit_test(test_formats),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
