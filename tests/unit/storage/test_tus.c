/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "codec/base64.h"
#include "storage/tus.h"

#define UUID "01234567-89ab-4def-8123-456789abcdef"

static void test_metadata(void **state)
{
	(void)state;
	struct arena *a = arena_new(64 << 10);
	struct tus_metadata m;
	assert_true(tus_metadata_read(a,
				      STR("bucketName b3Blbg==,objectName YS9iLnBuZw==,contentType aW1hZ2UvcG5n,"
					  "cacheControl MzYwMA==,metadata eyJhIjoxfQ==,other"),
				      &m));
	assert_string_equal(m.bucket, "open");
	assert_string_equal(m.key, "a/b.png");
	assert_string_equal(m.type, "image/png");
	assert_string_equal(m.cache_control, "3600");
	assert_string_equal(m.user_metadata, "{\"a\":1}");
	assert_true(tus_metadata_read(a, STR("contentType ,objectName"), &m));
	assert_null(m.type);
	assert_null(m.key);
	static const char *const wrong[] = {"",       " ",           "a YQ==,a YQ==",   "a YQ",
					    "a Y*==", "a YQ== YQ==", "a YQ==,",         ",a YQ==",
					    "a =YQ=", "\x80 YQ==",   "objectName YQBi", "a ===="};
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
		assert_false(tus_metadata_read(a, str_from(wrong[i]), &m));
	arena_free(a);
}

static void test_numbers(void **state)
{
	(void)state;
	uint64_t n;
	assert_true(tus_number_read(STR("0"), &n) && n == 0);
	assert_true(tus_number_read(STR("9007199254740991"), &n) && n == 9007199254740991);
	static const char *const wrong[] = {
	    "", "-1", "01", "1.0", "1e3", " 1", "9007199254740992", "99999999999999999999"};
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) assert_false(tus_number_read(str_from(wrong[i]), &n));
}

static struct str encoded(struct buf *b, const char *plain)
{
	buf_clear(b);
	base64url_encode(str_from(plain), b);
	return buf_view(b);
}

static void test_ids(void **state)
{
	(void)state;
	struct arena *a = arena_new(64 << 10);
	struct buf b BUF_CLEANUP;
	struct tus_id id;
	buf_init(&b, 4096);
	const char *text = tus_id_write(a, "open", "a/b c.png", UUID);
	assert_true(tus_id_read(a, str_from(text), &id));
	assert_string_equal(id.bucket, "open");
	assert_string_equal(id.key, "a/b c.png");
	assert_string_equal(id.version, UUID);
	static const char *const wrong[] = {"",
					    "open",
					    "open/" UUID,
					    "open//" UUID,
					    "open/a" UUID,
					    "op%n/a/" UUID,
					    "open/\xc3\xa9/" UUID,
					    "open/a/../../../" UUID "x",
					    "/a/" UUID,
					    "open/a/01234567-89AB-4def-8123-456789abcdef"};
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
		if (tus_id_read(a, encoded(&b, wrong[i]), &id)) fail_msg("%s", wrong[i]);
	assert_false(tus_id_read(a, STR("../../etc/passwd"), &id));
	arena_free(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_metadata),
	    cmocka_unit_test(test_numbers),
	    cmocka_unit_test(test_ids),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
