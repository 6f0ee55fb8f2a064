/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <grp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/asan.h"
#include "base/clock.h"
#include "os/file.h"
#include "os/proc.h"
#include "os/sandbox.h"

#define USER 64321 /* no user of this machine */

static const char *const env[] = {"PATH=" SANDBOX_PATH, "HOME=" SANDBOX_HOME, NULL};

struct run {
	struct sandbox_spec spec;
	struct sandbox_result result;
	struct buf out;
	struct err err;
};

/* On a machine that is emulated (tests/long/cgroup2.sh) everything takes longer. */
static int patience(void)
{
	const char *times = getenv("FREEHOLD_TEST_PATIENCE");
	return times != NULL ? atoi(times) : 1;
}

/* Runs a script inside and fails the test when the sandbox cannot be made. */
static void run_script(struct run *r, const char *script)
{
	const char *argv[] = {"bash", "-c", script, NULL};
	r->spec.argv = argv;
	if (r->spec.env == NULL) r->spec.env = env;
	r->spec.has_user = geteuid() == 0, r->spec.uid = USER, r->spec.gid = USER;
	if (r->spec.limits.deadline_ms == 0) r->spec.limits.deadline_ms = 120000 * patience();
	buf_init(&r->out, 64 * 1024);
	if (!sandbox_run(&r->spec, &r->out, &r->result, &r->err)) fail_msg("%s", r->err.msg);
}

/* A program built with a sanitizer may write what it finds below its build (base/asan.h): the folder at the top that
 * the build is in, which is then there, or a name that none has. */
static void find_findings(char ret_top[64])
{
	char exe[FILE_PATH_SIZE] = "";
	ssize_t len = HAS_ASAN ? readlink("/proc/self/exe", exe, sizeof exe - 1) : 0;
	(void)snprintf(ret_top, 64, "%.*s", (int)(len > 0 ? strcspn(exe + 1, "/") : 1), len > 0 ? exe + 1 : "-");
}

static void test_sees_little(void **state)
{
	(void)state;
	struct run r = {0};
	(void)setenv("FREEHOLD_TEST_SECRET", "hunter2", 1);
	char script[1024], top[64];
	find_findings(top);
	(void)snprintf(
	    script, sizeof script,
	    "id -un; env | sort | cut -d= -f1 | tr '\\n' ' '; ls / | grep -vx '%s' | tr '\\n' ' '; for d in root "
	    "home var run etc/shadow; do [ $d = '%s' ] || ls -A /$d; done 2>&1 | grep -vc 'cannot access'; ls "
	    "/proc | grep -c '^[0-9]'; touch /x /dev/x /usr/x 2>&1 | grep -c Read-only",
	    top, top);
	run_script(&r, script);
	assert_int_equal(r.result.exit_status, 0);
	assert_null(strstr(buf_cstr(&r.out), "SECRET"));
	assert_non_null(strstr(buf_cstr(&r.out), "app\nHOME PATH PWD SHLVL _ "));
	assert_null(strstr(buf_cstr(&r.out), "root"));
	assert_null(strstr(buf_cstr(&r.out), "home"));
	/* nothing of the five places; few processes; three read-only file systems */
	const char *last = strstr(buf_cstr(&r.out), "0\n");
	assert_non_null(last);
	assert_string_equal(r.out.ptr + r.out.len - 2, "3\n");
	buf_done(&r.out);
}

static void test_statuses(void **state)
{
	(void)state;
	struct err err;
	struct run r = {0};
	run_script(&r, "exit 7");
	assert_int_equal(r.result.end, SANDBOX_EXITED);
	assert_int_equal(r.result.exit_status, 7);
	assert_false(sandbox_judge(&r.result, &r.spec.limits, "the build", &err));
	assert_int_equal(err.code, ERR_FAILED);
	buf_done(&r.out);
	run_script(&r, "kill -SEGV $$");
	assert_int_equal(r.result.end, SANDBOX_SIGNALED);
	assert_int_equal(r.result.signal, SIGSEGV);
	buf_done(&r.out);
	run_script(&r, "no-such-program");
	assert_int_equal(r.result.exit_status, 127);
	buf_done(&r.out);
}

static void test_a_sandbox_that_cannot_be_made(void **state)
{
	(void)state;
	struct err err;
	struct sandbox_result result;
	struct sandbox_spec spec = {.argv = (const char *const[]){"true", NULL},
				    .env = env,
				    .has_user = true,
				    .uid = USER,
				    .gid = USER,
				    .mount_count = 1,
				    .mounts = &(struct sandbox_mount){SANDBOX_READ, "/no/such/folder", "/app"}};
	assert_false(sandbox_run(&spec, NULL, &result, &err));
	assert_int_equal(err.code, ERR_UNAVAILABLE);
	assert_non_null(strstr(err.msg, "/no/such/folder"));
	if (geteuid() != 0) return;
	spec.mount_count = 0, spec.has_user = false;
	assert_false(sandbox_run(&spec, NULL, &result, &err));
	assert_int_equal(err.code, ERR_INTERNAL);
}

