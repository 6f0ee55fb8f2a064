/* SPDX-License-Identifier: Apache-2.0
 *
 * The supervisor and freehold-serve together: why it ended, giving up, retiring, thawing, the group that outlives a
 * daemon. The server is a few lines of Python; argv[1] is freehold-serve. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "codec/json.h"
#include "os/file.h"
#include "os/limits.h"
#include "run/supervisor.h"

#define USER 64321 /* no user of this machine */
#define UNIT "shop/web.7"

static const char *program; /* freehold-serve */

static const char serve[] = "import http.server,os;"
			    "http.server.HTTPServer((\"127.0.0.1\",int(os.environ[\"PORT\"])),"
			    "http.server.BaseHTTPRequestHandler).serve_forever()";
static const char hoard[] = "a=[]\nwhile True: a.append(bytearray(1<<20))";

struct bench {
	char folder[64];
	uv_loop_t loop;
	uv_timer_t tick;
	struct db *db;
	struct supervisor *s;
	char config[FILE_PATH_SIZE], socket[FILE_PATH_SIZE], state[FILE_PATH_SIZE], log[FILE_PATH_SIZE];
	struct unit_spec spec;
	int done;
	struct err err;
};

static void on_done(void *arg, const struct err *err)
{
	struct bench *b = arg;
	b->done++;
	b->err = err != NULL ? *err : (struct err){0};
}

static void on_tick(uv_timer_t *timer)
{
	(void)timer;
}

static void open_daemon(struct bench *b)
{
	char path[FILE_PATH_SIZE];
	assert_int_equal(uv_loop_init(&b->loop), 0);
	assert_int_equal(uv_timer_init(&b->loop, &b->tick), 0);
	assert_int_equal(uv_timer_start(&b->tick, on_tick, 5, 5), 0);
	assert_true(file_path(path, &b->err, "%s/freehold.db", b->folder) && db_open(path, &b->db, &b->err));
	b->s = supervisor_new(&b->loop, b->db);
}

static void close_daemon(struct bench *b)
{
	supervisor_free(b->s);
	uv_close((uv_handle_t *)&b->tick, NULL);
	uv_run(&b->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&b->loop), 0);
	db_close(b->db);
}

static void await(struct bench *b, int count)
{
	int64_t until_ms = clock_now_ms() + 40000;
	while (b->done < count && clock_now_ms() < until_ms) uv_run(&b->loop, UV_RUN_ONCE);
	assert_int_equal(b->done, count);
}

static void write_config(struct bench *b, const char *script)
{
	json_t *o = json_pack("{s:[s,s,s], s:s, s:s, s:s, s:i, s:i, s:{s:I, s:i}}", "argv", "python3", "-c", script,
			      "cwd", "/", "socket", b->socket, "state", b->state, "linger_ms", 0, "kill_ms", 1000,
			      "limits", "memory_bytes", (json_int_t)100000000, "processes", 50);
	char *text = json_text(o);
	assert_true(file_write(b->config, str_from(text), 0600, &b->err));
	if (geteuid() == 0) assert_int_equal(chown(b->config, USER, USER), 0);
	free(text);
	json_decref(o);
}

static void bench_open(struct bench *b, const char *script)
{
	*b = (struct bench){.folder = "/tmp/freehold-test-XXXXXX"};
	char run[FILE_PATH_SIZE];
	assert_non_null(mkdtemp(b->folder));
	assert_int_equal(chmod(b->folder, 0755), 0);
	assert_true(file_path(run, &b->err, "%s/run", b->folder) && file_mkdirs(run, 0755, &b->err) &&
		    file_chown_tree(run, USER, USER, &b->err));
	assert_true(
	    file_path(b->config, &b->err, "%s/serve.json", run) && file_path(b->socket, &b->err, "%s/web.sock", run) &&
	    file_path(b->state, &b->err, "%s/state.json", run) && file_path(b->log, &b->err, "%s/log", b->folder));
	write_config(b, script);
	b->spec = (struct unit_spec){.name = UNIT,
				     .argv = {program, "--config", b->config},
				     .env = {"PATH=/usr/local/bin:/usr/bin:/bin"},
				     .has_user = geteuid() == 0,
				     .uid = USER,
				     .gid = USER,
				     .cwd = "/",
				     .log_path = b->log,
				     .state_path = b->state,
				     .stop_signal = SIGTERM,
				     .stop_deadline_ms = 20000,
				     .has_limits = true,
				     .limits = {.memory_bytes = 100000000, .processes = 50}};
	open_daemon(b);
}

static void bench_close(struct bench *b)
{
	int before = b->done;
	supervisor_stop(b->s, UNIT, on_done, b);
	await(b, before + 1);
	close_daemon(b);
	assert_true(file_remove_tree(b->folder, &b->err));
}

static json_t *look(struct bench *b)
{
	return supervisor_json(b->s, UNIT, "web.7");
}

static pid_t pid_of(struct bench *b)
{
	json_t *o JSON_CLEANUP = look(b);
	return (pid_t)json_int(o, "pid", 0);
}

