/* SPDX-License-Identifier: Apache-2.0
 *
 * Against our own server on the same loop. */
#include "http/fetch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "http/server.h"

static uv_loop_t loop;
static struct http_server *server;
static struct http_multi *multi;
static struct arena *arena;
static struct http_request *waiting; /* to /slow */
static char base[64];

static char got[400]; /* what the last fetch came to */
static struct http_fetched last;
static bool is_done;

static void on_request(void *arg, struct http_request *req)
{
	(void)arg;
	char text[400], location[96];
	struct str path = http_path(req), auth = http_header(req, STR("Authorization"));
	struct str own = http_header(req, STR("X-Own"));
	(void)snprintf(location, sizeof location, "%s%s", base, "/echo");
	if (str_eq(path, STR("/slow"))) {
		waiting = req;
	} else if (str_eq(path, STR("/big"))) {
		static char big[100000];
		memset(big, 'x', sizeof big);
		http_reply(req, 200, NULL, 0, (struct str){big, sizeof big});
	} else if (str_eq(path, STR("/here"))) {
		http_reply(req, 302, &(struct http_reply_field){"Location", "/echo"}, 1, STR("no"));
	} else if (str_eq(path, STR("/there"))) {
		http_reply(req, 302, &(struct http_reply_field){"Location", "https://other.example/"}, 1, STR("other"));
	} else if (str_eq(path, STR("/round"))) {
		http_reply(req, 302, &(struct http_reply_field){"Location", "/round"}, 1, STR("round"));
	} else {
		const struct http_reply_field fields[] = {{"Cache-Control", "public, max-age=60"},
							  {"Content-Type", "text/x"}};
		(void)snprintf(text, sizeof text, "%.*s %.*s %.*s %.*s %.*s", STR_FMT(http_method(req)), STR_FMT(path),
			       STR_FMT(http_body(req)), auth.ptr != NULL ? (int)auth.len : 0, auth.ptr,
			       own.ptr != NULL ? (int)own.len : 0, own.ptr);
		http_reply(req, str_eq(path, STR("/bad")) ? 418 : 200, fields, 2, str_from(text));
	}
}

static void on_fetched(void *arg, const struct http_fetched *fetched, const struct err *why)
{
	(void)arg;
	is_done = true;
	if (fetched != NULL) last = *fetched;
	if (fetched != NULL)
		(void)snprintf(got, sizeof got, "%d %.200s", fetched->status, fetched->body.ptr);
	else
		(void)snprintf(got, sizeof got, "%s: %s", err_code_word(why->code), why->msg);
}

static const char *fetch(struct http_fetch_spec spec, const char *path)
{
	char url[200];
	struct err err;
	(void)snprintf(url, sizeof url, "%s%s", base, path);
	spec.url = path[0] == '/' ? url : path;
	is_done = false;
	if (!http_fetch(multi, &spec, arena, on_fetched, NULL, &err)) {
		(void)snprintf(got, sizeof got, "refused: %s", err.msg);
		return got;
	}
	assert_false(is_done);
	while (!is_done) (void)uv_run(&loop, UV_RUN_ONCE);
	return got;
}

static void test_answers(void **state)
{
	(void)state;
	static const char *const headers[] = {"X-Own: 1", NULL}, *const split[] = {"X-Own: 1\r\nHost: x", NULL};
	struct http_fetch_spec none = {0};
	assert_string_equal(fetch(none, "/echo"), "200 GET /echo   ");
	assert_int_equal(last.max_age_s, 60);
	assert_string_equal(last.content_type, "text/x");
	assert_string_equal(fetch(none, "/bad"), "418 GET /bad   ");
	assert_string_equal(
	    fetch((struct http_fetch_spec){.body = STR("a=b"), .content_type = "x/y", .headers = headers}, "/echo"),
	    "200 POST /echo a=b  1");
	assert_string_equal(fetch((struct http_fetch_spec){.method = "PUT", .user = "a", .password = "b"}, "/echo"),
			    "200 PUT /echo  Basic YTpi ");
	assert_string_equal(fetch((struct http_fetch_spec){.headers = split}, "/echo"),
			    "refused: a header holds a control character");
}

static void test_bounds(void **state)
{
	(void)state;
	assert_non_null(strstr(fetch((struct http_fetch_spec){.answer_max_bytes = 1000}, "/big"), "limit: "));
	assert_non_null(strstr(fetch((struct http_fetch_spec){.deadline_ms = 50}, "/slow"), "timeout: 127.0.0.1"));
	http_reply(waiting, 200, NULL, 0, STR(""));
	assert_non_null(
	    strstr(fetch((struct http_fetch_spec){0}, "http://127.0.0.1:1/"), "unavailable: nobody answers"));
}

static void test_redirects(void **state)
{
	(void)state;
	struct http_fetch_spec some = {.redirects_max = 3};
	assert_string_equal(fetch((struct http_fetch_spec){0}, "/here"), "302 no");
	assert_string_equal(fetch(some, "/here"), "200 GET /echo   ");
	assert_string_equal(fetch(some, "/there"), "302 other");
	assert_string_equal(fetch(some, "/round"), "302 round");
}

static void test_addresses(void **state)
{
	(void)state;
	static const char *const good[] = {"https://x.example", "https://x.example:8443/a?b", "http://localhost:3000/x",
					   "http://127.0.0.1", "http://[::1]:80/"};
	static const char *const bad[] = {"http://x.example",
					  "ftp://x.example",
					  "file:///etc/passwd",
					  "http://127.0.0.1.evil.example",
					  "http://localhost.evil.example",
					  "x",
					  "https://a:b@x.example",
					  "",
					  "https://"};
	struct err err;
	for (size_t i = 0; i < sizeof good / sizeof *good; i++)
		if (!http_fetch_check(good[i], &err)) fail_msg("%s: %s", good[i], err.msg);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		if (http_fetch_check(bad[i], &err)) fail_msg("%s is taken", bad[i]);
}

static int begin(void **state)
{
	(void)state;
	struct err err;
	struct http_handler handler = {.on_request = on_request};
	arena = arena_new(4 << 20);
	(void)uv_loop_init(&loop);
	multi = http_multi_new(&loop);
	if (!http_server_start(&loop, &(struct http_server_spec){0}, &handler, &server, &err)) return -1;
	(void)snprintf(base, sizeof base, "http://127.0.0.1:%u", http_server_port(server));
	return 0;
}

static int end(void **state)
{
	(void)state;
	http_multi_stop(multi);
	http_server_close(server, NULL, NULL);
	(void)uv_run(&loop, UV_RUN_DEFAULT);
	arena_free(arena);
	return uv_loop_close(&loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_answers), cmocka_unit_test(test_bounds),
					   cmocka_unit_test(test_redirects), cmocka_unit_test(test_addresses)};
	return cmocka_run_group_tests(tests, begin, end);
}
