/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/hook_http.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "auth/call_fetch.h"
#include "auth/token.h"
#include "base/buf.h"
#include "base/clock.h"

#define SECRET_PREFIX "v1,whsec_"
#define SECRET_MAX_BYTES 1024

struct asking {
	struct auth_call *call;
	const struct auth_hook *hook;
	struct hook_asked *asked;
	const char *input;
	const char *headers[5];
	int attempt;
	int64_t deadline_ms;
	uv_timer_t *timer;
};

static const char *sign_one(struct arena *a, const char *secret, const char *content)
{
	unsigned char key[SECRET_MAX_BYTES], mac[EVP_MAX_MD_SIZE], text[2 * EVP_MAX_MD_SIZE];
	unsigned len = 0;
	size_t prefix = sizeof SECRET_PREFIX - 1, size = strlen(secret);
	if (strncmp(secret, SECRET_PREFIX, prefix) != 0 || size <= prefix || size - prefix > SECRET_MAX_BYTES)
		return NULL;
	int bytes = EVP_DecodeBlock(key, (const unsigned char *)secret + prefix, (int)(size - prefix));
	if (bytes <= 0) return NULL;
	for (size_t i = size; i > prefix && secret[i - 1] == '='; i--) bytes--;
	(void)HMAC(EVP_sha256(), key, bytes, (const unsigned char *)content, strlen(content), mac, &len);
	(void)EVP_EncodeBlock(text, mac, (int)len);
	return arena_printf(a, "v1,%s", (const char *)text);
}

const char *hook_http_sign(struct arena *a, const struct auth_texts *secrets, const char *id, const char *time,
			   const char *body)
{
	const char *content = arena_printf(a, "%s.%s.%s", id, time, body), *all = NULL;
	if (content == NULL) return NULL;
	for (size_t i = 0; i < secrets->count; i++) {
		const char *one = sign_one(a, secrets->at[i], content);
		if (one != NULL) all = all == NULL ? one : arena_printf(a, "%s %s", all, one);
	}
	return all;
}

static void refuse(struct asking *x, int status, const char *code, const char *words, const char *cause)
{
	struct auth_problem problem;
	(void)auth_problem_set(&problem, status, code, "%s", words);
	hook_refuse(x->asked, &problem, cause != NULL ? arena_strdup(x->call->arena, cause) : NULL);
}

static void attempt(struct asking *x);

static void on_timer_closed(uv_handle_t *handle)
{
	struct asking *x = handle->data;
	free(handle);
	x->timer = NULL;
	attempt(x);
}

static void on_pause_over(uv_timer_t *timer)
{
	uv_close((uv_handle_t *)timer, on_timer_closed);
}

/* Again a little later, where there is time for it. */
static bool again(struct asking *x)
{
	if (x->attempt >= HOOK_HTTP_ATTEMPTS || clock_now_ms() + HOOK_HTTP_PAUSE_MS >= x->deadline_ms) return false;
	x->timer = calloc(1, sizeof *x->timer);
	if (x->timer == NULL) abort();
	(void)uv_timer_init(x->call->auth->loop, x->timer);
	x->timer->data = x;
	(void)uv_timer_start(x->timer, on_pause_over, HOOK_HTTP_PAUSE_MS, 0);
	return true;
}

static void no_answer(struct asking *x, const struct err *why)
{
	if (why->code == ERR_LIMIT)
		refuse(x, 422, "hook_payload_over_size_limit", "Payload size exceeded size limit of 204800 bytes",
		       why->msg);
	else if (why->code == ERR_TIMEOUT)
		refuse(x, 422, "hook_timeout", "Failed to reach hook within maximum time of 5.000000 seconds",
		       why->msg);
	else if (!again(x))
		refuse(x, 422, "hook_timeout_after_retry", "Failed to reach hook after maximum retries", why->msg);
}

