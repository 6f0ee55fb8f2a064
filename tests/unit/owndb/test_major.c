/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "codec/json.h"
#include "folder.h"
#include "os/file.h"
#include "owndb/major_kept.h"

static void put(const char *folder, const char *name, const char *packages)
{
	char path[FILE_PATH_SIZE];
	struct err err;
	assert_true(file_path(path, &err, "%s/%s", folder, name) && file_mkdirs(path, 0755, &err));
	assert_true(file_path(path, &err, "%s/%s/" MAJOR_PACKAGES, folder, name) &&
		    file_write(path, str_from(packages), 0644, &err));
}

static void assert_numbers(const char *majors, int now, int before, int newest)
{
	struct err err;
	int a = -1, b = -1, c = -1;
	assert_true(major_numbers(majors, "17", &a, &b, &c, &err));
	assert_true(a == now && b == before && c == newest);
}

static void test_compare(void **state)
{
	(void)state;
	json_t *newer JSON_CLEANUP = json_array();
	major_compare(STR("libpq5 17.5-1\npgbouncer 1.24.1-1\nlibold 1\n"),
		      STR("libpq5 17.6-1\npgbouncer 1.24.1-1\nlibnew 2\n"), newer);
	char *text = json_dumps(newer, JSON_COMPACT | JSON_PRESERVE_ORDER);
	assert_string_equal(text, "[{\"package\":\"libpq5\",\"from\":\"17.5-1\",\"to\":\"17.6-1\"},"
				  "{\"package\":\"libnew\",\"from\":null,\"to\":\"2\"}]");
	free(text);
	json_array_clear(newer);
	major_compare(STR("libpq5 17.5-1\n"), STR(""), newer);
	assert_int_equal(json_array_size(newer), 0);
}

static void test_one_beside_the_other(void **state)
{
	const char *majors = *state;
	struct err err;
	put(majors, "17.1", "postgresql-17 17.5-1\n");
	put(majors, "17.2", "postgresql-17 17.6-1\n");
	put(majors, "17.x", ""), put(majors, "170.9", ""); /* none of them */
	assert_numbers(majors, 0, 0, 2);
	assert_true(major_switch(majors, "17", 1, &err));
	assert_numbers(majors, 1, 0, 2);
	assert_true(major_switch(majors, "17", 2, &err) && major_switch(majors, "17", 2, &err));
	assert_numbers(majors, 2, 1, 2);
	assert_true(major_switch(majors, "17", 1, &err));
	assert_numbers(majors, 1, 2, 2);
	assert_true(major_note_newest(majors, "17", STR("postgresql-17 17.6-1\n"), &err));
	json_t *one JSON_CLEANUP = major_json(majors, "17");
	assert_int_equal(json_array_size(json_object_get(one, "newer")), 1);
	assert_true(json_int(one, "number", 0) == 1 && json_int(one, "before", 0) == 2 &&
		    json_int(one, "looked_at_ms", 0) > 0);
	assert_null(major_json(majors, "18"));
}

/* What is current, and what is the way back, stay; so does what a program runs from. */
static void test_prune(void **state)
{
	const char *majors = *state;
	struct err err;
	char program[FILE_PATH_SIZE], path[FILE_PATH_SIZE];
	for (int i = 1; i <= 4; i++) {
		(void)snprintf(path, sizeof path, "17.%d", i);
		put(majors, path, "");
	}
	assert_true(major_switch(majors, "17", 3, &err) && major_switch(majors, "17", 4, &err));
	assert_true(file_path(program, &err, "%s/17.1/cat", majors));
	struct buf bytes BUF_CLEANUP;
	buf_init(&bytes, 1 << 20);
	assert_true(file_read("/bin/cat", &bytes, &err) && file_write(program, buf_view(&bytes), 0755, &err));
	int input[2];
	assert_int_equal(pipe(input), 0);
	pid_t pid = fork();
	if (pid == 0) {
		(void)dup2(input[0], 0);
		(void)close(input[1]);
		(void)execl(program, program, (char *)NULL);
		_exit(1);
	}
	while (major_of_process(majors, "17", pid) != 1) (void)usleep(1000);
	assert_true(major_prune(majors, "17", &err));
	for (int i = 1; i <= 4; i++) {
		assert_true(file_path(path, &err, "%s/17.%d", majors, i));
		assert_int_equal(file_exists(path), i != 2);
	}
	(void)close(input[0]), (void)close(input[1]);
	(void)waitpid(pid, NULL, 0);
	assert_true(major_prune(majors, "17", &err));
	assert_true(file_path(path, &err, "%s/17.1", majors));
	assert_false(file_exists(path));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_compare),
	    cmocka_unit_test_setup_teardown(test_one_beside_the_other, make_folder, remove_folder),
	    cmocka_unit_test_setup_teardown(test_prune, make_folder, remove_folder),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
