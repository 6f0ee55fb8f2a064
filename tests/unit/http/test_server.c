/* SPDX-License-Identifier: Apache-2.0
 *
 * The server on real sockets: the loop runs in this thread, a client of raw bytes writes and reads between its rounds.
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
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "http/server.h"

struct fixture {
	uv_loop_t loop;
	char folder[64];
	char path[96];
	const char *file; /* for /file */
	struct http_server *server;
	struct http_request *kept; /* by /later and /stream */
	int asked, gone, refused, rooms, drained;
	struct http_request *held; /* its body is paused; the next turn goes on with it, or refuses */
	int holds;
	bool is_refusing;
	uint64_t chunk_bytes;
	uint32_t chunk_sum;
	char seen[256];
};

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
	uid_t uid = 12345;
	bool has_uid = http_peer_uid(req, &uid);
	(void)snprintf(f->seen, sizeof f->seen, "%.*s|%.*s|%.*s|%.*s|%.*s|%d", STR_FMT(http_method(req)),
		       STR_FMT(http_path(req)), STR_FMT(http_query(req)), STR_FMT(http_header(req, STR("x-one"))),
		       STR_FMT(http_body(req)), has_uid && uid == getuid());
	struct http_reply_field fields[] = {{"Content-Type", "text/plain"}, {"X-Bad", "a\r\nInjected: yes"}};
	http_reply(req, 200, fields, 2, str_from(f->seen));
}

static void on_request(void *arg, struct http_request *req)
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

static void start_with(struct fixture *f, struct http_server_spec spec)
{
	struct err err;
	struct http_handler handler = {on_head, on_request, on_refused, f};
	spec.socket_path = f->path;
	if (!http_server_start(&f->loop, &spec, &handler, &f->server, &err)) fail_msg("%s", err.msg);
}

static int setup(void **state)
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

static int teardown(void **state)
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

static int dial(const struct fixture *f)
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

/* One round of the loop, a few milliseconds at most. */
static void turn(struct fixture *f)
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

static void turn_until(struct fixture *f, const int *count, int least)
{
	int64_t end_ms = clock_now_ms() + 5000;
	while (*count < least && clock_now_ms() < end_ms) turn(f);
	assert_true(*count >= least);
}

static void say(struct fixture *f, int fd, const char *text, size_t len)
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

/* Reads until `until` was seen, or the end of the connection when it is NULL. */
static char *hear(struct fixture *f, int fd, const char *until)
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

static char *ask(struct fixture *f, int fd, const char *request, const char *until)
{
	say(f, fd, request, strlen(request));
	return hear(f, fd, until);
}

static void test_what_is_asked_arrives_as_it_came(void **state)
{
	struct fixture *f = *state;
	int fd = dial(f);
	char *text = ask(
	    f, fd,
	    "POST /rest/v1/a%2Fb%20c?x=eq.%26&y&z==1 HTTP/1.1\r\nHost: h\r\nX-ONE: v\r\nContent-Length: 5\r\n\r\nhello",
	    "|hello|1");
	assert_non_null(strstr(text, "HTTP/1.1 200 OK"));
	assert_non_null(strstr(text, "POST|/rest/v1/a%2Fb%20c|x=eq.%26&y&z==1|v|hello|1"));
	assert_null(strstr(text, "Injected"));
	/* The connection is kept, and a second request on it is its own. */
	text = ask(f, fd, "GET /two HTTP/1.1\r\nHost: h\r\n\r\n", "GET|/two||||1");
	assert_null(strstr(text, "hello"));
	(void)close(fd);
}

static void test_pipelined_requests_are_answered_in_order(void **state)
{
	struct fixture *f = *state;
	int fd = dial(f);
	char *text = ask(f, fd, "GET /1 HTTP/1.1\r\nHost: h\r\n\r\nGET /2 HTTP/1.1\r\nHost: h\r\n\r\n", "|/2|");
	assert_non_null(strstr(text, "|/1|"));
	assert_true(strstr(text, "|/1|") < strstr(text, "|/2|"));
	(void)close(fd);
}

static void test_chunked_body_is_collected(void **state)
{
	struct fixture *f = *state;
	int fd = dial(f);
	(void)ask(f, fd,
		  "POST /c HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
		  "POST|/c|||abcde|1");
	(void)close(fd);
}

