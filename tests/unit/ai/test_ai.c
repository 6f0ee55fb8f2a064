/* SPDX-License-Identifier: Apache-2.0
 *
 * The gateway between a client and a provider, all on one loop. */
#include "ai/ai.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/log.h"
#include "http/multi.h"

#define BIG_BYTES (12u << 20)

static uv_loop_t loop;
static struct http_server *provider, *gateway;
static struct http_multi *multi;
static struct ai *ai;
static char provider_url[64], base[64];
static int done_count, asked_count;

/* The provider. */
static char asked[4000]; /* method, path, query, Authorization, body */
static struct http_request *streaming; /* whoever asked to /v1/stream */
static bool provider_lost; /* its client went */
static char big[1 << 16];
static size_t big_sent;

static void send_big(void *arg)
{
	struct http_request *req = arg;
	while (big_sent < BIG_BYTES) {
		if (!http_stream_write(req, (struct str){big, sizeof big})) return;
		big_sent += sizeof big;
	}
	http_stream_end(req, true);
}

static void on_lost(void *arg)
{
	(void)arg;
	provider_lost = true;
}

static void on_provider(void *arg, struct http_request *req)
{
	struct str path = http_path(req), auth = http_header(req, STR("Authorization")), query = http_query(req);
	(void)arg;
	asked_count++;
	(void)snprintf(asked, sizeof asked, "%.*s %.*s?%.*s %.*s %.*s", STR_FMT(http_method(req)), STR_FMT(path),
		       (int)query.len, query.len > 0 ? query.ptr : "", (int)auth.len, auth.len > 0 ? auth.ptr : "-",
		       STR_FMT(http_body(req)));
	const struct http_reply_field json = {"Content-Type", "application/json"},
				      limited[] = {{"Content-Type", "application/json"}, {"Retry-After", "7"}},
				      events = {"Content-Type", "text/event-stream"};
	if (str_eq(path, STR("/v1/stream"))) {
		streaming = req;
		http_on_gone(req, on_lost, NULL);
		http_reply_begin(req, 200, &events, 1, &(struct http_stream_spec){0});
	} else if (str_eq(path, STR("/v1/big"))) {
		big_sent = 0;
		http_reply_begin(req, 200, &json, 1, &(struct http_stream_spec){.on_room = send_big, .arg = req});
		send_big(req);
	} else if (str_eq(path, STR("/v1/limited"))) {
		http_reply(req, 429, limited, 2, STR("{\"error\":{\"message\":\"slow down\"}}"));
	} else if (str_eq(path, STR("/v1/credits"))) {
		http_reply(req, 402, &json, 1, STR("{\"error\":{\"message\":\"pay\"}}"));
	} else if (str_eq(path, STR("/v1/locked"))) {
		http_reply(req, 401, &json, 1, STR("{\"error\":{\"message\":\"wrong key sk-owner\"}}"));
	} else {
		http_reply(req, 200, &json, 1, STR("{\"choices\":[]}"));
	}
}

static void on_done(void *arg)
{
	(void)arg;
	done_count++;
}

static void on_gateway(void *arg, struct http_request *req)
{
	(void)arg;
	ai_answer(ai, req, http_path(req), on_done, NULL);
}

/* The client. */
struct client {
	struct http_transfer transfer;
	struct curl_slist *headers;
	char got[4000];
	size_t len;
	bool is_slow, is_paused, is_done;
	long status;
	CURLcode code;
};

static size_t on_write(char *bytes, size_t size, size_t count, void *arg)
{
	struct client *c = arg;
	size_t len = size * count;
	if (c->is_slow) {
		c->is_paused = true;
		return CURL_WRITEFUNC_PAUSE;
	}
	for (size_t i = 0; i < len && c->len + i < sizeof c->got - 1; i++) c->got[c->len + i] = bytes[i];
	c->len += len;
	return len;
}

static void on_answer(void *arg, CURLcode code)
{
	struct client *c = arg;
	c->is_done = true;
	c->code = code;
	(void)curl_easy_getinfo(c->transfer.curl, CURLINFO_RESPONSE_CODE, &c->status);
}

static void ask(struct client *c, const char *path, const char *header, const char *body)
{
	char url[200];
	*c = (struct client){.transfer = {.curl = curl_easy_init(), .done = on_answer, .arg = c}};
	(void)snprintf(url, sizeof url, "%s%s", base, path);
	c->headers = curl_slist_append(NULL, "Content-Type: application/json");
	if (header != NULL) c->headers = curl_slist_append(c->headers, header);
	(void)curl_easy_setopt(c->transfer.curl, CURLOPT_URL, url);
	(void)curl_easy_setopt(c->transfer.curl, CURLOPT_HTTPHEADER, c->headers);
	(void)curl_easy_setopt(c->transfer.curl, CURLOPT_WRITEFUNCTION, on_write);
	(void)curl_easy_setopt(c->transfer.curl, CURLOPT_WRITEDATA, c);
	(void)curl_easy_setopt(c->transfer.curl, CURLOPT_NOPROXY, "*");
	if (body != NULL) (void)curl_easy_setopt(c->transfer.curl, CURLOPT_COPYPOSTFIELDS, body);
	http_multi_add(multi, &c->transfer);
}

