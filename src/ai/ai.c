/* SPDX-License-Identifier: Apache-2.0 */
#include "ai/ai.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "codec/json.h"
#include "http/multi.h"

#define CONNECT_MS 10000
#define FIELDS_MAX 8
#define SETTINGS_BYTES (256u << 10)
#define QUEUE_BYTES (1u << 20)
#define HOW_TO                                                                                                         \
	"Its owner sets one on the server: freehold ai APP set --url https://api.openai.com/v1 --key -, or any other " \
	"with OpenAI's API"

struct call {
	struct ai *ai;
	struct call *next, *prev;
	struct http_request *req;
	struct http_transfer transfer;
	struct curl_slist *headers;
	void (*done)(void *arg);
	void *arg;
	bool has_begun; /* the answer has */
	bool is_paused; /* the client takes no more */
	bool is_discarded; /* the provider's words about the owner's key are not the app's */
	char fault[CURL_ERROR_SIZE];
};

struct ai {
	struct http_multi *multi;
	struct arena *memory; /* of the settings; NULL: none yet */
	struct ai_settings settings;
	struct call *calls;
	int count;
	bool is_key_told; /* one line in the log, not one a call */
};

/* As OpenAI words errors, so that its clients find theirs. */
static void reply(struct http_request *req, unsigned status, const char *code, const char *message)
{
	const struct http_reply_field fields[] = {{"Content-Type", "application/json"},
						  {"Access-Control-Allow-Origin", "*"}};
	json_t *o JSON_CLEANUP = json_pack("{s:{s:s, s:s, s:s}}", "error", "message", message, "type",
					   status == 401 ? "authentication_error" : "api_error", "code", code);
	char *text = json_text(o);
	http_reply(req, status, fields, 2, str_from(text));
	free(text);
}

static void unlink_call(struct call *c)
{
	if (c->prev != NULL)
		c->prev->next = c->next;
	else
		c->ai->calls = c->next;
	if (c->next != NULL) c->next->prev = c->prev;
	c->ai->count--;
}

static void release(struct call *c)
{
	void (*done)(void *arg) = c->done;
	void *arg = c->arg;
	unlink_call(c);
	curl_easy_cleanup(c->transfer.curl);
	curl_slist_free_all(c->headers);
	free(c);
	if (done != NULL) done(arg);
}

static long status_of(const struct call *c)
{
	long status = 0;
	(void)curl_easy_getinfo(c->transfer.curl, CURLINFO_RESPONSE_CODE, &status);
	return status;
}

static bool is_key_refused(long status)
{
	return status == 401 || status == 403;
}

static void on_room(void *arg)
{
	struct call *c = arg;
	if (!c->is_paused) return;
	c->is_paused = false;
	(void)curl_easy_pause(c->transfer.curl, CURLPAUSE_CONT);
}

static void begin_answer(struct call *c)
{
	static const char *const kept[] = {"content-type", "retry-after", "x-request-id", "content-disposition"};
	struct http_reply_field fields[FIELDS_MAX];
	size_t n = 0;
	for (size_t i = 0; i < sizeof kept / sizeof *kept; i++) {
		struct curl_header *h;
		if (curl_easy_header(c->transfer.curl, kept[i], 0, CURLH_HEADER, -1, &h) == CURLHE_OK)
			fields[n++] = (struct http_reply_field){kept[i], h->value};
	}
	fields[n++] = (struct http_reply_field){"Cache-Control", "no-store"};
	fields[n++] = (struct http_reply_field){"X-Accel-Buffering", "no"}; /* the edge passes each piece on at once */
	fields[n++] = (struct http_reply_field){"Access-Control-Allow-Origin", "*"};
	c->has_begun = true;
	http_reply_begin(c->req, (unsigned)status_of(c), fields, n,
			 &(struct http_stream_spec){.queue_max_bytes = QUEUE_BYTES, .on_room = on_room, .arg = c});
}

static size_t on_write(char *bytes, size_t size, size_t count, void *call)
{
	struct call *c = call;
	size_t len = size * count;
	if (!c->has_begun && is_key_refused(status_of(c))) c->is_discarded = true;
	if (c->is_discarded) return len;
	if (!c->has_begun) begin_answer(c);
	if (http_stream_write(c->req, (struct str){bytes, len})) return len;
	c->is_paused = true;
	return CURL_WRITEFUNC_PAUSE;
}