static void test_too_large_a_body_is_413_in_words(void **state)
{
	struct fixture *f = *state;
	char body[3000];
	memset(body, 'x', sizeof body);
	int fd = dial(f);
	const char *head = "POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 3000\r\n\r\n";
	say(f, fd, head, strlen(head));
	say(f, fd, body, sizeof body);
	char *text = hear(f, fd, "allowed here");
	assert_non_null(strstr(text, "HTTP/1.1 413"));
	assert_non_null(strstr(text, "{\"code\":\"limit\""));
	(void)close(fd);
	/* Hopeless lengths are refused before the body comes, as are those that ask first; a route's own limit counts.
	 */
	fd = dial(f);
	(void)ask(f, fd, "POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 99000000000\r\n\r\n", "413");
	(void)close(fd);
	fd = dial(f);
	text = ask(f, fd, "POST /small HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 11\r\n\r\n",
		   "the 10 bytes");
	assert_null(strstr(text, "100 Continue"));
	(void)close(fd);
	assert_int_equal(f->refused, 3);
	assert_int_equal(f->asked, 0);
}

static void test_head_can_refuse(void **state)
{
	struct fixture *f = *state;
	int fd = dial(f);
	char *text = ask(f, fd, "POST /refuse HTTP/1.1\r\nHost: h\r\nContent-Length: 500\r\n\r\n", "\r\n\r\nno");
	assert_non_null(strstr(text, "HTTP/1.1 403"));
	assert_int_equal(f->asked, 0);
	(void)close(fd);
}

static void upload(struct fixture *f, const char *path, bool is_chunked, size_t total, const char *until)
{
	static char block[1 << 16];
	memset(block, 'u', sizeof block);
	char head[200];
	int fd = dial(f);
	if (is_chunked)
		(void)snprintf(head, sizeof head, "PUT %s HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n",
			       path);
	else
		(void)snprintf(head, sizeof head, "PUT %s HTTP/1.1\r\nHost: h\r\nContent-Length: %zu\r\n\r\n", path,
			       total);
	say(f, fd, head, strlen(head));
	for (size_t left = total; left > 0; left -= sizeof block) {
		if (is_chunked) say(f, fd, "10000\r\n", 7);
		say(f, fd, block, sizeof block);
		if (is_chunked) say(f, fd, "\r\n", 2);
	}
	if (is_chunked) say(f, fd, "0\r\n\r\n", 5);
	(void)hear(f, fd, until);
	(void)close(fd);
}

static void test_uploads_are_streamed(void **state)
{
	struct fixture *f = *state;
	char expected[64];
	size_t total = 20u << 20;
	(void)snprintf(expected, sizeof expected, "%zu %u", total, (unsigned)(total * 'u'));
	upload(f, "/upload", false, total, expected);
	f->chunk_bytes = f->chunk_sum = 0;
	upload(f, "/upload", true, total, expected);
}

static void test_refusing_in_the_middle_of_an_upload_is_heard(void **state)
{
	struct fixture *f = *state;
	upload(f, "/full", true, 4u << 20, "the disk is full");
	assert_int_equal(f->refused, 1);
	assert_int_equal(f->asked, 0);
}

static void test_held_up_body_arrives_whole(void **state)
{
	struct fixture *f = *state;
	char expected[64];
	size_t total = 2u << 20;
	(void)snprintf(expected, sizeof expected, "%zu %u", total, (unsigned)(total * 'u'));
	upload(f, "/held", false, total, expected);
	f->chunk_bytes = f->chunk_sum = 0;
	upload(f, "/held", true, total, expected);
	assert_true(f->holds > 10);
	assert_int_equal(f->asked, 2);
}

/* Nothing of the body was read: a client that waits to be asked is told at once. */
static void test_refusing_while_held_at_the_head(void **state)
{
	struct fixture *f = *state;
	f->is_refusing = true;
	int fd = dial(f);
	const char *large = "POST /held HTTP/1.1\r\nHost: h\r\nContent-Length: 500000000\r\n\r\n";
	say(f, fd, large, strlen(large));
	assert_non_null(strstr(hear(f, fd, "not yours"), "HTTP/1.1 403"));
	(void)close(fd);
	assert_int_equal(f->chunk_bytes, 0);
	upload(f, "/held", false, 2u << 16, "not yours"); /* written first, read then */
	assert_int_equal(f->chunk_bytes, 0);
	assert_int_equal(f->refused, 2);
}

