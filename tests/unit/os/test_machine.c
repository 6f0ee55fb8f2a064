/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "os/file.h"
#include "os/machine.h"

static char root[64];

static void put(const char *path, const char *text)
{
	char whole[FILE_PATH_SIZE];
	struct err err;
	assert_true(file_path(whole, &err, "%s%s", root, path));
	char *slash = strrchr(whole, '/');
	*slash = '\0';
	assert_true(file_mkdirs(whole, 0755, &err));
	*slash = '/';
	assert_true(file_write(whole, str_from(text), 0644, &err));
}

static int begin(void **state)
{
	(void)state;
	(void)snprintf(root, sizeof root, "/tmp/fh-machine-XXXXXX");
	assert_non_null(mkdtemp(root));
	put("/proc/meminfo", "MemTotal:        8388608 kB\nMemFree:          100 kB\n");
	return 0;
}

static int end(void **state)
{
	(void)state;
	struct err err;
	return file_remove_tree(root, &err) ? 0 : 1;
}

static void test_no_group(void **state)
{
	(void)state;
	struct machine m;
	machine_find(root, &m);
	assert_int_equal(m.memory_bytes, 8ull << 30);
	assert_true(m.cores >= 1);
	assert_false(m.is_memory_limited);
}

/* The narrowest of our group and those above it. */
static void test_v2(void **state)
{
	(void)state;
	struct machine m;
	put("/proc/self/cgroup", "0::/box/app\n");
	put("/sys/fs/cgroup/box/memory.max", "2147483648\n");
	put("/sys/fs/cgroup/box/app/memory.max", "max\n");
	put("/sys/fs/cgroup/box/cpu.max", "50000 100000\n");
	machine_find(root, &m);
	assert_int_equal(m.memory_bytes, 2ull << 30);
	assert_true(m.is_memory_limited);
	assert_int_equal(m.cores, 1);
	put("/sys/fs/cgroup/box/app/memory.max", "1073741824\n");
	machine_find(root, &m);
	assert_int_equal(m.memory_bytes, 1ull << 30);
}

/* A container sees its own group as the folder of the hierarchy. */
static void test_v1(void **state)
{
	(void)state;
	struct machine m;
	put("/proc/self/cgroup", "4:cpu,cpuacct:/\n3:memory:/docker/abc\n0::/\n");
	put("/sys/fs/cgroup/memory/memory.limit_in_bytes", "536870912\n");
	machine_find(root, &m);
	assert_int_equal(m.memory_bytes, 512ull << 20);
	put("/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n"); /* none */
	machine_find(root, &m);
	assert_int_equal(m.memory_bytes, 8ull << 30);
	assert_false(m.is_memory_limited);
}

static void test_nothing(void **state)
{
	(void)state;
	struct machine m;
	machine_find("/nonexistent", &m);
	assert_int_equal(m.memory_bytes, 1ull << 30);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_no_group, begin, end),
	    cmocka_unit_test_setup_teardown(test_v2, begin, end),
	    cmocka_unit_test_setup_teardown(test_v1, begin, end),
	    cmocka_unit_test(test_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
