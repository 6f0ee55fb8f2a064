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
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "server_box.h"

static void on_gone(void *arg)
{
	((struct fixture *)arg)->gone++;
}

static void on_room(void *arg)
{
	((struct fixture *)arg)->rooms++;
}

static void hold(struct fixture *f, struct http_request *req)
{
	http_body_pause(req);
	f->held = req;
	f->holds++;
}

static bool on_chunk(void *arg, struct http_request *req, struct str bytes, struct err *err)
{
	struct fixture *f = arg;
	f->chunk_bytes += bytes.len;
	for (size_t i = 0; i < bytes.len; i++) f->chunk_sum += (unsigned char)bytes.ptr[i];
	if (str_eq(http_path(req), STR("/full")) && f->chunk_bytes > 100000)
		return err_set(err, ERR_UNAVAILABLE, "the disk is full");
	assert_null(f->held);
	if (str_has_prefix(http_path(req), STR("/held"))) hold(f, req);
	return true;
}

static void on_head(void *arg, struct http_request *req)
{
	if (str_eq(http_path(req), STR("/upload"))) http_body_stream(req, 64u << 20, on_chunk, arg);
	if (str_eq(http_path(req), STR("/full"))) http_body_stream(req, 64u << 20, on_chunk, arg);
	if (str_has_prefix(http_path(req), STR("/held"))) {
		http_body_stream(req, 64u << 20, on_chunk, arg);
		hold(arg, req);
	}
	if (str_eq(http_path(req), STR("/small"))) http_body_limit(req, 10);
	if (str_eq(http_path(req), STR("/refuse"))) http_reply(req, 403, NULL, 0, STR("no"));
}

static void reply_seen(struct fixture *f, struct http_request *req)
{
	(void)snprintf(f->seen, sizeof f->seen, "%.*s|%.*s|%.*s|%.*s|%.*s", STR_FMT(http_method(req)),
		       STR_FMT(http_path(req)), STR_FMT(http_query(req)), STR_FMT(http_header(req, STR("x-one"))),
		       STR_FMT(http_body(req)));
	struct http_reply_field fields[] = {{"Content-Type", "text/plain"}, {"X-Bad", "a\r\nInjected: yes"}};
	http_reply(req, 200, fields, 2, str_from(f->seen));
}

void on_request(void *arg, struct http_request *req)
{
	struct fixture *f = arg;
	f->asked++;
	if (str_eq(http_path(req), STR("/file"))) {
		http_reply_file(req, 206, NULL, 0, open(f->file, O_RDONLY | O_CLOEXEC), 3, 4);
		return;
	}
	if (str_eq(http_path(req), STR("/later")) || str_eq(http_path(req), STR("/stream"))) {
		http_on_gone(req, on_gone, f);
		f->kept = req;
		if (str_eq(http_path(req), STR("/later"))) return;
		http_reply_begin(req, 200, NULL, 0,
				 &(struct http_stream_spec){.queue_max_bytes = 1000, .on_room = on_room, .arg = f});
		return;
	}
	if (str_eq(http_path(req), STR("/upload")) || str_eq(http_path(req), STR("/held"))) {
		char text[64];
		(void)snprintf(text, sizeof text, "%llu %u", (unsigned long long)f->chunk_bytes, f->chunk_sum);
		http_reply(req, 200, NULL, 0, str_from(text));
		return;
	}
	reply_seen(f, req);
}

static void on_refused(void *arg, struct http_request *req, const struct err *why)
{
	((struct fixture *)arg)->refused++;
	http_reply_error(req, why);
}

void start_with(struct fixture *f, struct http_server_spec spec)
{
	struct err err;
	struct http_handler handler = {on_head, on_request, on_refused, f};
	spec.socket_path = f->path;
	if (!http_server_start(&f->loop, &spec, &handler, &f->server, &err)) fail_msg("%s", err.msg);
}

int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);
	assert_int_equal(uv_loop_init(&f->loop), 0);
	(void)snprintf(f->folder, sizeof f->folder, "/tmp/freehold-http-XXXXXX");
	assert_non_null(mkdtemp(f->folder));
	(void)snprintf(f->path, sizeof f->path, "%s/s.sock", f->folder);
	start_with(f, (struct http_server_spec){.body_max_bytes = 1000});
	*state = f;
	return 0;
}

int teardown(void **state)
{
	struct fixture *f = *state;
	if (f->server != NULL) http_server_close(f->server, NULL, NULL);
	(void)uv_run(&f->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&f->loop), 0);
	(void)unlink(f->path);
	(void)rmdir(f->folder);
	free(f);
	return 0;
}

int dial(const struct fixture *f)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	(void)snprintf(address.sun_path, sizeof address.sun_path, "%s", f->path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
	return fd;
}

static void wake(uv_timer_t *timer)
{
	(void)timer;
}

void turn(struct fixture *f)
{
	uv_timer_t timer;
	(void)uv_timer_init(&f->loop, &timer);
	(void)uv_timer_start(&timer, wake, 5, 0);
	(void)uv_run(&f->loop, UV_RUN_ONCE);
	uv_close((uv_handle_t *)&timer, NULL);
	(void)uv_run(&f->loop, UV_RUN_NOWAIT);
	struct http_request *held = f->held;
	struct err why;
	if (held == NULL) return;
	f->held = NULL;
	(void)err_set(&why, ERR_DENIED, "not yours");
	if (f->is_refusing)
		http_body_refuse(held, &why);
	else
		http_body_resume(held);
}

void turn_until(struct fixture *f, const int *count, int least)
{
	int64_t end_ms = clock_now_ms() + 5000;
	while (*count < least && clock_now_ms() < end_ms) turn(f);
	assert_true(*count >= least);
}

void say(struct fixture *f, int fd, const char *text, size_t len)
{
	int64_t end_ms = clock_now_ms() + 5000;
	while (len > 0 && clock_now_ms() < end_ms) {
		ssize_t n = send(fd, text, len, MSG_NOSIGNAL);
		if (n > 0)
			text += n, len -= (size_t)n;
		else
			turn(f);
	}
	assert_int_equal(len, 0);
}

char *hear(struct fixture *f, int fd, const char *until)
{
	static char text[1 << 16];
	size_t len = 0;
	int64_t end_ms = clock_now_ms() + 5000;
	for (text[0] = '\0'; clock_now_ms() < end_ms;) {
		ssize_t n = recv(fd, text + len, sizeof text - 1 - len, 0);
		if (n == 0) break;
		if (n < 0) {
			turn(f);
			continue;
		}
		text[len += (size_t)n] = '\0';
		if (until != NULL && strstr(text, until) != NULL) return text;
	}
	if (until != NULL) fail_msg("\"%s\" did not come: %s", until, text);
	return text;
}

char *ask(struct fixture *f, int fd, const char *request, const char *until)
{
	say(f, fd, request, strlen(request));
	return hear(f, fd, until);
}