static void test_refusing_while_held_in_the_middle(void **state)
{
	struct fixture *f = *state;
	int fd = dial(f);
	const char *part = "POST /held HTTP/1.1\r\nHost: h\r\nContent-Length: 6\r\n\r\nabc";
	say(f, fd, part, strlen(part));
	turn_until(f, &f->holds, 2);
	f->is_refusing = true;
	say(f, fd, "def", 3);
	assert_non_null(strstr(hear(f, fd, "not yours"), "HTTP/1.1 403"));
	(void)close(fd);
}

static void test_leaving_while_held_frees_the_request(void **state)
{
	struct fixture *f = *state;
	int fd = dial(f);
	const char *part = "POST /held HTTP/1.1\r\nHost: h\r\nContent-Length: 500\r\n\r\nabc";
	say(f, fd, part, strlen(part));
	turn_until(f, &f->holds, 1);
	(void)close(fd);
	for (int i = 0; i < 9; i++) turn(f);
	assert_int_equal(f->asked, 0);
	assert_int_equal(http_server_active(f->server), 0);
}

static void test_part_of_a_file(void **state)
{
	struct fixture *f = *state;
	char name[] = "/tmp/freehold-http-file-XXXXXX";
	int file = mkstemp(name);
	assert_int_equal(write(file, "0123456789", 10), 10);
	(void)close(file);
	f->file = name;
	int fd = dial(f);
	say(f, fd, "GET /file HTTP/1.1\r\nHost: h\r\n\r\n", 31);
	const char *answer = hear(f, fd, "3456");
	assert_non_null(strstr(answer, "HTTP/1.1 206"));
	assert_non_null(strstr(answer, "Content-Length: 4\r\n"));
	say(f, fd, "HEAD /file HTTP/1.1\r\nHost: h\r\n\r\n", 32);
	assert_null(strstr(hear(f, fd, "\r\n\r\n"), "3456"));
	(void)close(fd);
	(void)unlink(name);
}

static void test_answer_later(void **state)
{
	struct fixture *f = *state;
	int fd = dial(f);
	say(f, fd, "GET /later HTTP/1.1\r\nHost: h\r\n\r\n", 32);
	turn_until(f, &f->asked, 1);
	assert_int_equal(http_server_active(f->server), 1);
	http_reply(f->kept, 201, NULL, 0, STR("at last"));
	assert_non_null(strstr(hear(f, fd, "at last"), "HTTP/1.1 201"));
	for (int i = 0; i < 3; i++) turn(f);
	assert_int_equal(http_server_active(f->server), 0);
	assert_int_equal(f->gone, 0);
	(void)close(fd);
}

static void test_client_that_leaves_is_seen(void **state)
{
	struct fixture *f = *state;
	int fd = dial(f);
	say(f, fd, "GET /later HTTP/1.1\r\nHost: h\r\n\r\n", 32);
	turn_until(f, &f->asked, 1);
	(void)close(fd);
	turn_until(f, &f->gone, 1);
	assert_true(http_is_gone(f->kept));
	http_reply(f->kept, 200, NULL, 0, STR("to nobody"));
	for (int i = 0; i < 3; i++) turn(f);
	assert_int_equal(http_server_active(f->server), 0);
	assert_int_equal(f->gone, 1);
}

static void test_leaving_in_the_middle_of_a_body_asks_nothing(void **state)
{
	struct fixture *f = *state;
	int fd = dial(f);
	const char *part = "POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 500\r\n\r\nabc";
	say(f, fd, part, strlen(part));
	turn(f);
	(void)close(fd);
	for (int i = 0; i < 5; i++) turn(f);
	assert_int_equal(f->asked, 0);
	assert_int_equal(http_server_active(f->server), 0);
}

static void test_streamed_answer(void **state)
{
	struct fixture *f = *state;
	int fd = dial(f);
	say(f, fd, "GET /stream HTTP/1.1\r\nHost: h\r\n\r\n", 33);
	turn_until(f, &f->asked, 1);
	assert_true(http_stream_write(f->kept, STR("first\n")));
	assert_non_null(strstr(hear(f, fd, "first"), "Transfer-Encoding: chunked"));
	assert_true(http_stream_write(f->kept, STR("second\n")));
	(void)hear(f, fd, "second");
	http_stream_end(f->kept, true);
	(void)hear(f, fd, "0\r\n\r\n");
	for (int i = 0; i < 3; i++) turn(f);
	assert_int_equal(http_server_active(f->server), 0);
	(void)close(fd);
}

