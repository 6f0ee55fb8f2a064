/* SPDX-License-Identifier: Apache-2.0
 *
 * The waiting client against our own server, which runs in a child process. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "http/client.h"
#include "http/server.h"

struct fixture {
	char folder[64];
	char path[96];
	pid_t pid;
	int lines;
	char joined[256];
	size_t left;
};

static uint64_t received_bytes;

static bool on_chunk(void *arg, struct http_request *req, struct str bytes, struct err *err)
{
	(void)arg, (void)req, (void)err;
	received_bytes += bytes.len;
	return true;
}

static void on_head(void *arg, struct http_request *req)
{
	received_bytes = 0;
	if (str_eq(http_path(req), STR("/upload"))) http_body_stream(req, 8u << 20, on_chunk, arg);
}

static void reply_lines(struct http_request *req, bool is_whole)
{
	http_reply_begin(req, 200, NULL, 0, &(struct http_stream_spec){0});
	(void)http_stream_write(req, STR("one\ntwo\r\nth"));
	(void)http_stream_write(req, STR("ree\n\nlast"));
	http_stream_end(req, is_whole);
}

static void on_request(void *arg, struct http_request *req)
{
	(void)arg;
	char text[512];
	struct err err;
	(void)err_set(&err, ERR_CONFLICT, "shop exists already");
	if (str_eq(http_path(req), STR("/lines"))) {
		reply_lines(req, true);
	} else if (str_eq(http_path(req), STR("/cut"))) {
		reply_lines(req, false);
	} else if (str_eq(http_path(req), STR("/silent"))) {
		return;
	} else if (str_eq(http_path(req), STR("/taken"))) {
		http_reply_error(req, &err);
	} else if (str_eq(http_path(req), STR("/upload"))) {
		(void)snprintf(text, sizeof text, "%llu", (unsigned long long)received_bytes);
		http_reply(req, 200, NULL, 0, str_from(text));
	} else {
		(void)snprintf(text, sizeof text, "%.*s %.*s?%.*s host=%.*s type=%.*s x=%.*s body=%.*s",
			       STR_FMT(http_method(req)), STR_FMT(http_path(req)), STR_FMT(http_query(req)),
			       STR_FMT(http_header(req, STR("host"))), STR_FMT(http_header(req, STR("content-type"))),
			       STR_FMT(http_header(req, STR("x"))), STR_FMT(http_body(req)));
		http_reply(req, 200, (struct http_reply_field[]){{"Content-Type", "text/plain"}}, 1, str_from(text));
	}
}

static void serve(const char *path, int ready_fd)
{
	uv_loop_t loop;
	struct http_server *s;
	struct err err;
	struct http_handler handler = {.on_head = on_head, .on_request = on_request};
	struct http_server_spec spec = {.socket_path = path};
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (uv_loop_init(&loop) != 0 || !http_server_start(&loop, &spec, &handler, &s, &err)) _exit(1);
	(void)close(ready_fd);
	(void)uv_run(&loop, UV_RUN_DEFAULT);
	_exit(0);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);
	(void)snprintf(f->folder, sizeof f->folder, "/tmp/freehold-http-XXXXXX");
	assert_non_null(mkdtemp(f->folder));
	(void)snprintf(f->path, sizeof f->path, "%s/s.sock", f->folder);
	int ready[2];
	assert_int_equal(pipe(ready), 0);
	f->pid = fork();
	if (f->pid == 0) {
		(void)close(ready[0]);
		serve(f->path, ready[1]);
	}
	(void)close(ready[1]);
	char none;
	(void)!read(ready[0], &none, 1); /* ends when it listens */
	(void)close(ready[0]);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	(void)kill(f->pid, SIGKILL);
	(void)waitpid(f->pid, NULL, 0);
	(void)unlink(f->path);
	(void)rmdir(f->folder);
	free(f);
	return 0;
}

static void expect(const struct http_call *call, long status, const char *text)
{
	struct buf body BUF_CLEANUP;
	struct http_answer answer;
	struct err err;
	buf_init(&body, 1000);
	if (!http_call(call, &body, &answer, &err)) fail_msg("%s", err.msg);
	assert_int_equal(answer.status, status);
	assert_string_equal(buf_cstr(&body), text);
}

