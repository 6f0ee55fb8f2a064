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
#include <unistd.h>

#include "folder.h"
#include "os/file.h"

static void test_write_and_read(void **state)
{
	struct err err;
	char path[FILE_PATH_SIZE];
	assert_true(file_path(path, &err, "%s/f", (char *)*state));
	assert_true(file_write(path, STR("one"), 0600, &err));
	assert_true(file_write(path, STR("two"), 0640, &err));
	struct buf b BUF_CLEANUP;
	buf_init(&b, 3);
	assert_true(file_read(path, &b, &err));
	assert_string_equal(buf_cstr(&b), "two");
	struct stat st;
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0640);
	buf_done(&b);
	b.max = 2;
	assert_false(file_read(path, &b, &err));
	assert_int_equal(err.code, ERR_LIMIT);
}

static void test_link_swap(void **state)
{
	struct err err;
	char link[FILE_PATH_SIZE], target[FILE_PATH_SIZE];
	assert_true(file_path(link, &err, "%s/live", (char *)*state));
	assert_false(file_link_read(link, target, &err));
	assert_int_equal(err.code, ERR_NOT_FOUND);
	assert_true(file_link_swap("releases/1", link, &err));
	assert_true(file_link_swap("releases/2", link, &err));
	assert_true(file_link_read(link, target, &err));
	assert_string_equal(target, "releases/2");
}

static void test_trees(void **state)
{
	struct err err;
	char deep[FILE_PATH_SIZE], file[FILE_PATH_SIZE], copy[FILE_PATH_SIZE], outside[FILE_PATH_SIZE];
	const char *root = *state;
	assert_true(file_path(deep, &err, "%s/tree/a/b", root) && file_mkdirs(deep, 0755, &err) &&
		    file_mkdirs(deep, 0755, &err));
	assert_true(file_path(file, &err, "%s/f", deep) && file_write(file, STR("12345"), 0644, &err));
	assert_true(file_path(outside, &err, "%s/outside", root) && file_mkdirs(outside, 0755, &err));
	char link[FILE_PATH_SIZE];
	assert_true(file_path(link, &err, "%s/tree/link", root));
	assert_int_equal(symlink(outside, link), 0);
	char tree[FILE_PATH_SIZE];
	assert_true(file_path(tree, &err, "%s/tree", root) && file_path(copy, &err, "%s/copy", root));
	assert_true(file_copy_tree(tree, copy, &err));
	uint64_t size = 0;
	assert_true(file_tree_size(copy, &size, &err));
	bool is_whole = false;
	assert_int_equal(file_tree_size_up_to(copy, 1000, &is_whole), size);
	assert_true(is_whole);
	(void)file_tree_size_up_to(copy, 1, &is_whole);
	assert_false(is_whole);
	assert_int_equal(file_tree_size_up_to("/nowhere/at/all", 1, &is_whole), 0);
	assert_true(is_whole);
	assert_int_equal(size, 5);
	assert_true(file_remove_tree(tree, &err));
	assert_false(file_exists(tree));
	assert_true(file_exists(outside));
	assert_true(file_remove_tree(tree, &err));
	assert_false(file_mkdirs("/dev/null/x", 0755, &err));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_write_and_read, make_folder, remove_folder),
	    cmocka_unit_test_setup_teardown(test_link_swap, make_folder, remove_folder),
	    cmocka_unit_test_setup_teardown(test_trees, make_folder, remove_folder),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