static void tell_key(struct call *c, long status)
{
	char words[300];
	(void)snprintf(words, sizeof words,
		       "the AI provider refused the key that this app's owner has set (%ld); it is set anew with "
		       "freehold ai APP set --key -",
		       status);
	if (!c->ai->is_key_told) log_warn("ai: %s", words);
	c->ai->is_key_told = true;
	reply(c->req, 502, "provider_refused_key", words);
}

static void on_done(void *arg, CURLcode code)
{
	struct call *c = arg;
	long status = status_of(c);
	char words[CURL_ERROR_SIZE + 100];
	if (c->has_begun) {
		if (code != CURLE_OK && !http_is_gone(c->req))
			log_warn("ai: the provider broke off: %s",
				 c->fault[0] != '\0' ? c->fault : curl_easy_strerror(code));
		http_stream_end(c->req, code == CURLE_OK);
	} else if (code == CURLE_OK && is_key_refused(status)) {
		tell_key(c, status);
	} else if (code == CURLE_OK) { /* without a body */
		begin_answer(c);
		http_stream_end(c->req, true);
	} else {
		(void)snprintf(words, sizeof words, "the AI provider %s: %s",
			       code == CURLE_OPERATION_TIMEDOUT ? "did not answer in time" : "cannot be reached",
			       c->fault[0] != '\0' ? c->fault : curl_easy_strerror(code));
		log_warn("ai: %s", words);
		reply(c->req, code == CURLE_OPERATION_TIMEDOUT ? 504 : 502, "provider_unreachable", words);
	}
	if (code == CURLE_OK && !is_key_refused(status)) c->ai->is_key_told = false;
	release(c);
}

static void cut(struct call *c)
{
	http_multi_remove(c->ai->multi, &c->transfer);
	if (c->has_begun)
		http_stream_end(c->req, false);
	else
		reply(c->req, 503, "stopping", "the app is being restarted; ask again");
	release(c);
}

static void on_gone(void *arg)
{
	cut(arg);
}

static bool is_same(struct str got, const char *want)
{
	return want != NULL && want[0] != '\0' && got.len == strlen(want) && sodium_memcmp(got.ptr, want, got.len) == 0;
}

static bool has_key(const struct ai *ai, const struct http_request *req)
{
	struct str header = http_header(req, STR("Authorization")), word, token;
	if (is_same(http_header(req, STR("Lovable-API-Key")), ai->settings.app_key)) return true;
	return header.ptr != NULL && str_cut(header, ' ', &word, &token) && str_eq_nocase(word, STR("bearer")) &&
	       is_same(str_trim(token), ai->settings.app_key);
}

static bool add_header(struct call *c, const char *line)
{
	struct curl_slist *longer = line != NULL ? curl_slist_append(c->headers, line) : NULL;
	if (longer == NULL) return false;
	c->headers = longer;
	return true;
}

static bool set_headers(struct call *c, const struct ai_settings *s)
{
	struct arena *a = http_arena(c->req);
	struct str type = http_header(c->req, STR("Content-Type")), accept = http_header(c->req, STR("Accept"));
	bool ok =
	    s->key == NULL || s->key[0] == '\0' || add_header(c, arena_printf(a, "Authorization: Bearer %s", s->key));
	if (type.len > 0) ok = ok && add_header(c, arena_printf(a, "Content-Type: %.*s", STR_FMT(type)));
	if (accept.len > 0) ok = ok && add_header(c, arena_printf(a, "Accept: %.*s", STR_FMT(accept)));
	(void)curl_easy_setopt(c->transfer.curl, CURLOPT_HTTPHEADER, c->headers);
	return ok && add_header(c, "Expect:");
}

static void set_transfer(struct call *c, const char *url)
{
	CURL *curl = c->transfer.curl;
	(void)curl_easy_setopt(curl, CURLOPT_URL, url);
	(void)curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
	(void)curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
	(void)curl_easy_setopt(curl, CURLOPT_USERAGENT, "Freehold");
	(void)curl_easy_setopt(curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	(void)curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
	(void)curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)AI_TOTAL_MS);
	(void)curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
	(void)curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, (long)AI_SILENCE_S);
	(void)curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_write);
	(void)curl_easy_setopt(curl, CURLOPT_WRITEDATA, c);
	(void)curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, c->fault);
}

