/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include <sys/wait.h>
#include <unistd.h>

#include "app/flow.h"
#include "os/file.h"

static struct layout layout_of_test(void)
{
	char folder[] = "/tmp/freehold-lock-XXXXXX";
	struct layout l = {0};
	assert_non_null(mkdtemp(folder));
	(void)snprintf(l.home, sizeof l.home, "%s", folder);
	return l;
}

/* Another one that has the lock; it ends when it may. */
static pid_t hold(const struct layout *l, bool is_ending, int *ret_end)
{
	int held[2], end[2], fd = -1;
	char byte = 0;
	struct err err;
	assert_int_equal(pipe(held), 0);
	assert_int_equal(pipe(end), 0);
	pid_t pid = fork();
	if (pid == 0) {
		(void)close(end[1]);
		if (!flow_lock(l, &fd, &err)) _exit(1);
		if (is_ending) flow_lock_ending(fd);
		(void)!write(held[1], "x", 1);
		(void)!read(end[0], &byte, 1);
		_exit(0);
	}
	(void)close(end[0]);
	(void)close(held[1]);
	assert_int_equal(read(held[0], &byte, 1), 1);
	(void)close(held[0]);
	*ret_end = end[1];
	return pid;
}

static void test_one_that_runs_is_in_the_way_and_one_that_ends_is_waited_for(void **state)
{
	(void)state;
	struct layout l = layout_of_test();
	struct err err;
	int end = -1, fd = -1, status = 0;
	pid_t running = hold(&l, false, &end);
	assert_false(flow_lock(&l, &fd, &err));
	assert_int_equal(err.code, ERR_CONFLICT);
	(void)close(end);
	assert_int_equal(waitpid(running, &status, 0), running);

	pid_t ending = hold(&l, true, &end), helper = fork();
	if (helper == 0) { /* lets it go while it is waited for, mostly */
		(void)usleep(200000);
		_exit(0);
	}
	(void)close(end); /* the helper has the other end of it */
	assert_true(flow_lock(&l, &fd, &err));
	(void)close(fd);
	assert_int_equal(waitpid(ending, &status, 0), ending);
	assert_int_equal(waitpid(helper, &status, 0), helper);
	assert_true(file_remove_tree(l.home, &err));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_one_that_runs_is_in_the_way_and_one_that_ends_is_waited_for),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