/* Is there a folder of this unit in the group's hierarchy? Where there are no cgroups nothing can be said. */
static bool has_group(void)
{
	struct limits_means m;
	char command[FILE_PATH_SIZE + 64];
	limits_find(&m);
	if (m.memory == LIMITS_RLIMITS) return false;
	(void)snprintf(command, sizeof command, "ls -d %s/freehold-unit-*-shop.web.7 2>/dev/null | wc -l",
		       m.memory_dir);
	struct buf found BUF_CLEANUP;
	buf_init(&found, 64);
	FILE *f = popen(command, "re"); /* NOLINT(cert-env33-c): a test's own text */
	assert_non_null(f);
	int count = 0;
	assert_int_equal(fscanf(f, "%d", &count), 1);
	(void)pclose(f);
	return count > 0;
}

static bool can_group(void)
{
	struct limits_means m;
	limits_find(&m);
	return m.memory != LIMITS_RLIMITS;
}

static void test_serves_retires_and_thaws(void **state)
{
	(void)state;
	struct bench b;
	bench_open(&b, serve);
	supervisor_start(b.s, &b.spec, on_done, &b);
	await(&b, 1);
	assert_string_equal(b.err.msg, "");
	json_t *o JSON_CLEANUP = look(&b);
	assert_string_equal(json_str(o, "state", ""), "running");
	assert_string_equal(json_str(json_object_get(o, "server"), "state", ""), "serving");
	assert_true(has_group() == can_group());
	supervisor_signal(b.s, UNIT, SIGUSR1);
	supervisor_await(b.s, UNIT, "frozen", 10000, on_done, &b);
	await(&b, 2);
	assert_int_equal(b.err.code, ERR_NONE);
	assert_false(file_exists(b.socket));
	supervisor_signal(b.s, UNIT, SIGUSR2);
	supervisor_await(b.s, UNIT, "serving", 10000, on_done, &b);
	await(&b, 3);
	assert_int_equal(b.err.code, ERR_NONE);
	assert_true(file_exists(b.socket));
	supervisor_await(b.s, UNIT, "frozen", 50, on_done, &b);
	await(&b, 4);
	assert_int_equal(b.err.code, ERR_TIMEOUT);
	bench_close(&b);
	assert_false(has_group());
}

static void test_the_next_daemon_finds_it_and_its_group(void **state)
{
	(void)state;
	struct bench b;
	bench_open(&b, serve);
	supervisor_start(b.s, &b.spec, on_done, &b);
	await(&b, 1);
	pid_t pid = pid_of(&b);
	close_daemon(&b);
	/* It is told to end and stands still, so that it is there yet. */
	assert_int_equal(kill(pid, SIGSTOP), 0);
	open_daemon(&b);
	supervisor_sweep(
	    b.s); /* forgets the record of what nobody claims yet, and leaves a group that holds somebody */
	assert_int_equal(has_group(), can_group());
	close_daemon(&b);
	assert_int_equal(kill(pid, SIGKILL), 0);
	open_daemon(&b);
	supervisor_start(b.s, &b.spec, on_done, &b);
	await(&b, 2);
	assert_int_not_equal(pid_of(&b), pid);
	bench_close(&b);
	assert_false(has_group());
}

static void test_gives_up_with_the_reason(void **state)
{
	(void)state;
	struct bench b;
	bench_open(&b, "import sys; sys.exit(3)");
	b.spec.gives_up = true;
	supervisor_start(b.s, &b.spec, on_done, &b);
	await(&b, 1);
	assert_int_equal(b.err.code, ERR_FAILED);
	assert_string_equal(b.err.msg, "the server ended with status 3 before it listened");
	json_t *o JSON_CLEANUP = look(&b);
	assert_string_equal(json_str(o, "state", ""), "failing");
	assert_string_equal(json_str(o, "why", ""), "exited");
	assert_int_equal(json_int(o, "restarts", -1), 0);
	bench_close(&b);
}

static void test_out_of_memory_is_said_with_figures(void **state)
{
	(void)state;
	struct bench b;
	bench_open(&b, hoard);
	b.spec.gives_up = true;
	supervisor_start(b.s, &b.spec, on_done, &b);
	await(&b, 1);
	assert_non_null(strstr(b.err.msg, "100 MB"));
	json_t *o JSON_CLEANUP = look(&b);
	assert_string_equal(json_str(o, "why", ""), "out-of-memory");
	bench_close(&b);
}

static void test_a_crash_loop_keeps_its_reason(void **state)
{
	(void)state;
	struct bench b;
	bench_open(&b, "");
	supervisor_start(b.s, &b.spec, on_done, &b);
	await(&b, 1);
	assert_int_equal(b.err.code, ERR_FAILED);
	json_t *o JSON_CLEANUP = look(&b);
	assert_string_equal(json_str(o, "state", ""), "failing");
	assert_string_equal(json_str(o, "why", ""), "exited-0");
	assert_non_null(strstr(json_str(o, "reason", ""), "another platform"));
	bench_close(&b);
}

int main(int argc, char **argv)
{
	(void)signal(SIGPIPE, SIG_IGN);
	if (argc != 2) return 2;
	program = realpath(argv[1], NULL);
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_serves_retires_and_thaws),
	    cmocka_unit_test(test_the_next_daemon_finds_it_and_its_group),
	    cmocka_unit_test(test_gives_up_with_the_reason),
	    cmocka_unit_test(test_out_of_memory_is_said_with_figures),
	    cmocka_unit_test(test_a_crash_loop_keeps_its_reason),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