static void test_mounts(void **state)
{
	(void)state;
	char dir[] = "/tmp/freehold-sandbox-XXXXXX", path[FILE_PATH_SIZE];
	struct err err;
	assert_non_null(mkdtemp(dir));
	assert_int_equal(chmod(dir, 0755), 0);
	assert_true(file_path(path, &err, "%s/read", dir) && file_mkdirs(path, 0777, &err));
	assert_int_equal(chmod(path, 0777), 0);
	char write[FILE_PATH_SIZE];
	assert_true(file_path(write, &err, "%s/write", dir) && file_mkdirs(write, 0777, &err));
	assert_int_equal(chmod(write, 0777), 0);
	const struct sandbox_mount mounts[] = {{SANDBOX_READ, path, "/app/read"}, {SANDBOX_WRITE, write, "/app/write"}};
	struct run r = {.spec = {.mounts = mounts, .mount_count = 2, .cwd = "/app"}};
	run_script(&r, "echo hello >write/file && ! touch read/file 2>/dev/null && pwd");
	assert_string_equal(buf_cstr(&r.out), "/app\n");
	assert_true(file_path(path, &err, "%s/write/file", dir));
	struct stat st;
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_uid, geteuid() == 0 ? USER : geteuid());
	buf_done(&r.out);
	assert_true(file_remove_tree(dir, &err));
}

static void test_network(void **state)
{
	(void)state;
	struct run r = {0};
	run_script(
	    &r, "cat /proc/net/dev | tail -n +3 | cut -d: -f1 | tr -d ' '; cat /proc/net/fib_trie | grep -c 127.0.0.1");
	assert_memory_equal(buf_cstr(&r.out), "lo\n", 3);
	assert_null(strstr(buf_cstr(&r.out), "eth"));
	assert_string_not_equal(buf_cstr(&r.out), "lo\n0\n");
	buf_done(&r.out);
}

static void test_memory(void **state)
{
	(void)state;
	struct err err;
	struct run r = {.spec = {.limits = {.memory_bytes = 64u << 20}}};
	run_script(&r, "x=$(head -c 200000000 /dev/zero | tr '\\0' x); echo ${#x}");
	assert_int_equal(r.result.end, SANDBOX_OUT_OF_MEMORY);
	assert_false(sandbox_judge(&r.result, &r.spec.limits, "the build", &err));
	assert_int_equal(err.code, ERR_LIMIT);
	assert_non_null(strstr(err.msg, "67 MB of memory"));
	buf_done(&r.out);
}

static void test_processes(void **state)
{
	(void)state;
	struct err err;
	struct run r = {.spec = {.limits = {.processes = 40}}};
	int64_t began = clock_now_ms();
	run_script(&r, "bomb() { bomb | bomb & }; bomb; sleep 30");
	assert_int_equal(r.result.end, SANDBOX_OUT_OF_PROCESSES);
	assert_true(clock_now_ms() - began < 15000);
	assert_false(sandbox_judge(&r.result, &r.spec.limits, "the build", &err));
	assert_non_null(strstr(err.msg, "40 processes"));
	buf_done(&r.out);
}

static void test_deadline_and_lingerers(void **state)
{
	(void)state;
	struct err err;
	struct run r = {.spec = {.limits = {.deadline_ms = 500}}};
	run_script(&r, "trap '' TERM; sleep 1000");
	assert_int_equal(r.result.end, SANDBOX_OUT_OF_TIME);
	assert_false(sandbox_judge(&r.result, &r.spec.limits, "the build", &err));
	assert_int_equal(err.code, ERR_TIMEOUT);
	buf_done(&r.out);
	/* A daemon that left its session and its parent holds a file of the host: when we return it is closed. */
	char dir[] = "/tmp/freehold-sandbox-XXXXXX";
	assert_non_null(mkdtemp(dir));
	assert_int_equal(chmod(dir, 0777), 0);
	const struct sandbox_mount mount = {SANDBOX_WRITE, dir, "/app"};
	struct run d = {.spec = {.mounts = &mount, .mount_count = 1}};
	run_script(&d, "setsid bash -c 'while :; do echo >>/app/alive; done' >/dev/null 2>&1 & until [ -e /app/alive "
		       "]; do sleep 0.02; done; echo done");
	assert_int_equal(d.result.exit_status, 0);
	char path[FILE_PATH_SIZE];
	struct stat before, after;
	assert_true(file_path(path, &err, "%s/alive", dir));
	assert_int_equal(stat(path, &before), 0);
	usleep(50000);
	assert_int_equal(stat(path, &after), 0);
	assert_int_equal(before.st_size, after.st_size);
	buf_done(&d.out);
	assert_true(file_remove_tree(dir, &err));
}

