/* SPDX-License-Identifier: Apache-2.0
 *
 * Bodies of requests: collected, streamed, held up, refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <unistd.h>

#include "server_box.h"

static void test_chunked_body_is_collected(void **state)
{
	struct fixture *f = *state;
	int fd = dial(f);
	(void)ask(f, fd,
		  "POST /c HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
		  "POST|/c|||abcde");
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

int main(void)
{
	const struct CMUnitTest tests[] = {
	    T(test_chunked_body_is_collected),
	    T(test_too_large_a_body_is_413_in_words),
	    T(test_head_can_refuse),
	    T(test_uploads_are_streamed),
	    T(test_refusing_in_the_middle_of_an_upload_is_heard),
	    T(test_held_up_body_arrives_whole),
	    T(test_refusing_while_held_at_the_head),
	    T(test_refusing_while_held_in_the_middle),
	    T(test_leaving_while_held_frees_the_request),
	    T(test_leaving_in_the_middle_of_a_body_asks_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
