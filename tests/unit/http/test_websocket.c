/* SPDX-License-Identifier: Apache-2.0
 *
 * WebSockets on real sockets: the loop runs in this thread, a client of raw bytes writes and reads between its rounds.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "http/server.h"
#include "http/websocket.h"

#define REQUEST                                                                                                        \
	"GET /live?x=1 HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n"               \
	"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
#define ACCEPT "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
#define WAIT_MS 5000

struct fixture {
	uv_loop_t loop;
	char path[96], folder[64];
	struct http_server *server;
	struct http_sockets *sockets;
	struct http_socket *socket; /* the last that opened */
	int opened, closed;
	unsigned code;
	char reason[128];
	bool is_refusing;
};

static void on_open(void *arg, struct http_socket *socket)
{
	struct fixture *f = arg;
	f->opened++;
	f->socket = socket;
}

/* Says everything back; "bye" closes, "again" too, as a server that restarts does. */
static void on_message(void *arg, struct http_socket *socket, bool is_binary, struct str bytes)
{
	(void)arg;
	if (str_eq(bytes, STR("bye"))) {
		http_socket_close(socket, 4001, "as asked");
		return;
	}
	if (str_eq(bytes, STR("again"))) {
		http_socket_close(socket, HTTP_CLOSE_RESTART, "come again");
		return;
	}
	struct http_frame *frame = http_frame_new(is_binary, bytes);
	(void)http_socket_send(socket, frame);
	http_frame_put(frame);
}

static void on_closed(void *arg, struct http_socket *socket, unsigned code, const char *reason)
{
	struct fixture *f = arg;
	if (socket == f->socket) f->socket = NULL;
	f->closed++;
	f->code = code;
	(void)snprintf(f->reason, sizeof f->reason, "%s", reason);
}

static void on_request(void *arg, struct http_request *req)
{
	struct fixture *f = arg;
	if (http_socket_is_asked(req))
		http_socket_accept(f->sockets, req, f);
	else
		http_reply(req, 426, NULL, 0, STR("plain"));
}

static void start(struct fixture *f, struct http_sockets_spec spec)
{
	struct err err;
	*f = (struct fixture){0};
	assert_int_equal(uv_loop_init(&f->loop), 0);
	(void)snprintf(f->folder, sizeof f->folder, "/tmp/freehold-ws-XXXXXX");
	assert_non_null(mkdtemp(f->folder));
	(void)snprintf(f->path, sizeof f->path, "%s/s", f->folder);
	spec.handler = (struct http_socket_handler){on_open, on_message, on_closed};
	f->sockets = http_sockets_new(&f->loop, &spec);
	const struct http_server_spec server = {.socket_path = f->path};
	const struct http_handler handler = {.on_request = on_request, .arg = f};
	if (!http_server_start(&f->loop, &server, &handler, &f->server, &err)) fail_msg("%s", err.msg);
}

static void stop(struct fixture *f)
{
	http_server_close(f->server, NULL, NULL);
	http_sockets_stop(f->sockets);
	assert_int_equal(f->closed, f->opened);
	(void)uv_run(&f->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&f->loop), 0);
	(void)unlink(f->path);
	(void)rmdir(f->folder);
}

static int dial(struct fixture *f)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	(void)snprintf(address.sun_path, sizeof address.sun_path, "%s", f->path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
	return fd;
}

static void rounds(struct fixture *f)
{
	for (int i = 0; i < 3; i++) (void)uv_run(&f->loop, UV_RUN_NOWAIT);
}

static void say(int fd, const void *bytes, size_t len)
{
	assert_int_equal(send(fd, bytes, len, MSG_NOSIGNAL), (ssize_t)len);
}

/* Until so many bytes are there, or the server has closed. */
static size_t hear(struct fixture *f, int fd, char *to, size_t size)
{
	size_t len = 0;
	int64_t until_ms = clock_now_ms() + WAIT_MS;
	while (len < size && clock_now_ms() < until_ms) {
		(void)uv_run(&f->loop, UV_RUN_NOWAIT);
		ssize_t n = recv(fd, to + len, size - len, 0);
		if (n == 0 || (n < 0 && errno != EAGAIN)) break;
		if (n > 0) len += (size_t)n;
	}
	return len;
}

static void hear_exactly(struct fixture *f, int fd, const char *bytes, size_t len)
{
	char got[512];
	assert_in_range(len, 1, sizeof got);
	assert_int_equal(hear(f, fd, got, len), len);
	assert_memory_equal(got, bytes, len);
}

static int upgrade(struct fixture *f)
{
	char head[1024] = "";
	int fd = dial(f);
	say(fd, REQUEST, sizeof REQUEST - 1);
	size_t len = 0;
	while (strstr(head, "\r\n\r\n") == NULL) {
		assert_int_equal(hear(f, fd, head + len, 1), 1);
		head[++len] = '\0';
	}
	assert_non_null(strstr(head, "HTTP/1.1 101 "));
	assert_non_null(strstr(head, ACCEPT "\r\n"));
	return fd;
}

