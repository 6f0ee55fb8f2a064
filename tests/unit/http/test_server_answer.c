/* SPDX-License-Identifier: Apache-2.0
 *
 * Answers: later, streamed, of a file, and while the server drains. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server_box.h"

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

int main(void)
{
	const struct CMUnitTest tests[] = {
	    T(test_part_of_a_file),
	    T(test_answer_later),
	    T(test_client_that_leaves_is_seen),
	    T(test_streamed_answer),
	    T(test_slow_reader_fills_the_queue_and_hears_all),
	    T(test_leaving_a_streamed_answer_is_seen),
	    T(test_cut_stream_does_not_look_whole),
	    T(test_drain_finishes_what_runs),
	    T(test_drain_has_a_deadline_and_close_keeps_owed_requests),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