static void test_methods_and_bodies(void **state)
{
	struct fixture *f = *state;
	expect(&(struct http_call){.socket_path = f->path, .url = "http://localhost/a?b=1"}, 200,
	       "GET /a?b=1 host=localhost type= x= body=");
	expect(&(struct http_call){.socket_path = f->path, .url = "http://localhost/a", .body = STR("{}")}, 200,
	       "POST /a? host=localhost type=application/json x= body={}");
	expect(&(struct http_call){.socket_path = f->path,
				   .method = "PUT",
				   .url = "http://localhost/a",
				   .host = "shop.localhost",
				   .content_type = "text/plain",
				   .headers = (const char *[]){"X: y", NULL},
				   .body = STR("t")},
	       200, "PUT /a? host=shop.localhost type=text/plain x=y body=t");
	expect(&(struct http_call){.socket_path = f->path, .method = "DELETE", .url = "http://localhost/a"}, 200,
	       "DELETE /a? host=localhost type= x= body=");
}

static ptrdiff_t give(void *arg, char *to, size_t size)
{
	struct fixture *f = arg;
	size_t n = f->left < size ? f->left : size;
	memset(to, 'x', n);
	f->left -= n;
	return (ptrdiff_t)n;
}

static void test_upload_from_a_callback(void **state)
{
	struct fixture *f = *state;
	for (int is_known = 0; is_known < 2; is_known++) {
		f->left = 5u << 20;
		expect(&(struct http_call){.socket_path = f->path,
					   .url = "http://localhost/upload",
					   .on_read = give,
					   .arg = f,
					   .upload_bytes = is_known ? (int64_t)f->left : -1},
		       200, "5242880");
	}
	/* More than the route takes: the server's words arrive. */
	struct buf body BUF_CLEANUP;
	struct http_answer answer;
	struct err err;
	buf_init(&body, 1000);
	f->left = 9u << 20;
	struct http_call call = {.socket_path = f->path, .url = "http://localhost/upload", .on_read = give, .arg = f};
	assert_false(http_call_ok(&call, &body, &answer, &err));
	assert_int_equal(err.code, ERR_LIMIT);
	assert_non_null(strstr(err.msg, "allowed here"));
}

static ptrdiff_t give_nothing(void *arg, char *to, size_t size)
{
	(void)arg, (void)to, (void)size;
	return -1;
}

static bool on_line(void *arg, struct str line)
{
	struct fixture *f = arg;
	f->lines++;
	size_t len = strlen(f->joined);
	(void)snprintf(f->joined + len, sizeof f->joined - len, "[%.*s]", STR_FMT(line));
	return !str_eq(line, STR("stop")) && f->left != (size_t)f->lines;
}

static void test_answer_line_by_line(void **state)
{
	struct fixture *f = *state;
	struct http_call call = {.socket_path = f->path, .url = "http://localhost/lines", .on_line = on_line, .arg = f};
	expect(&call, 200, "");
	assert_string_equal(f->joined, "[one][two][three][][last]");
	f->lines = 0;
	f->left = 2;
	expect(&call, 200, "");
	assert_int_equal(f->lines, 2);
}

static void test_errors_are_told_apart(void **state)
{
	struct fixture *f = *state;
	struct buf body BUF_CLEANUP;
	struct http_answer answer;
	struct err err;
	buf_init(&body, 1000);
	struct http_call call = {.socket_path = f->path, .url = "http://localhost/taken"};
	assert_false(http_call_ok(&call, &body, &answer, &err));
	assert_int_equal(err.code, ERR_CONFLICT);
	assert_string_equal(err.msg, "shop exists already");
	call.url = "http://localhost/cut";
	assert_false(http_call(&call, &body, &answer, &err));
	assert_int_equal(err.code, ERR_UNAVAILABLE);
	assert_non_null(strstr(err.msg, "before its answer was whole"));
	call.url = "http://localhost/silent";
	call.deadline_ms = 200;
	assert_false(http_call(&call, &body, &answer, &err));
	assert_int_equal(err.code, ERR_TIMEOUT);
	call.socket_path = "/nonexistent/s.sock";
	assert_false(http_call(&call, &body, &answer, &err));
	assert_int_equal(err.code, ERR_UNAVAILABLE);
	call = (struct http_call){.socket_path = f->path, .url = "http://localhost/u", .on_read = give_nothing};
	assert_false(http_call(&call, &body, &answer, &err));
	assert_int_equal(err.code, ERR_IO);
	struct buf tiny BUF_CLEANUP;
	buf_init(&tiny, 10);
	call = (struct http_call){.socket_path = f->path, .url = "http://localhost/long"};
	assert_false(http_call(&call, &tiny, &answer, &err));
	assert_int_equal(err.code, ERR_LIMIT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_methods_and_bodies, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_upload_from_a_callback, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_answer_line_by_line, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_errors_are_told_apart, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