static void end(struct client *c)
{
	while (!c->is_done) (void)uv_run(&loop, UV_RUN_ONCE);
	curl_easy_cleanup(c->transfer.curl);
	curl_slist_free_all(c->headers);
}

#define KEY "Authorization: Bearer fh_lovable_x"

static void gives(const char *path, const char *header, const char *body, long status, const char *words)
{
	static struct client c;
	ask(&c, path, header, body);
	end(&c);
	if (c.status != status || strstr(c.got, words) == NULL)
		fail_msg("%s: %ld %s, not %ld and \"%s\"", path, c.status, c.got, status, words);
}

static void configure(const char *url, const char *key)
{
	struct ai_settings s = {
	    .app_key = "fh_lovable_x",
	    .url = url,
	    .key = key,
	    .models = {{"google/gemini-2.5-flash", "gpt-4o-mini"}, {"openai/*", "*"}, {"google/*", "other"}},
	    .model_count = 3};
	struct err err;
	if (!ai_settings_check(&s, &err)) fail_msg("%s", err.msg);
	ai_set(ai, &s);
}

static void test_who(void **state)
{
	(void)state;
	configure(NULL, NULL);
	gives("/v1/chat/completions", NULL, "{}", 401, "LOVABLE_API_KEY");
	gives("/v1/chat/completions", "Authorization: Bearer fh_lovable_y", "{}", 401, "invalid_api_key");
	gives("/v1/chat/completions", KEY, "{}", 503, "freehold ai APP set");
	configure(provider_url, "sk-owner");
	gives("/v1/chat/completions", "Authorization: Bearer fh_lovable_", "{}", 401, "LOVABLE_API_KEY");
	assert_int_equal(asked_count, 0);
	gives("/v1/chat/completions", "Lovable-API-Key: fh_lovable_x", "{}", 200, "choices");
	gives("/v1/../secret", KEY, "{}", 404, "not_found");
	gives("/v2/x", KEY, "{}", 404, "not_found");
}

static void test_asks(void **state)
{
	(void)state;
	configure(provider_url, "sk-owner");
	gives("/v1/chat/completions?a=b", KEY,
	      "{\"model\":\"google/gemini-2.5-flash\",\"messages\":[{\"content\":\"\xC3\xA4\"}],\"temperature\":0.5}",
	      200, "choices");
	assert_string_equal(
	    asked, "POST /v1/chat/completions?a=b Bearer sk-owner "
		   "{\"model\":\"gpt-4o-mini\",\"messages\":[{\"content\":\"\xC3\xA4\"}],\"temperature\":0.5}");
	gives("/v1/embeddings", KEY, "{\"model\":\"openai/text-embedding-3-small\"}", 200, "choices");
	assert_non_null(strstr(asked, "{\"model\":\"text-embedding-3-small\"}"));
	gives("/v1/x", KEY, "{\"model\":\"google/gemini-3-pro\"}", 200, "choices");
	assert_non_null(strstr(asked, "{\"model\":\"other\"}"));
	gives("/v1/x", KEY, "{ \"model\" : \"mistral\" }", 200, "choices");
	assert_non_null(strstr(asked, "{ \"model\" : \"mistral\" }")); /* untouched */
	gives("/v1/x", KEY, "no json", 200, "choices");
	assert_non_null(strstr(asked, " no json"));
	gives("/v1/models", KEY, NULL, 200, "choices");
	assert_string_equal(asked, "GET /v1/models? Bearer sk-owner ");
	configure(provider_url, "");
	gives("/v1/x", KEY, "{}", 200, "choices");
	assert_string_equal(asked, "POST /v1/x?  {}");
}

static void test_statuses(void **state)
{
	(void)state;
	configure(provider_url, "sk-owner");
	gives("/v1/limited", KEY, "{}", 429, "slow down");
	gives("/v1/credits", KEY, "{}", 402, "pay");
	static struct client c;
	ask(&c, "/v1/locked", KEY, "{}");
	end(&c);
	assert_int_equal(c.status, 502);
	assert_non_null(strstr(c.got, "refused the key"));
	assert_null(strstr(c.got, "sk-owner"));
	configure("http://127.0.0.1:1/v1", "");
	gives("/v1/x", KEY, "{}", 502, "provider_unreachable");
}