static void set_body(struct call *c, struct str body)
{
	CURL *curl = c->transfer.curl;
	if (!str_eq(http_method(c->req), STR("POST"))) return;
	(void)curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body.len);
	(void)curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body.ptr != NULL ? body.ptr : "");
}

static struct call *call_new(struct ai *ai, struct http_request *req, void (*done)(void *arg), void *arg)
{
	struct call *c = calloc(1, sizeof *c);
	if (c == NULL) abort();
	*c = (struct call){.ai = ai, .req = req, .done = done, .arg = arg, .next = ai->calls};
	c->transfer = (struct http_transfer){.curl = curl_easy_init(), .done = on_done, .arg = c};
	if (c->transfer.curl == NULL) abort();
	if (ai->calls != NULL) ai->calls->prev = c;
	ai->calls = c;
	ai->count++;
	return c;
}

/* Whom is not answered by the provider. */
static bool refuse(struct ai *ai, struct http_request *req)
{
	struct str method = http_method(req);
	if (!has_key(ai, req))
		reply(req, 401, "invalid_api_key",
		      "this is not the app's own LOVABLE_API_KEY, which Freehold gives to its server and functions; "
		      "where "
		      "one was set by hand, remove it: freehold env APP unset LOVABLE_API_KEY");
	else if (ai->settings.url == NULL)
		reply(req, 503, "ai_not_configured", "This app has no AI provider yet. " HOW_TO);
	else if (!str_eq(method, STR("POST")) && !str_eq(method, STR("GET")))
		reply(req, 405, "method_not_allowed", "GET and POST only");
	else if (ai->count >= AI_AT_ONCE)
		reply(req, 429, "too_many_requests",
		      "too many AI requests of this app are under way; try again in a moment");
	else
		return false;
	return true;
}

void ai_answer(struct ai *ai, struct http_request *req, struct str path, void (*done)(void *arg), void *arg)
{
	struct arena *a = http_arena(req);
	const struct ai_settings *s = &ai->settings;
	if (refuse(ai, req)) {
		done(arg);
		return;
	}
	const char *url = ai_url_for(s, a, path, http_query(req));
	if (url == NULL) {
		reply(req, 404, "not_found", "there is nothing at this path");
		done(arg);
		return;
	}
	struct call *c = call_new(ai, req, done, arg);
	struct str type = http_header(req, STR("Content-Type")), body = http_body(req);
	if (str_find(type, STR("json")) >= 0) body = ai_body_for(s, a, body);
	if (!set_headers(c, s)) {
		reply(req, 413, "too_large", "the request needs more memory than is set aside for it");
		release(c);
		return;
	}
	set_transfer(c, url);
	set_body(c, body);
	http_on_gone(req, on_gone, c);
	http_multi_add(ai->multi, &c->transfer);
}

struct ai *ai_new(uv_loop_t *loop)
{
	struct ai *ai = calloc(1, sizeof *ai);
	if (ai == NULL) abort();
	ai->multi = http_multi_new(loop);
	return ai;
}

static const char *copy(struct arena *a, const char *text)
{
	char *made = text != NULL ? arena_strdup(a, text) : NULL;
	if (text != NULL && made == NULL) abort(); /* the check bounds them */
	return made;
}

void ai_set(struct ai *ai, const struct ai_settings *s)
{
	struct arena *a = arena_new(SETTINGS_BYTES), *old = ai->memory;
	struct ai_settings next = {.app_key = copy(a, s->app_key), .url = copy(a, s->url), .key = copy(a, s->key)};
	for (int i = 0; i < s->model_count; i++)
		next.models[next.model_count++] =
		    (struct ai_model){copy(a, s->models[i].from), copy(a, s->models[i].to)};
	ai->memory = a;
	ai->settings = next;
	ai->is_key_told = false;
	arena_free(old);
}

void ai_stop(struct ai *ai)
{
	if (ai == NULL) return;
	while (ai->calls != NULL) cut(ai->calls);
	http_multi_stop(ai->multi);
	arena_free(ai->memory);
	free(ai);
}
