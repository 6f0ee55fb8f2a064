/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <sys/stat.h>

#include "codec/json.h"
#include "folder.h"
#include "release/release.h"

/* A release with an index.html and one fingerprinted asset. */
static void make_release(const char *app, int64_t n, const char *asset, const char *bytes)
{
	struct err err;
	char path[FILE_PATH_SIZE];
	assert_true(release_path(app, n, "public/assets", path, &err) && file_mkdirs(path, 0755, &err));
	assert_true(release_path(app, n, "public/index.html", path, &err) && file_write(path, STR("<h1>"), 0644, &err));
	char rest[256];
	(void)snprintf(rest, sizeof rest, "public/%s", asset);
	assert_true(release_path(app, n, rest, path, &err) && file_write(path, str_from(bytes), 0644, &err));
	json_t *assets = json_pack("[s]", asset), *facts = json_pack("{s:i}", "number", (int)n);
	assert_true(release_dress(app, n, true, NULL, &err) && release_link_assets(app, n, assets, &err));
	assert_true(release_seal(app, n, facts, &err));
	json_decref(assets);
	json_decref(facts);
}

static void expect_asset(const char *app, const char *asset, const char *bytes)
{
	struct err err;
	char path[FILE_PATH_SIZE];
	struct buf b BUF_CLEANUP;
	buf_init(&b, 100);
	assert_true(file_path(path, &err, "%s/assets/%s", app, asset));
	if (bytes == NULL) {
		assert_false(file_exists(path));
		return;
	}
	assert_true(file_read(path, &b, &err));
	assert_string_equal(buf_cstr(&b), bytes);
}

static void test_live_is_a_link(void **state)
{
	struct err err;
	const char *app = *state;
	int64_t live = -1;
	assert_true(release_live(app, &live, &err) && live == 0);
	make_release(app, 1, "assets/a-11111111.js", "one");
	make_release(app, 2, "assets/a-22222222.js", "two");
	assert_true(release_promote(app, 1, &err) && release_promote(app, 2, &err));
	assert_true(release_live(app, &live, &err) && live == 2);
	assert_true(release_promote(app, 0, &err) && release_promote(app, 0, &err));
	assert_true(release_live(app, &live, &err) && live == 0);
}

static void test_assets_outlive_their_release_being_live(void **state)
{
	struct err err;
	const char *app = *state;
	make_release(app, 1, "assets/a-11111111.js", "one");
	make_release(app, 2, "assets/a-22222222.js", "two");
	make_release(app, 3, "assets/a-22222222.js", "two again");
	expect_asset(app, "assets/a-11111111.js", "one");
	expect_asset(app, "assets/a-22222222.js", "two again");
	assert_true(release_promote(app, 3, &err));
	assert_false(release_remove(app, 3, &err));
	assert_int_equal(err.code, ERR_CONFLICT);
	assert_true(release_remove(app, 1, &err) && release_remove(app, 2, &err) && release_remove(app, 2, &err));
	expect_asset(app, "assets/a-11111111.js", NULL);
	expect_asset(app, "assets/a-22222222.js", "two again");
	int64_t numbers[RELEASES_MAX];
	int count = 0;
	assert_true(release_list(app, numbers, &count, &err));
	assert_int_equal(count, 1);
	assert_int_equal(numbers[0], 3);
}

static void test_half_a_folder_is_no_release(void **state)
{
	struct err err;
	const char *app = *state;
	char path[FILE_PATH_SIZE];
	int64_t numbers[RELEASES_MAX];
	int count = -1;
	json_t *facts = NULL;
	assert_true(release_path(app, 4, "public", path, &err) && file_mkdirs(path, 0755, &err));
	assert_true(release_list(app, numbers, &count, &err) && count == 0);
	assert_false(release_facts(app, 4, &facts, &err));
	assert_int_equal(err.code, ERR_NOT_FOUND);
}

static void test_half_a_folder_is_swept(void **state)
{
	struct err err;
	const char *app = *state;
	char path[FILE_PATH_SIZE];
	make_release(app, 3, "assets/a-11111111.js", "one");
	assert_true(release_path(app, 4, "public", path, &err) && file_mkdirs(path, 0755, &err));
	assert_true(release_sweep(app, &err));
	assert_false(file_exists(path));
	assert_true(release_path(app, 3, "public", path, &err) && file_exists(path));
	expect_asset(app, "assets/a-11111111.js", "one");
}

static void test_assets_stay_below_public(void **state)
{
	struct err err;
	json_t *bad = json_pack("[s]", "../../../etc/passwd");
	assert_false(release_link_assets(*state, 1, bad, &err));
	json_decref(bad);
}

static time_t stamp(const char *app, int64_t n, const char *rest)
{
	struct err err;
	char path[FILE_PATH_SIZE];
	struct stat st;
	assert_true(release_path(app, n, rest, path, &err));
	assert_int_equal(stat(path, &st), 0);
	return st.st_mtime;
}

/* All of them within one second, with pages of one length. */
static void test_no_two_releases_have_one_date(void **state)
{
	const char *app = *state;
	for (int n = 1; n <= 3; n++) make_release(app, n, "assets/a-11111111.js", n == 1 ? "one" : "two");
	assert_true(stamp(app, 1, "public/index.html") < stamp(app, 2, "public/index.html"));
	assert_true(stamp(app, 2, "public/index.html") < stamp(app, 3, "public/index.html"));
	assert_int_equal(stamp(app, 3, "pages/200.html"), stamp(app, 3, "public/assets/a-11111111.js"));
	assert_int_equal(stamp(app, 3, "pages/200.html"), stamp(app, 3, "public/index.html"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_live_is_a_link, make_folder, remove_folder),
	    cmocka_unit_test_setup_teardown(test_assets_outlive_their_release_being_live, make_folder, remove_folder),
	    cmocka_unit_test_setup_teardown(test_half_a_folder_is_no_release, make_folder, remove_folder),
	    cmocka_unit_test_setup_teardown(test_half_a_folder_is_swept, make_folder, remove_folder),
	    cmocka_unit_test_setup_teardown(test_assets_stay_below_public, make_folder, remove_folder),
	    cmocka_unit_test_setup_teardown(test_no_two_releases_have_one_date, make_folder, remove_folder),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
