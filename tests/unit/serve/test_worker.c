/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/session.h"
#include "serve/worker.h"

#define TIMES 20

/* Asked to leave before its side of the fork has done anything, as when the environment changes just then. */
static void test_leaves_at_once(void **state)
{
	(void)state;
	struct config *c = calloc(1, sizeof *c);
	struct worker w = {0};
	struct err err;
	int log = open("/dev/null", O_WRONLY | O_CLOEXEC), status;
	assert_non_null(c);
	c->argv[0] = "/bin/sh", c->argv[1] = "-c", c->argv[2] = "exec sleep 3";
	c->cwd = "/";
	c->files = 64;
	c->function_count = 1;
	c->functions[0].name = "hello", c->functions[0].entry = "hello/index.ts";
	for (int i = 0; i < TIMES; i++) {
		assert_true(worker_start(&w, c, 1, log, false, &err));
		session_signal(w.pid, SIGTERM);
		assert_int_equal(waitpid(w.pid, &status, 0), w.pid);
		assert_true(WIFSIGNALED(status));
		assert_int_equal(WTERMSIG(status), SIGTERM);
	}
	(void)close(log);
	free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_leaves_at_once)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
