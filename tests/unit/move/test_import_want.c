/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "move/import_want.h"

#define VERSION "11111111-2222-4333-8444-555555555555"
#define MD5_OF_ABC "900150983cd24fb0d6963f7d28e17f72"

static char folder[] = "/tmp/fh-want-XXXXXX";
static int folder_fd = -1;

static struct want want(int64_t size, const char *etag)
{
	struct want w = {.bucket = "b", .name = "n", .version = VERSION, .size = size};
	(void)snprintf(w.etag, sizeof w.etag, "%s", etag);
	return w;
}

static bool keeps(int64_t size, const char *etag, const char *said)
{
	struct intake_file f;
	struct err err;
	bool is_the_one = false;
	struct want w = want(size, etag);
	(void)unlinkat(folder_fd, VERSION, 0);
	assert_true(intake_file_open(&f, folder_fd, VERSION, &err));
	assert_true(intake_file_write(&f, STR("ab"), &err) && intake_file_write(&f, STR("c"), &err));
	assert_true(intake_file_keep(&f, &w, said, &is_the_one, &err));
	assert_int_equal(faccessat(folder_fd, VERSION, F_OK, 0) == 0, is_the_one);
	assert_int_not_equal(faccessat(folder_fd, VERSION ".part", F_OK, 0), 0);
	return is_the_one;
}

static void test_judged(void **state)
{
	(void)state;
	assert_true(keeps(3, MD5_OF_ABC, NULL));
	assert_true(keeps(3, MD5_OF_ABC, "\"whatever\""));
	assert_true(keeps(-1, MD5_OF_ABC, NULL));
	assert_true(keeps(3, "", NULL));
	assert_true(keeps(-1, "", NULL));
	assert_false(keeps(4, MD5_OF_ABC, NULL));
	assert_false(keeps(3, "00150983cd24fb0d6963f7d28e17f729", NULL));
	/* No sum: joined from parts, or a server's own word. */
	assert_true(keeps(3, "0123456789abcdef0123456789abcdef-2", "\"0123456789abcdef0123456789abcdef-2\""));
	assert_true(keeps(3, "0123456789abcdef0123456789abcdef-2", NULL));
	assert_false(keeps(3, "0123456789abcdef0123456789abcdef-2", "\"fedcba\""));
	assert_true(keeps(3, "00150983cd24fb0d6963f7d28e17f729", "W/\"00150983cd24fb0d6963f7d28e17f729\""));
}

static void test_there(void **state)
{
	(void)state;
	assert_true(keeps(3, MD5_OF_ABC, NULL));
	struct want w = want(3, MD5_OF_ABC), other = want(3, "00150983cd24fb0d6963f7d28e17f729"), unsaid = want(-1, "");
	assert_true(want_is_there(folder_fd, &w));
	assert_false(want_is_there(folder_fd, &other));
	assert_false(want_is_there(folder_fd, &unsaid));
	w.size = 2;
	assert_false(want_is_there(folder_fd, &w));
}

static void test_below(void **state)
{
	(void)state;
	static const char *const good[] = {"a", "a/b.c", "...", "a/..b"}, *const bad[] = {"",     "/a",     "a/",
											  "a//b", ".",      "..",
											  "../a", "a/../b", "a/."};
	for (size_t i = 0; i < sizeof good / sizeof *good; i++) assert_true(want_is_below(str_from(good[i])));
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) assert_false(want_is_below(str_from(bad[i])));
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_judged), cmocka_unit_test(test_there),
					   cmocka_unit_test(test_below)};
	if (mkdtemp(folder) == NULL) return 1;
	folder_fd = open(folder, O_RDONLY | O_DIRECTORY);
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	(void)unlinkat(folder_fd, VERSION, 0);
	(void)rmdir(folder);
	return failed;
}
