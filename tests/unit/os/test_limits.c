/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "os/file.h"
#include "os/limits.h"

static pid_t start_sleeper(void)
{
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		(void)pause();
		_exit(0);
	}
	return pid;
}

static void read_file(const char *folder, const char *name, char ret_text[256])
{
	char path[FILE_PATH_SIZE];
	struct buf b BUF_CLEANUP;
	struct err err;
	buf_init(&b, 4096);
	assert_true(file_path(path, &err, "%s/%s", folder, name) && file_read(path, &b, &err));
	(void)snprintf(ret_text, 256, "%.*s", STR_FMT(str_trim(buf_view(&b))));
}

static void name_of(char ret_name[64], const char *suffix)
{
	(void)snprintf(ret_name, 64, "test%d-%s", (int)getpid(), suffix);
}

static void test_a_named_group_holds_and_goes(void **state)
{
	(void)state;
	struct err err;
	struct limits_group g, again;
	struct limits limits = {.memory_bytes = 64u << 20, .processes = 20, .cpu_percent = 50};
	char name[64], prefix[64], text[256];
	name_of(name, "a"), name_of(prefix, "");
	assert_true(limits_group_open_named(&g, name, &limits, &err));
	if (g.means.memory == LIMITS_RLIMITS) skip();
	pid_t pid = start_sleeper();
	assert_true(limits_group_join(&g, pid, &err));
	read_file(g.means.memory_dir, "cgroup.procs", text);
	assert_int_equal(strtol(text, NULL, 10), pid);
	read_file(g.means.memory_dir, g.means.memory == LIMITS_CGROUP2 ? "memory.max" : "memory.limit_in_bytes", text);
	assert_string_equal(text, "67108864");
	read_file(g.means.processes_dir, "pids.max", text);
	assert_string_equal(text, "20");
	if (g.means.memory == LIMITS_CGROUP1 && g.means.cpu_dir[0] != '\0') {
		read_file(g.means.cpu_dir, "cpu.cfs_quota_us", text);
		assert_string_equal(text, "50000");
	}
	/* Somebody is in it. */
	limits_group_sweep_named(prefix);
	assert_true(file_is_dir(g.means.memory_dir));
	/* Opened anew it ends what an earlier run left. */
	assert_true(limits_group_open_named(&again, name, &limits, &err));
	int status;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(WTERMSIG(status), SIGKILL);
	limits_group_sweep_named(prefix);
	assert_false(file_is_dir(again.means.memory_dir));
	limits_group_forget(name);
}

static void test_a_group_is_known_again_by_its_text(void **state)
{
	(void)state;
	struct limits_group g = {.means = {LIMITS_CGROUP1, LIMITS_CGROUP2, "/m/a b", "/p", ""}}, same;
	char text[LIMITS_GROUP_TEXT_SIZE];
	limits_group_spell(&g, text);
	assert_true(limits_group_recall(text, &same));
	assert_int_equal(same.means.memory, LIMITS_CGROUP1);
	assert_int_equal(same.means.processes, LIMITS_CGROUP2);
	assert_string_equal(same.means.memory_dir, "/m/a b");
	assert_string_equal(same.means.processes_dir, "/p");
	static const char *const wrong[] = {NULL, "", "1", "1:/a:9:/b", "x:/a:1:/b", "1:/a:1"};
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) assert_false(limits_group_recall(wrong[i], &same));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_a_named_group_holds_and_goes),
	    cmocka_unit_test(test_a_group_is_known_again_by_its_text),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
