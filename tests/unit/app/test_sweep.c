/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include <cmocka.h>

#include "app/sweep.h"
#include "os/file.h"

#define DAY_S (24 * 3600)

static struct flow f;

static int set_up(void **state)
{
	(void)state;
	(void)snprintf(f.layout.home, sizeof f.layout.home, "/tmp/freehold-test-XXXXXX");
	return mkdtemp(f.layout.home) == NULL;
}

static int tear_down(void **state)
{
	struct err err;
	(void)state;
	return !file_remove_tree(f.layout.home, &err);
}

static void make(const char *name, int days_old)
{
	char path[FILE_PATH_SIZE];
	struct err err;
	struct timespec times[2] = {{.tv_sec = time(NULL) - (time_t)days_old * DAY_S}};
	times[1] = times[0];
	assert_true(file_path(path, &err, "%s/cache/tools/%s", f.layout.home, name) && file_mkdirs(path, 0755, &err));
	assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

static bool is_there(const char *name)
{
	char path[FILE_PATH_SIZE];
	struct err err;
	return file_path(path, &err, "%s/cache/tools/%s", f.layout.home, name) && file_is_dir(path);
}

static void release(const char *app, int number, const char *facts)
{
	char path[FILE_PATH_SIZE];
	struct err err;
	assert_true(file_path(path, &err, "%s/apps/%s/releases/%d", f.layout.home, app, number) &&
		    file_mkdirs(path, 0755, &err));
	assert_true(file_path(path, &err, "%s/apps/%s/releases/%d/release.json", f.layout.home, app, number) &&
		    file_write(path, str_from(facts), 0644, &err));
}

static void test_tools(void **state)
{
	struct err err;
	(void)state;
	release("shop", 3, "{\"number\":3,\"server\":{\"tools\":[{\"name\":\"node-22\",\"bin\":\"x\"}]}}");
	release("site", 1, "{\"number\":1}");
	make("node-22", 100), make("node-24", 100), make("bun-1", 2), make("new-node-26-4711", 0);
	/* While something may be built, what is being fetched stays. */
	assert_true(sweep_tools(&f, false, &err));
	assert_true(is_there("node-22") && is_there("bun-1") && is_there("new-node-26-4711"));
	assert_false(is_there("node-24"));
	assert_true(sweep_tools(&f, true, &err));
	assert_false(is_there("new-node-26-4711"));
	/* What cannot be read may run on it. */
	make("node-24", 100);
	release("site", 1, "{\"number\":");
	assert_true(sweep_tools(&f, true, &err));
	assert_true(is_there("node-24"));
	release("site", 1, "{}"), release("shop", 3, "{}");
	assert_true(sweep_tools(&f, true, &err));
	assert_false(is_there("node-22") || is_there("node-24"));
	assert_true(is_there("bun-1"));
}

static void test_a_home_without_any(void **state)
{
	struct err err;
	(void)state;
	assert_true(sweep_tools(&f, true, &err));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_tools, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_a_home_without_any, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