/* A masked frame with the mask 0: the payload as it is. */
static void say_frame(int fd, unsigned first, const char *payload, size_t len)
{
	char head[14] = {(char)first};
	size_t at = 2;
	if (len < 126) {
		head[1] = (char)(0x80 | len);
	} else if (len < 65536) {
		head[1] = (char)(0x80 | 126);
		head[2] = (char)(len >> 8);
		head[3] = (char)len;
		at = 4;
	} else {
		head[1] = (char)(0x80 | 127);
		for (int i = 0; i < 8; i++) head[2 + i] = (char)((uint64_t)len >> (56 - 8 * i));
		at = 10;
	}
	say(fd, head, at + 4);
	if (len > 0) say(fd, payload, len);
}

static void await_closed(struct fixture *f, int closed)
{
	int64_t until_ms = clock_now_ms() + WAIT_MS;
	while (f->closed < closed && clock_now_ms() < until_ms) (void)uv_run(&f->loop, UV_RUN_NOWAIT);
	assert_int_equal(f->closed, closed);
}

static void test_echoes_and_closes(void **state)
{
	(void)state;
	struct fixture f;
	start(&f, (struct http_sockets_spec){0});
	int fd = upgrade(&f);
	say_frame(fd, 0x81, "hello", 5);
	hear_exactly(&f, fd, "\x81\x05hello", 7);
	say_frame(fd, 0x82, "\x00\xff", 2);
	hear_exactly(&f, fd, "\x82\x02\x00\xff", 4);
	/* In two parts, with a ping between them. */
	say_frame(fd, 0x01, "one ", 4);
	say_frame(fd, 0x89, "p", 1);
	say_frame(fd, 0x80, "two", 3);
	char got[12];
	assert_int_equal(hear(&f, fd, got, 12), 12);
	assert_true(memcmp(got, "\x81\x07one two\x8a\x01p", 12) == 0 ||
		    memcmp(got, "\x8a\x01p\x81\x07one two", 12) == 0);
	say_frame(fd, 0x88,
		  "\x03\xe8"
		  "done",
		  6);
	char end[64];
	assert_int_equal(hear(&f, fd, end, sizeof end), 8);
	assert_memory_equal(end,
			    "\x88\x06\x03\xe8"
			    "done",
			    8);
	await_closed(&f, 1);
	assert_int_equal(f.code, 1000);
	assert_string_equal(f.reason, "done");
	(void)close(fd);
	stop(&f);
}

static void test_closes_with_a_reason(void **state)
{
	(void)state;
	struct fixture f;
	start(&f, (struct http_sockets_spec){.close_ms = 100});
	int fd = upgrade(&f);
	say_frame(fd, 0x81, "first", 5);
	say_frame(fd, 0x81, "bye", 3);
	hear_exactly(&f, fd,
		     "\x81\x05"
		     "first\x88\x0a\x0f\xa1"
		     "as asked",
		     7 + 12);
	/* A client that does not answer is cut. */
	await_closed(&f, 1);
	assert_int_equal(f.code, 4001);
	assert_string_equal(f.reason, "as asked");
	(void)close(fd);
	stop(&f);
}

/* Browsers and Node answer with the code that they got, and wait for the end of the connection. */
static void test_an_answered_close_ends_at_once(void **state)
{
	(void)state;
	struct fixture f;
	start(&f, (struct http_sockets_spec){.close_ms = 60000});
	int fd = upgrade(&f);
	say_frame(fd, 0x81, "again", 5);
	hear_exactly(&f, fd,
		     "\x88\x0c\x03\xf4"
		     "come again",
		     14);
	say_frame(fd, 0x88, "\x03\xf4", 2);
	await_closed(&f, 1);
	assert_int_equal(f.code, HTTP_CLOSE_RESTART);
	(void)close(fd);
	stop(&f);
}

static void expect_close(struct fixture *f, int fd, unsigned code)
{
	char got[128];
	int closed = f->closed;
	assert_in_range(hear(f, fd, got, 4), 4, 4);
	assert_int_equal((unsigned char)got[0], 0x88);
	assert_int_equal((unsigned)(unsigned char)got[2] << 8 | (unsigned char)got[3], code);
	(void)close(fd);
	await_closed(f, closed + 1);
	assert_int_equal(f->code, code);
}

static void test_refuses_broken_frames(void **state)
{
	(void)state;
	struct fixture f;
	start(&f, (struct http_sockets_spec){.message_max_bytes = 1000});
	int fd = upgrade(&f);
	say(fd, "\x81\x01x", 3); /* not masked */
	expect_close(&f, fd, 1002);
	fd = upgrade(&f);
	say_frame(fd, 0x81, "\xff", 1);
	expect_close(&f, fd, 1007);
	fd = upgrade(&f);
	say_frame(fd, 0xF1, "x", 1); /* bits that nobody agreed on */
	expect_close(&f, fd, 1002);
	fd = upgrade(&f);
	char large[1001];
	memset(large, 'x', sizeof large);
	say_frame(fd, 0x81, large, 1000);
	char got[1004];
	assert_int_equal(hear(&f, fd, got, sizeof got), sizeof got);
	say_frame(fd, 0x81, large, 1001);
	expect_close(&f, fd, 1009);
	stop(&f);
}

