/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/captcha.h"

#include <string.h>

#include "auth/body.h"
#include "auth/call_fetch.h"
#include "base/buf.h"
#include "codec/json.h"
#include "codec/url.h"

#define HCAPTCHA "https://hcaptcha.com/siteverify"
#define TURNSTILE "https://challenges.cloudflare.com/turnstile/v0/siteverify"
#define TOKEN_MAX_BYTES 8192

struct checking {
	void (*next)(struct auth_call *call);
	const char *body;
};

static bool is_guarded(struct auth_call *call)
{
	static const char *const paths[] = {"/signup", "/recover", "/resend", "/magiclink", "/otp"};
	struct str grant = {"", 0};
	struct auth_caller ignored;
	struct auth_problem problem;
	bool is = false;
	if (!call->settings->captcha.is_enabled || strcmp(call->route->method, "POST") != 0) return false;
	for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) is = is || strcmp(call->route->path, paths[i]) == 0;
	if (strcmp(call->route->path, "/token") == 0) {
		(void)query_get(call->arena, call->request.query, STR("grant_type"), &grant);
		is = !str_eq(grant, STR("refresh_token")) && !str_eq(grant, STR("pkce")) &&
		     !str_eq(grant, STR("id_token"));
	}
	return is &&
	       !auth_caller_check(&call->request, AUTH_ADMIN, call->auth->tokens, call_now_s(call), &ignored, &problem);
}

static void put_codes(const json_t *answer, struct buf *words)
{
	size_t i;
	json_t *code;
	buf_puts(words, "captcha protection: request disallowed (");
	json_array_foreach(json_object_get(answer, "error-codes"), i, code)
	{
		if (!json_is_string(code)) continue;
		buf_printf(words, "%s%.60s", i > 0 ? ", " : "", json_string_value(code));
	}
	buf_putc(words, ')');
}

static void on_answer(struct auth_call *call, const struct http_fetched *fetched, const struct err *why)
{
	const struct checking *c = call->captcha;
	const json_t *answer = fetched != NULL ? call_fetched_json(call, fetched) : NULL;
	struct auth_problem problem;
	struct buf words BUF_CLEANUP;
	buf_init(&words, 512);
	if (!json_is_boolean(json_object_get(answer, "success"))) {
		(void)auth_problem_set(&problem, 500, "unexpected_failure", "captcha verification process failed");
		call_problem(call, &problem,
			     arena_strdup(call->arena, why != NULL ? why->msg : "the answer is not what it should be"));
	} else if (json_bool(answer, "success", false)) {
		c->next(call);
	} else {
		put_codes(answer, &words);
		call_fail(call, 400, "captcha_failed", buf_cstr(&words));
	}
}

static const char *body_of(struct auth_call *call, const char *token)
{
	struct buf b BUF_CLEANUP;
	buf_init(&b, 2 * TOKEN_MAX_BYTES);
	buf_puts(&b, "secret=");
	url_encode(str_trim(str_from(call->settings->captcha.secret)), &b);
	buf_puts(&b, "&response=");
	url_encode(str_trim(str_from(token)), &b);
	buf_puts(&b, "&remoteip=");
	url_encode(str_from(call->address != NULL ? call->address : ""), &b);
	return buf_is_ok(&b) ? arena_cstr(call->arena, buf_view(&b)) : NULL;
}

static const char *url_of(const struct auth_settings *s)
{
	if (s->captcha.url[0] != '\0') return s->captcha.url;
	return s->captcha.provider == AUTH_CAPTCHA_TURNSTILE ? TURNSTILE : HCAPTCHA;
}

void captcha_run(struct auth_call *call, void (*next)(struct auth_call *call))
{
	if (!is_guarded(call)) {
		next(call);
		return;
	}
	const char *token = json_str(json_object_get(call->body, "gotrue_meta_security"), "captcha_token", "");
	if (str_trim(str_from(token)).len == 0) {
		call_fail(call, 400, "captcha_failed",
			  "captcha protection: request disallowed (no captcha_token found)");
		return;
	}
	struct checking *c = arena_alloc(call->arena, sizeof *c);
	if (c == NULL || (c->body = body_of(call, token)) == NULL) {
		call_full(call);
		return;
	}
	c->next = next;
	call->captcha = c;
	call_fetch(call,
		   &(struct http_fetch_spec){.url = url_of(call->settings),
					     .content_type = "application/x-www-form-urlencoded",
					     .body = str_from(c->body),
					     .deadline_ms = call->settings->captcha.timeout_ms,
					     .answer_max_bytes = 64u << 10},
		   on_answer);
}