/* The session inside is a new one, which takes turns with every other whatever the nice values in it. */
static void test_yields(void **state)
{
	(void)state;
	struct run r = {0};
	run_script(
	    &r,
	    "nice; [ ! -e /proc/self/autogroup ] || until grep -q 'nice 10' /proc/self/autogroup; do sleep 0.05; done");
	assert_int_equal(r.result.exit_status, 0);
	assert_string_equal(buf_cstr(&r.out), "10\n");
	buf_done(&r.out);
}

static void test_full_tmp_and_large_file(void **state)
{
	(void)state;
	char dir[] = "/tmp/freehold-sandbox-XXXXXX";
	struct err err;
	assert_non_null(mkdtemp(dir));
	assert_int_equal(chmod(dir, 0777), 0);
	const struct sandbox_mount mount = {SANDBOX_WRITE, dir, "/app"};
	struct run r = {
	    .spec = {.tmp_bytes = 1 << 20, .mounts = &mount, .mount_count = 1, .limits.file_bytes = 2 << 20}};
	run_script(&r, "head -c 1500000 /dev/zero >/tmp/x || head -c 1500000 /dev/zero >/dev/shm/x || echo full");
	assert_non_null(strstr(buf_cstr(&r.out), "full\n"));
	buf_done(&r.out);
	run_script(&r, "exec head -c 3000000 /dev/zero >/app/x");
	assert_int_equal(r.result.end, SANDBOX_FILE_TOO_LARGE);
	buf_done(&r.out);
	assert_true(file_remove_tree(dir, &err));
}

/* Whoever runs the sandbox is killed: nothing of the inside is left. */
static void test_dies_with_us(void **state)
{
	(void)state;
	char dir[] = "/tmp/freehold-sandbox-XXXXXX", path[FILE_PATH_SIZE];
	struct err err;
	assert_non_null(mkdtemp(dir));
	assert_int_equal(chmod(dir, 0777), 0);
	assert_true(file_path(path, &err, "%s/alive", dir));
	pid_t pid = fork();
	if (pid == 0) {
		const struct sandbox_mount mount = {SANDBOX_WRITE, dir, "/app"};
		struct run r = {.spec = {.mounts = &mount, .mount_count = 1}};
		run_script(&r, "setsid bash -c 'while sleep 0.01; do echo >>/app/alive; done' & sleep 1000");
		_exit(1);
	}
	for (int i = 0; i < 500 && !file_exists(path); i++) usleep(10000);
	assert_true(file_exists(path));
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	struct stat before = {0}, after = {.st_size = -1};
	for (int i = 0; i < 50 && before.st_size != after.st_size; i++) {
		assert_int_equal(stat(path, &before), 0);
		usleep(100000);
		assert_int_equal(stat(path, &after), 0);
	}
	assert_int_equal(before.st_size, after.st_size);
	assert_true(file_remove_tree(dir, &err));
}

static int run_all(void)
{
	struct limits_means means;
	limits_find(&means);
	printf("user %d: memory by %s, processes by %s\n", (int)geteuid(), limits_way_word(means.memory),
	       limits_way_word(means.processes));
	(void)fflush(stdout);
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_sees_little),
	    cmocka_unit_test(test_statuses),
	    cmocka_unit_test(test_a_sandbox_that_cannot_be_made),
	    cmocka_unit_test(test_mounts),
	    cmocka_unit_test(test_network),
	    cmocka_unit_test(test_memory),
	    cmocka_unit_test(test_processes),
	    cmocka_unit_test(test_deadline_and_lingerers),
	    cmocka_unit_test(test_yields),
	    cmocka_unit_test(test_full_tmp_and_large_file),
	    cmocka_unit_test(test_dies_with_us),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Everything twice when root starts it: as root that drops to a user, and as a user of its own without cgroups. */
int main(void)
{
	(void)signal(SIGPIPE, SIG_IGN);
	int failed = run_all(), status = 0;
	if (geteuid() != 0) return failed;
	pid_t pid = fork();
	if (pid == 0) {
		if (setgroups(0, NULL) != 0 || setresgid(USER, USER, USER) != 0 || setresuid(USER, USER, USER) != 0)
			_exit(99);
		(void)prctl(PR_SET_DUMPABLE, 1);
		exit(run_all());
	}
	(void)waitpid(pid, &status, 0);
	return failed != 0 || status != 0;
}
