/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "folder.h"
#include "os/file.h"
#include "os/proc.h"
#include "run/record.h"
#include "run/supervisor.h"

/* A server that is no server of ours: it listens on a unix socket and ends when asked. */
static const char *const listener = "import socket,sys,os,signal\n"
				    "p=sys.argv[1]\n"
				    "if os.path.exists(p): os.unlink(p)\n"
				    "s=socket.socket(socket.AF_UNIX); s.bind(p); s.listen(9)\n"
				    "print('up',flush=True)\n"
				    "while True: s.accept()[0].close()\n";

struct bench {
	const char *folder;
	uv_loop_t loop;
	uv_timer_t tick; /* so that one turn of the loop never waits for long after a timer has fired in it */
	struct db *db;
	struct supervisor *s;
	char socket_path[FILE_PATH_SIZE], log_path[FILE_PATH_SIZE];
	struct unit_spec spec;
	int done;
	enum err_code code;
};

static void on_done(void *arg, const struct err *err)
{
	struct bench *b = arg;
	b->done++;
	b->code = err != NULL ? err->code : ERR_NONE;
}

static void on_tick(uv_timer_t *timer)
{
	(void)timer;
}

static void bench_open(struct bench *b)
{
	struct err err;
	char path[FILE_PATH_SIZE];
	assert_int_equal(uv_loop_init(&b->loop), 0);
	assert_int_equal(uv_timer_init(&b->loop, &b->tick), 0);
	assert_int_equal(uv_timer_start(&b->tick, on_tick, 5, 5), 0);
	assert_true(file_path(path, &err, "%s/freehold.db", b->folder) && db_open(path, &b->db, &err));
	b->s = supervisor_new(&b->loop, b->db);
	assert_true(file_path(b->socket_path, &err, "%s/s", b->folder) &&
		    file_path(b->log_path, &err, "%s/log", b->folder));
	b->spec = (struct unit_spec){.name = "shop/backend",
				     .log_path = b->log_path,
				     .ready_socket = b->socket_path,
				     .stop_signal = SIGTERM,
				     .stop_deadline_ms = 5000};
	const char *const argv[] = {"python3", "-c", listener, b->socket_path};
	memcpy(b->spec.argv, argv, sizeof argv);
}

/* Runs the loop until that many completions have come in all. */
static void await(struct bench *b, int count)
{
	while (b->done < count) uv_run(&b->loop, UV_RUN_ONCE);
}

static void bench_close(struct bench *b)
{
	supervisor_free(b->s);
	uv_close((uv_handle_t *)&b->tick, NULL);
	uv_run(&b->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&b->loop), 0);
	db_close(b->db);
}

static pid_t pid_of(struct bench *b)
{
	json_t *o = supervisor_json(b->s, "shop/backend", "backend");
	pid_t pid = (pid_t)json_integer_value(json_object_get(o, "pid"));
	json_decref(o);
	return pid;
}

static void stop(struct bench *b)
{
	int before = b->done;
	supervisor_stop(b->s, "shop/backend", on_done, b);
	await(b, before + 1);
	assert_int_equal(b->code, ERR_NONE);
}

static void test_starts_and_stops(void **state)
{
	struct bench b = {.folder = *state};
	bench_open(&b);
	supervisor_start(b.s, &b.spec, on_done, &b);
	await(&b, 1);
	assert_int_equal(b.code, ERR_NONE);
	pid_t pid = pid_of(&b);
	assert_int_equal(kill(pid, 0), 0);
	/* The same again changes nothing. */
	supervisor_start(b.s, &b.spec, on_done, &b);
	assert_int_equal(pid_of(&b), pid);
	stop(&b);
	assert_int_equal(kill(pid, 0), -1);
	bench_close(&b);
}

static void test_comes_back_when_killed(void **state)
{
	struct bench b = {.folder = *state};
	bench_open(&b);
	supervisor_start(b.s, &b.spec, on_done, &b);
	await(&b, 1);
	pid_t first = pid_of(&b);
	assert_int_equal(kill(first, SIGKILL), 0);
	while (pid_of(&b) == first || pid_of(&b) == 0) uv_run(&b.loop, UV_RUN_ONCE);
	supervisor_start(b.s, &b.spec, on_done, &b);
	await(&b, 2);
	json_t *o = supervisor_json(b.s, "shop/backend", "backend");
	assert_int_equal(json_integer_value(json_object_get(o, "restarts")), 1);
	assert_non_null(strstr(json_string_value(json_object_get(o, "reason")), "signal 9"));
	json_decref(o);
	stop(&b);
	bench_close(&b);
}

