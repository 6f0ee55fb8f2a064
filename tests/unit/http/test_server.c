/* SPDX-License-Identifier: Apache-2.0
 *
 * The server: what arrives, whom it refuses, who takes it over. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "server_box.h"

static void test_what_is_asked_arrives_as_it_came(void **state)
{
	struct fixture *f = *state;
	int fd = dial(f);
	char *text = ask(
	    f, fd,
	    "POST /rest/v1/a%2Fb%20c?x=eq.%26&y&z==1 HTTP/1.1\r\nHost: h\r\nX-ONE: v\r\nContent-Length: 5\r\n\r\nhello",
	    "|hello");
	assert_non_null(strstr(text, "HTTP/1.1 200 OK"));
	assert_non_null(strstr(text, "POST|/rest/v1/a%2Fb%20c|x=eq.%26&y&z==1|v|hello"));
	assert_null(strstr(text, "Injected"));
	/* The connection is kept, and a second request on it is its own. */
	text = ask(f, fd, "GET /two HTTP/1.1\r\nHost: h\r\n\r\n", "GET|/two|||");
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

/* Whatever its length is, a head is either served or refused in so many words; the connection is never just closed. */
static void test_each_length_of_a_head_is_answered(void **state)
{
	struct fixture *f = *state;
	static char request[64 << 10];
	for (int i = 0; i < 2 * 400; i++) {
		size_t fill = 27000 + (size_t)(i / 2) * 20, len;
		bool is_line = i % 2 == 0;
		len = (size_t)snprintf(request, sizeof request,
				       is_line ? "GET /l?" : "GET /l HTTP/1.1\r\nHost: h\r\nX-Fill: ");
		memset(request + len, 'q', fill);
		(void)snprintf(request + len + fill, sizeof request - len - fill,
			       is_line ? " HTTP/1.1\r\nHost: h\r\n\r\n" : "\r\n\r\n");
		int fd = dial(f);
		const char *text = ask(f, fd, request, "HTTP/1.1 ");
		bool is_served = strncmp(text, "HTTP/1.1 200", 12) == 0;
		if (fill < 29900) assert_true(is_served);
		if (fill > 31000) assert_false(is_served);
		if (!is_served) assert_int_equal(strncmp(text, is_line ? "HTTP/1.1 414" : "HTTP/1.1 431", 12), 0);
		(void)close(fd);
	}
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

int main(void)
{
	const struct CMUnitTest tests[] = {
	    T(test_what_is_asked_arrives_as_it_came),
	    T(test_pipelined_requests_are_answered_in_order),
	    T(test_successor_takes_over_the_path),
	    T(test_many_idle_connections),
	    T(test_garbage_is_refused),
	    T(test_long_heads_are_taken),
	    T(test_each_length_of_a_head_is_answered),
	    T(test_path_that_is_too_long_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