static void test_slow_reader_fills_the_queue_and_hears_all(void **state)
{
	struct fixture *f = *state;
	char block[500];
	memset(block, 'b', sizeof block);
	int fd = dial(f), taken = 0;
	say(f, fd, "GET /stream HTTP/1.0\r\nHost: h\r\n\r\n", 33);
	turn_until(f, &f->asked, 1);
	/* Nobody reads: the socket fills, then the queue, then a write is refused. */
	for (int refusals = 0; refusals < 20;) {
		if (http_stream_write(f->kept, (struct str){block, sizeof block}))
			taken++, refusals = 0;
		else
			refusals++, turn(f);
	}
	assert_true(taken > 10);
	int rooms = f->rooms;
	size_t heard = 0;
	static char text[1 << 16];
	while (f->rooms == rooms) {
		ssize_t n = recv(fd, text, sizeof text, 0);
		if (n > 0) heard += (size_t)n;
		turn(f);
	}
	assert_false(http_stream_write(f->kept, (struct str){text, 1001})); /* never fits */
	http_stream_end(f->kept, true);
	for (;;) {
		ssize_t n = recv(fd, text, sizeof text, 0);
		if (n == 0) break;
		if (n > 0)
			heard += (size_t)n;
		else
			turn(f);
	}
	assert_true(heard > (size_t)taken * sizeof block);
	assert_true(heard < (size_t)taken * sizeof block + 500);
	(void)close(fd);
}

static void test_leaving_a_streamed_answer_is_seen(void **state)
{
	struct fixture *f = *state;
	int fd = dial(f);
	say(f, fd, "GET /stream HTTP/1.1\r\nHost: h\r\n\r\n", 33);
	turn_until(f, &f->asked, 1);
	assert_true(http_stream_write(f->kept, STR("first\n")));
	(void)hear(f, fd, "first");
	(void)close(fd);
	turn_until(f, &f->gone, 1);
	for (int i = 0; i < 10; i++) assert_true(http_stream_write(f->kept, STR("dropped\n")));
	http_stream_end(f->kept, true);
	for (int i = 0; i < 3; i++) turn(f);
	assert_int_equal(http_server_active(f->server), 0);
}

static void test_cut_stream_does_not_look_whole(void **state)
{
	struct fixture *f = *state;
	int fd = dial(f);
	say(f, fd, "GET /stream HTTP/1.1\r\nHost: h\r\n\r\n", 33);
	turn_until(f, &f->asked, 1);
	assert_true(http_stream_write(f->kept, STR("first\n")));
	http_stream_end(f->kept, false);
	assert_null(strstr(hear(f, fd, NULL), "\r\n0\r\n"));
	(void)close(fd);
}

static void on_drained(void *arg)
{
	struct fixture *f = arg;
	f->drained++;
	http_server_close(f->server, NULL, NULL);
	f->server = NULL;
}

static void test_drain_finishes_what_runs(void **state)
{
	struct fixture *f = *state;
	int fd = dial(f), waiting = dial(f);
	say(f, fd, "GET /later HTTP/1.1\r\nHost: h\r\n\r\n", 32);
	turn_until(f, &f->asked, 1);
	(void)send(waiting, "GET /w HTTP/1.1\r\nHost: h\r\n\r\n", 29, 0);
	http_server_drain(f->server, 3000, on_drained, f);
	assert_non_null(strstr(hear(f, waiting, "|/w|"), "Connection: close"));
	assert_int_equal(f->drained, 0);
	http_reply(f->kept, 200, NULL, 0, STR("done"));
	(void)hear(f, fd, "done");
	turn_until(f, &f->drained, 1);
	(void)close(fd);
	(void)close(waiting);
}

static void test_drain_has_a_deadline_and_close_keeps_owed_requests(void **state)
{
	struct fixture *f = *state;
	int fd = dial(f);
	say(f, fd, "GET /later HTTP/1.1\r\nHost: h\r\n\r\n", 32);
	turn_until(f, &f->asked, 1);
	http_server_drain(f->server, 300, on_drained, f);
	turn_until(f, &f->drained, 1);
	assert_int_equal(f->gone, 1);
	assert_int_equal(http_method(f->kept).len, 3);
	http_reply(f->kept, 200, NULL, 0, STR("to nobody"));
	(void)close(fd);
}