/* Each event reaches the client before the next is made. */
static void test_stream(void **state)
{
	static struct client c;
	(void)state;
	configure(provider_url, "k");
	streaming = NULL;
	ask(&c, "/v1/stream", KEY, "{\"stream\":true}");
	while (streaming == NULL) (void)uv_run(&loop, UV_RUN_ONCE);
	size_t seen = 0;
	for (int i = 0; i < 5; i++) {
		assert_true(http_stream_write(streaming, STR("data: {\"n\":1}\n\n")));
		while (c.len == seen) (void)uv_run(&loop, UV_RUN_ONCE);
		seen = c.len;
		assert_int_equal(seen, (size_t)(i + 1) * strlen("data: {\"n\":1}\n\n"));
	}
	assert_false(c.is_done);
	http_stream_end(streaming, true);
	end(&c);
	assert_int_equal(c.code, CURLE_OK);
	/* Cut by the provider: the client is told. */
	streaming = NULL;
	ask(&c, "/v1/stream", KEY, "{}");
	while (streaming == NULL) (void)uv_run(&loop, UV_RUN_ONCE);
	assert_true(http_stream_write(streaming, STR("data: 1\n\n")));
	while (c.len == 0) (void)uv_run(&loop, UV_RUN_ONCE);
	http_stream_end(streaming, false);
	end(&c);
	assert_int_not_equal(c.code, CURLE_OK);
}

/* A client that leaves ends the provider's work. */
static void test_gone(void **state)
{
	static struct client c;
	(void)state;
	configure(provider_url, "k");
	streaming = NULL;
	provider_lost = false;
	int before = done_count;
	ask(&c, "/v1/stream", KEY, "{}");
	while (streaming == NULL) (void)uv_run(&loop, UV_RUN_ONCE);
	assert_true(http_stream_write(streaming, STR("data: 1\n\n")));
	while (c.len == 0) (void)uv_run(&loop, UV_RUN_ONCE);
	http_multi_remove(multi, &c.transfer);
	c.is_done = true;
	end(&c);
	while (!provider_lost) (void)uv_run(&loop, UV_RUN_ONCE);
	assert_int_equal(done_count, before + 1);
	http_stream_end(streaming, true);
}

/* A client that does not read holds the provider up; nothing is lost. */
static void test_slow(void **state)
{
	static struct client c;
	(void)state;
	configure(provider_url, "k");
	ask(&c, "/v1/big", KEY, "{}");
	c.is_slow = true;
	while (!c.is_paused) (void)uv_run(&loop, UV_RUN_ONCE);
	for (int i = 0; i < 300; i++) (void)uv_run(&loop, UV_RUN_NOWAIT);
	assert_true(big_sent < BIG_BYTES);
	c.is_slow = false;
	(void)curl_easy_pause(c.transfer.curl, CURLPAUSE_CONT);
	end(&c);
	assert_int_equal(c.code, CURLE_OK);
	assert_int_equal(c.len, BIG_BYTES);
}

static void test_settings(void **state)
{
	(void)state;
	static const struct {
		const char *url, *from, *to;
		bool ok;
	} rows[] = {{"https://api.openai.com/v1", "a", "b", true},
		    {"https://api.openai.com/v1/", "a/*", "b/*", true},
		    {"http://localhost:11434/v1", "a*", "b", true},
		    {"http://api.openai.com/v1", "a", "b", false},
		    {"https://u:p@api.example/v1", "a", "b", false},
		    {"ftp://x", "a", "b", false},
		    {"https://x/v1?y", "a", "b", false},
		    {"https://x/v1", "a b", "b", false},
		    {"https://x/v1", "*a", "b", false},
		    {"https://x/v1", "a", "b*", false},
		    {"https://x/v1", "a", "", false}};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct ai_settings s = {.url = rows[i].url, .models = {{rows[i].from, rows[i].to}}, .model_count = 1};
		struct err err;
		if (ai_settings_check(&s, &err) != rows[i].ok)
			fail_msg("%s %s=%s", rows[i].url, rows[i].from, rows[i].to);
	}
}

static struct http_server *serve(void (*on_request)(void *arg, struct http_request *req), char ret_base[64],
				 const char *tail)
{
	struct http_server *s;
	struct http_handler handler = {.on_request = on_request};
	struct http_server_spec spec = {.body_max_bytes = 1 << 20, .arena_max_bytes = 1 << 20};
	struct err err;
	if (!http_server_start(&loop, &spec, &handler, &s, &err)) fail_msg("%s", err.msg);
	(void)snprintf(ret_base, 64, "http://127.0.0.1:%d%s", http_server_port(s), tail);
	return s;
}

static int set_up(void **state)
{
	(void)state;
	log_set_level(LOG_ERROR);
	(void)uv_loop_init(&loop);
	memset(big, 'x', sizeof big);
	provider = serve(on_provider, provider_url, "/v1");
	gateway = serve(on_gateway, base, "");
	multi = http_multi_new(&loop);
	ai = ai_new(&loop);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	ai_stop(ai);
	http_multi_stop(multi);
	http_server_close(gateway, NULL, NULL);
	http_server_close(provider, NULL, NULL);
	(void)uv_run(&loop, UV_RUN_DEFAULT);
	return uv_loop_close(&loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_who),      cmocka_unit_test(test_asks), cmocka_unit_test(test_statuses),
	    cmocka_unit_test(test_stream),   cmocka_unit_test(test_gone), cmocka_unit_test(test_slow),
	    cmocka_unit_test(test_settings),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