static bool is_json(const char *type)
{
	return strncasecmp(type, "application/json", 16) == 0 &&
	       (type[16] == '\0' || type[16] == ';' || type[16] == ' ');
}

static void take(struct asking *x, const struct http_fetched *f)
{
	char words[160];
	switch (f->status) {
	case 204: hook_answer(x->asked, STR("")); return;
	case 200:
	case 202:
		if (is_json(f->content_type)) {
			hook_answer(x->asked, f->body);
			return;
		}
		(void)snprintf(words, sizeof words, "Invalid JSON response. Received content-type: %.80s",
			       f->content_type);
		refuse(x, 400, "hook_payload_invalid_content_type",
		       f->content_type[0] == '\0' ? "Invalid Content-Type: Missing Content-Type header" : words, NULL);
		return;
	case 429:
	case 503:
		if (f->retry_after_s >= 0 && again(x)) return;
		refuse(x, 500, "unexpected_failure", "Service currently unavailable due to hook", NULL);
		return;
	case 400: refuse(x, 500, "unexpected_failure", "Invalid payload sent to hook", f->body.ptr); return;
	case 401: refuse(x, 500, "unexpected_failure", "Hook requires authorization token", NULL); return;
	default:
		(void)snprintf(words, sizeof words, "Unexpected status code returned from hook: %d", f->status);
		refuse(x, 500, "unexpected_failure", words, NULL);
	}
}

static void on_fetched(void *arg, const struct http_fetched *fetched, const struct err *why)
{
	struct asking *x = arg;
	x->call->auth->fetches--;
	if (fetched == NULL)
		no_answer(x, why);
	else
		take(x, fetched);
}

/* Each attempt is a message of its own, with its own time. */
static bool make_headers(struct asking *x)
{
	struct arena *a = x->call->arena;
	const char *id = auth_new_uuid(a), *time = arena_printf(a, "%lld", (long long)call_now_s(x->call));
	if (id == NULL || time == NULL) return false;
	const char *signature = hook_http_sign(a, &x->hook->secrets, id, time, x->input);
	if (signature == NULL) return false;
	x->headers[0] = arena_printf(a, "webhook-id: %s", id);
	x->headers[1] = arena_printf(a, "webhook-timestamp: %s", time);
	x->headers[2] = arena_printf(a, "webhook-signature: %s", signature);
	x->headers[3] = NULL;
	return x->headers[0] != NULL && x->headers[1] != NULL && x->headers[2] != NULL;
}

static void attempt(struct asking *x)
{
	struct auth *auth = x->call->auth;
	struct err err;
	x->attempt++;
	if (!make_headers(x)) {
		refuse(x, 500, "unexpected_failure", "Error generating signatures",
		       "none of the hook's secrets can sign");
		return;
	}
	struct http_fetch_spec spec = {.url = x->hook->url,
				       .headers = x->headers,
				       .body = str_from(x->input),
				       .deadline_ms = x->deadline_ms - clock_now_ms(),
				       .answer_max_bytes = HOOK_HTTP_ANSWER_BYTES};
	if (auth->http == NULL || auth->fetches >= CALL_FETCHES_MAX) {
		(void)err_set(&err, ERR_UNAVAILABLE, "too many other servers are being asked");
		hook_failed(x->asked, &err);
	} else if (http_fetch(auth->http, &spec, x->call->arena, on_fetched, x, &err)) {
		auth->fetches++;
	} else {
		hook_failed(x->asked, &err);
	}
}

void hook_http_ask(struct auth_call *call, const struct auth_hook *hook, const char *input, struct hook_asked *asked)
{
	struct asking *x = arena_alloc(call->arena, sizeof *x);
	if (x == NULL) {
		call_full(call);
		return;
	}
	*x = (struct asking){
	    .call = call, .hook = hook, .asked = asked, .input = input, .deadline_ms = clock_now_ms() + HOOK_HTTP_MS};
	attempt(x);
}