static void test_successor_takes_over_the_path(void **state)
{
	struct fixture *f = *state;
	struct http_server *old = f->server;
	int before = dial(f);
	turn(f);
	start_with(f, (struct http_server_spec){.socket_mode = 0660});
	struct stat st;
	assert_int_equal(stat(f->path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0660);
	int after = dial(f);
	http_server_close(old, NULL, NULL);
	(void)ask(f, after, "GET /new HTTP/1.1\r\nHost: h\r\n\r\n", "|/new|");
	(void)close(before);
	(void)close(after);
}

static void test_many_idle_connections(void **state)
{
	struct fixture *f = *state;
	struct rlimit limit;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	limit.rlim_cur = limit.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
	int count = limit.rlim_cur > 11000 ? 5000 : (int)limit.rlim_cur / 2 - 100;
	int *fds = calloc((size_t)count, sizeof *fds);
	for (int i = 0; i < count; i++) {
		fds[i] = dial(f);
		if (i % 10 == 0) turn(f); /* ten are accepted in a round */
	}
	(void)ask(f, fds[count - 1], "GET /last HTTP/1.1\r\nHost: h\r\n\r\n", "|/last|");
	(void)ask(f, fds[0], "GET /first HTTP/1.1\r\nHost: h\r\n\r\n", "|/first|");
	for (int i = 0; i < count; i++) (void)close(fds[i]);
	free(fds);
}

static void test_garbage_is_refused(void **state)
{
	struct fixture *f = *state;
	const char *bad[] = {"\r\n\r\n\r\n", "GET\r\n\r\n", "POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: -1\r\n\r\n",
			     "GET /x HTTP/1.1\r\nbroken header\r\n\r\n",
			     "POST /x HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		int fd = dial(f);
		say(f, fd, bad[i], strlen(bad[i]));
		for (int n = 0; n < 3; n++) turn(f);
		(void)close(fd);
	}
	for (int n = 0; n < 3; n++) turn(f);
	assert_int_equal(http_server_active(f->server), 0);
}

/* A filter with hundreds of values is a long line, and so is a token. */
static void test_long_heads_are_taken(void **state)
{
	struct fixture *f = *state;
	static char request[64 << 10];
	size_t len = (size_t)snprintf(request, sizeof request, "GET /long?q=");
	memset(request + len, 'q', 20000);
	len += 20000;
	len += (size_t)snprintf(request + len, sizeof request - len, " HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer ");
	memset(request + len, 't', 6000);
	len += 6000;
	(void)snprintf(request + len, sizeof request - len, "\r\n\r\n");
	int fd = dial(f);
	(void)ask(f, fd, request, "GET|/long|q=qqqq");
	(void)close(fd);
}

static void test_path_that_is_too_long_is_refused(void **state)
{
	struct fixture *f = *state;
	char path[200];
	memset(path, 'p', sizeof path);
	path[0] = '/';
	path[sizeof path - 1] = '\0';
	struct http_server *s = NULL;
	struct err err;
	struct http_handler handler = {.on_request = on_request, .arg = f};
	struct http_server_spec spec = {.socket_path = path};
	assert_false(http_server_start(&f->loop, &spec, &handler, &s, &err));
	assert_int_equal(err.code, ERR_LIMIT);
	assert_null(s);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    T(test_what_is_asked_arrives_as_it_came),
	    T(test_pipelined_requests_are_answered_in_order),
	    T(test_chunked_body_is_collected),
	    T(test_too_large_a_body_is_413_in_words),
	    T(test_head_can_refuse),
	    T(test_uploads_are_streamed),
	    T(test_refusing_in_the_middle_of_an_upload_is_heard),
	    T(test_held_up_body_arrives_whole),
	    T(test_refusing_while_held_at_the_head),
	    T(test_refusing_while_held_in_the_middle),
	    T(test_leaving_while_held_frees_the_request),
	    T(test_part_of_a_file),
	    T(test_answer_later),
	    T(test_client_that_leaves_is_seen),
	    T(test_leaving_in_the_middle_of_a_body_asks_nothing),
	    T(test_streamed_answer),
	    T(test_slow_reader_fills_the_queue_and_hears_all),
	    T(test_leaving_a_streamed_answer_is_seen),
	    T(test_cut_stream_does_not_look_whole),
	    T(test_drain_finishes_what_runs),
	    T(test_drain_has_a_deadline_and_close_keeps_owed_requests),
	    T(test_successor_takes_over_the_path),
	    T(test_many_idle_connections),
	    T(test_garbage_is_refused),
	    T(test_long_heads_are_taken),
	    T(test_path_that_is_too_long_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
