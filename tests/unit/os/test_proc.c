/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "os/proc.h"

#define ARGV(...)                                                                                                      \
	(const char *const[])                                                                                          \
	{                                                                                                              \
		__VA_ARGS__, NULL                                                                                      \
	}

static void test_output_and_status(void **state)
{
	(void)state;
	struct err err;
	struct buf out BUF_CLEANUP;
	buf_init(&out, 100);
	struct proc_spec spec = {.argv = ARGV("cat"), .input = STR("given")};
	assert_true(proc_run_ok(&spec, &out, &err));
	assert_string_equal(buf_cstr(&out), "given");
	struct proc_result result;
	struct proc_spec bad = {.argv = ARGV("ls", "/nonexistent")};
	assert_true(proc_run(&bad, NULL, &result, &err));
	assert_int_equal(result.exit_status, 2);
	assert_false(proc_run_ok(&bad, NULL, &err));
	assert_int_equal(err.code, ERR_FAILED);
	assert_non_null(strstr(err.msg, "/nonexistent"));
}

static void test_output_is_bounded(void **state)
{
	(void)state;
	struct err err;
	struct buf out BUF_CLEANUP;
	buf_init(&out, 1000);
	struct proc_spec spec = {.argv = ARGV("head", "-c", "1000000", "/dev/zero")};
	assert_true(proc_run_ok(&spec, &out, &err));
	assert_int_equal(out.len, 1000);
}

static void test_missing_program(void **state)
{
	(void)state;
	struct err err;
	struct proc_spec spec = {.argv = ARGV("no-such-program-here")};
	struct proc_result result;
	assert_true(proc_run(&spec, NULL, &result, &err));
	assert_int_equal(result.exit_status, 127);
}

static void test_deadline_ends_the_whole_group(void **state)
{
	(void)state;
	struct err err;
	struct buf out BUF_CLEANUP;
	buf_init(&out, 100);
	/* A child of the child holds the pipe: it must not hold us. */
	struct proc_spec spec = {.argv = ARGV("bash", "-c", "sleep 600 & echo $!; wait"), .deadline_ms = 300};
	assert_false(proc_run_ok(&spec, &out, &err));
	assert_int_equal(err.code, ERR_TIMEOUT);
	pid_t grandchild = (pid_t)atoi(buf_cstr(&out));
	assert_true(grandchild > 1);
	/* It was sent its signal before we returned; its end is awaited, not guessed. */
	int pidfd = (int)syscall(SYS_pidfd_open, grandchild, 0);
	if (pidfd < 0) return; /* gone already */
	assert_int_equal(poll(&(struct pollfd){pidfd, POLLIN, 0}, 1, 10000), 1);
	(void)close(pidfd);
}

static void test_descriptors_are_closed(void **state)
{
	(void)state;
	struct err err;
	struct buf out BUF_CLEANUP;
	buf_init(&out, 1000);
	int a = dup(1), b = dup(1), kept = dup(1);
	struct proc_spec spec = {.argv = ARGV("ls", "/proc/self/fd"), .keep_fds = {kept}, .keep_fd_count = 1};
	assert_true(proc_run_ok(&spec, &out, &err));
	/* 0, 1, 2, the one that was kept, and the folder that ls itself reads. */
	int lines = 0;
	for (size_t i = 0; i < out.len; i++) lines += out.ptr[i] == '\n';
	assert_int_equal(lines, 5);
	char line[16];
	(void)snprintf(line, sizeof line, "\n%d\n", kept);
	assert_non_null(strstr(buf_cstr(&out), line));
	(void)close(a), (void)close(b), (void)close(kept);
}

static void test_identity(void **state)
{
	(void)state;
	struct err err;
	struct proc_id id;
	assert_true(proc_identify(getpid(), &id, &err));
	assert_true(proc_is_alive(&id));
	id.start_ticks++;
	assert_false(proc_is_alive(&id));
}

static void test_user_is_dropped(void **state)
{
	(void)state;
	if (geteuid() != 0) skip();
	struct err err;
	struct buf out BUF_CLEANUP;
	buf_init(&out, 100);
	struct proc_spec spec = {.argv = ARGV("id", "-u"), .has_user = true, .uid = 65534, .gid = 65534};
	assert_true(proc_run_ok(&spec, &out, &err));
	assert_string_equal(buf_cstr(&out), "65534\n");
}

static int told[2];

static void on_term(int number)
{
	(void)number;
	ssize_t ignored = write(told[1], "t", 1);
	(void)ignored;
}

/* A handler of ours writes to a pipe that a child has, too, until it is another program. */
static void test_no_handler_runs_in_a_child(void **state)
{
	(void)state;
	struct err err;
	char byte;
	assert_int_equal(pipe2(told, O_NONBLOCK | O_CLOEXEC), 0);
	assert_true(signal(SIGTERM, on_term) != SIG_ERR);
	for (int i = 0; i < 200; i++) {
		struct proc_spec spec = {.argv = ARGV("sleep", "60")};
		struct proc_result result;
		struct pollfd p = {.events = POLLIN};
		pid_t pid;
		assert_true(proc_start_worker(&spec, &pid, &p.fd, NULL, &err));
		assert_int_equal(kill(pid, SIGTERM), 0);
		assert_int_equal(poll(&p, 1, 10000), 1);
		assert_true(proc_reap(pid, &result, &err));
		(void)close(p.fd);
	}
	(void)signal(SIGTERM, SIG_DFL);
	assert_int_equal(read(told[0], &byte, 1), -1);
	(void)close(told[0]), (void)close(told[1]);
}

int main(void)
{
	(void)signal(SIGPIPE, SIG_IGN);
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_output_and_status),      cmocka_unit_test(test_output_is_bounded),
	    cmocka_unit_test(test_missing_program),        cmocka_unit_test(test_deadline_ends_the_whole_group),
	    cmocka_unit_test(test_descriptors_are_closed), cmocka_unit_test(test_identity),
	    cmocka_unit_test(test_user_is_dropped),        cmocka_unit_test(test_no_handler_runs_in_a_child),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