static void test_plain_requests(void **state)
{
	(void)state;
	struct fixture f;
	char got[512] = "";
	start(&f, (struct http_sockets_spec){0});
	int fd = dial(&f);
	static const char plain[] = "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n";
	say(fd, plain, sizeof plain - 1);
	(void)hear(&f, fd, got, 12);
	assert_memory_equal(got, "HTTP/1.1 426", 12);
	(void)close(fd);
	assert_int_equal(f.opened, 0);
	stop(&f);
}

static void test_hears_what_came_with_the_request(void **state)
{
	(void)state;
	struct fixture f;
	static const char both[] = REQUEST "\x81\x82\x00\x00\x00\x00hi";
	char got[1024] = "";
	start(&f, (struct http_sockets_spec){0});
	int fd = dial(&f);
	say(fd, both, sizeof both - 1);
	size_t len = 0;
	while (len < 4 || memcmp(got + len - 4, "\x81\x02hi", 4) != 0) {
		assert_in_range(len, 0, sizeof got - 1);
		assert_int_equal(hear(&f, fd, got + len, 1), 1);
		len++;
	}
	(void)close(fd);
	await_closed(&f, 1);
	assert_string_equal(f.reason, "the client went away");
	stop(&f);
}

/* 64 KiB at a time until the kernel takes no more, then until the queue is full: that one is cut, the other is not. */
static void test_cuts_who_does_not_read(void **state)
{
	(void)state;
	struct fixture f;
	start(&f, (struct http_sockets_spec){.queue_max_bytes = 1u << 20});
	int other = upgrade(&f);
	struct http_socket *reader = f.socket;
	int fd = upgrade(&f);
	char *large = calloc(1, 65536);
	struct http_frame *frame = http_frame_new(true, (struct str){large, 65536});
	int sent = 0;
	while (f.closed == 0) {
		if (f.socket != NULL && http_socket_send(f.socket, frame)) sent++;
		assert_in_range(sent, 0, 200);
		rounds(&f);
	}
	assert_in_range(sent, 15, 200);
	assert_int_equal(f.code, HTTP_CLOSE_ABNORMAL);
	assert_non_null(strstr(f.reason, "does not read"));
	assert_true(http_socket_send(reader, frame));
	char *got = malloc(65546);
	assert_int_equal(hear(&f, other, got, 65546), 65546);
	http_frame_put(frame);
	free(large);
	free(got);
	(void)close(fd);
	(void)close(other);
	await_closed(&f, 2);
	stop(&f);
}

static void test_deadlines(void **state)
{
	(void)state;
	struct fixture f;
	start(&f, (struct http_sockets_spec){.stall_ms = 300, .idle_ms = 100000});
	int fd = upgrade(&f);
	char *large = calloc(1, 4u << 20);
	struct http_frame *frame = http_frame_new(true, (struct str){large, 4u << 20});
	assert_true(http_socket_send(f.socket, frame));
	http_frame_put(frame);
	free(large);
	await_closed(&f, 1);
	assert_non_null(strstr(f.reason, "nothing moves"));
	(void)close(fd);
	stop(&f);
	start(&f, (struct http_sockets_spec){.idle_ms = 200});
	fd = upgrade(&f);
	expect_close(&f, fd, 1000);
	assert_non_null(strstr(f.reason, "nothing was heard"));
	stop(&f);
}

static void test_leaving_early(void **state)
{
	(void)state;
	struct fixture f;
	start(&f, (struct http_sockets_spec){0});
	for (int i = 0; i < 20; i++) {
		int fd = dial(&f);
		say(fd, REQUEST, sizeof REQUEST - 1);
		if (i % 2 == 0) (void)uv_run(&f.loop, UV_RUN_NOWAIT);
		(void)close(fd);
		rounds(&f);
	}
	int64_t until_ms = clock_now_ms() + WAIT_MS;
	while (http_sockets_count(f.sockets) > 0 && clock_now_ms() < until_ms) rounds(&f);
	assert_int_equal(http_sockets_count(f.sockets), 0);
	assert_in_range(f.closed, f.opened, 20);
	f.opened = f.closed;
	/* And one that the server leaves. */
	int fd = upgrade(&f);
	stop(&f);
	assert_int_equal(f.code, HTTP_CLOSE_GOING_AWAY);
	(void)close(fd);
}

int main(void)
{
	(void)signal(SIGPIPE, SIG_IGN);
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_echoes_and_closes),
	    cmocka_unit_test(test_closes_with_a_reason),
	    cmocka_unit_test(test_an_answered_close_ends_at_once),
	    cmocka_unit_test(test_refuses_broken_frames),
	    cmocka_unit_test(test_plain_requests),
	    cmocka_unit_test(test_hears_what_came_with_the_request),
	    cmocka_unit_test(test_cuts_who_does_not_read),
	    cmocka_unit_test(test_deadlines),
	    cmocka_unit_test(test_leaving_early),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