static void test_is_adopted_by_the_next_daemon(void **state)
{
	struct bench b = {.folder = *state};
	bench_open(&b);
	supervisor_start(b.s, &b.spec, on_done, &b);
	await(&b, 1);
	pid_t pid = pid_of(&b);
	bench_close(&b); /* without stopping anything */
	assert_int_equal(kill(pid, 0), 0);
	b = (struct bench){.folder = *state};
	bench_open(&b);
	supervisor_start(b.s, &b.spec, on_done, &b);
	await(&b, 1);
	assert_int_equal(pid_of(&b), pid);
	/* A different spec is another process. */
	b.spec.env[0] = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
	supervisor_start(b.s, &b.spec, on_done, &b);
	await(&b, 2);
	assert_int_not_equal(pid_of(&b), pid);
	stop(&b);
	bench_close(&b);
}

static void test_found_again_but_never_started(void **state)
{
	struct bench b = {.folder = *state};
	bench_open(&b);
	assert_false(supervisor_adopt(b.s, &b.spec));
	assert_int_equal(pid_of(&b), 0);
	supervisor_start(b.s, &b.spec, on_done, &b);
	await(&b, 1);
	pid_t pid = pid_of(&b);
	bench_close(&b);
	b = (struct bench){.folder = *state};
	bench_open(&b);
	assert_true(supervisor_adopt(b.s, &b.spec));
	assert_int_equal(pid_of(&b), pid);
	stop(&b);
	bench_close(&b);
}

static void test_a_crash_loop_is_a_state_with_a_reason(void **state)
{
	struct bench b = {.folder = *state};
	bench_open(&b);
	const char *const argv[] = {"false", NULL};
	memcpy(b.spec.argv, argv, sizeof argv);
	supervisor_start(b.s, &b.spec, on_done, &b);
	await(&b, 1);
	assert_int_equal(b.code, ERR_FAILED);
	json_t *o = supervisor_json(b.s, "shop/backend", "backend");
	assert_string_equal(json_string_value(json_object_get(o, "state")), "failing");
	assert_string_equal(json_string_value(json_object_get(o, "reason")), "ended with status 1");
	json_decref(o);
	stop(&b);
	bench_close(&b);
}

static void test_what_nobody_needs_is_swept(void **state)
{
	struct err err;
	struct record r;
	struct bench b = {.folder = *state};
	bench_open(&b);
	supervisor_start(b.s, &b.spec, on_done, &b);
	await(&b, 1);
	pid_t pid = pid_of(&b);
	bench_close(&b);
	b = (struct bench){.folder = *state};
	bench_open(&b);
	int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	supervisor_sweep(b.s);
	assert_int_equal(poll(&(struct pollfd){pidfd, POLLIN, 0}, 1, 10000), 1);
	(void)close(pidfd);
	(void)waitpid(pid, NULL, 0);
	assert_false(record_get(b.db, "shop/backend", &r, &err));
	bench_close(&b);
}

static void test_logs_are_bounded(void **state)
{
	struct err err;
	char path[FILE_PATH_SIZE];
	struct buf b BUF_CLEANUP;
	buf_init(&b, 10000);
	for (int i = 0; i < 500; i++) buf_printf(&b, "line %d\n", i);
	assert_true(file_path(path, &err, "%s/log", (char *)*state) && file_write(path, buf_view(&b), 0600, &err));
	record_trim_log(path, 2000);
	buf_clear(&b);
	assert_true(file_read(path, &b, &err));
	assert_true(b.len <= 1000 && b.len > 900);
	assert_true(str_has_prefix(buf_view(&b), STR("line ")) && str_has_suffix(buf_view(&b), STR("line 499\n")));
}

int main(void)
{
	(void)signal(SIGPIPE, SIG_IGN);
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_starts_and_stops, make_folder, remove_folder),
	    cmocka_unit_test_setup_teardown(test_comes_back_when_killed, make_folder, remove_folder),
	    cmocka_unit_test_setup_teardown(test_is_adopted_by_the_next_daemon, make_folder, remove_folder),
	    cmocka_unit_test_setup_teardown(test_found_again_but_never_started, make_folder, remove_folder),
	    cmocka_unit_test_setup_teardown(test_a_crash_loop_is_a_state_with_a_reason, make_folder, remove_folder),
	    cmocka_unit_test_setup_teardown(test_what_nobody_needs_is_swept, make_folder, remove_folder),
	    cmocka_unit_test_setup_teardown(test_logs_are_bounded, make_folder, remove_folder),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
