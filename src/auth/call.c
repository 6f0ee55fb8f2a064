/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/call.h"

#include <assert.h>
#include <stdlib.h>

#include "auth/redirect.h"
#include "base/clock.h"
#include "codec/url.h"

void *call_flow(struct auth_call *call, size_t size_bytes)
{
	call->flow = arena_alloc(call->arena, size_bytes);
	if (call->flow == NULL) call_full(call);
	return call->flow;
}

int64_t call_now_s(const struct auth_call *call)
{
	(void)call;
	return clock_wall_ms() / 1000;
}

const char *call_redirect_to(struct auth_call *call)
{
	const struct auth_request *r = &call->request;
	struct str wish = r->redirect_to;
	if (wish.len == 0) (void)query_get(call->arena, r->query, STR("redirect_to"), &wish);
	return redirect_choose(call->settings, call->arena, wish, r->referer);
}

/* The ends. */
void auth_reply_add(struct auth_reply *reply, const char *name, const char *value)
{
	assert(reply->header_count < AUTH_REPLY_HEADERS_MAX);
	reply->headers[reply->header_count++] = (struct auth_header){name, value};
}

static void answer(struct auth_call *call, const struct auth_reply *reply)
{
	call->auth->calls--;
	call->done(call->arg, reply);
}

struct held {
	uv_timer_t timer;
	struct auth_call *call;
	struct auth_reply reply;
};

static void on_closed(uv_handle_t *handle)
{
	free(handle->data);
}

static void on_due(uv_timer_t *timer)
{
	struct held *held = timer->data;
	answer(held->call, &held->reply);
	uv_close((uv_handle_t *)timer, on_closed);
}

static void finish(struct auth_call *call, const struct auth_reply *reply)
{
	void (*before)(struct auth_call *) = call->before_answer;
	struct auth_reply *waiting = before != NULL ? arena_alloc(call->arena, sizeof *waiting) : NULL;
	call->before_answer = NULL;
	if (waiting != NULL) {
		*waiting = *reply;
		call->waiting = waiting;
		before(call);
		return;
	}
	int64_t wait_ms = call->hold_until_ms - clock_now_ms();
	if (wait_ms <= 0) {
		answer(call, reply);
		return;
	}
	struct held *held = calloc(1, sizeof *held);
	if (held == NULL) abort();
	*held = (struct held){.call = call, .reply = *reply};
	held->timer.data = held;
	(void)uv_timer_init(call->auth->loop, &held->timer);
	(void)uv_timer_start(&held->timer, on_due, (uint64_t)wait_ms, 0);
}

void call_go_on(struct auth_call *call)
{
	finish(call, call->waiting);
}

void call_hold(struct auth_call *call, int64_t ms)
{
	call->hold_until_ms = clock_now_ms() + ms;
}

/* By the status of HTTP, as OAuth names them (RFC 6749, 4.1.2.1). */
static const char *oauth_error(int status)
{
	switch (status) {
	case 400: return "invalid_request";
	case 401: return "unauthorized_client";
	case 403: return "access_denied";
	case 500: return "server_error";
	case 503: return "temporarily_unavailable";
	default: return NULL;
	}
}

static void put_error(struct redirect *r, void (*put)(struct redirect *, const char *, const char *),
		      const struct auth_problem *problem)
{
	const char *error = oauth_error(problem->status);
	if (error != NULL) put(r, "error", error);
	put(r, "error_code", problem->code);
	put(r, "error_description", problem->message);
}

static void redirect_problem(struct auth_call *call, const struct auth_problem *problem, const char *cause)
{
	struct redirect r REDIRECT_CLEANUP;
	redirect_init(&r, str_from(call->error_redirect));
	if (call->is_error_in_query) put_error(&r, redirect_query, problem);
	put_error(&r, redirect_fragment, problem);
	redirect_fragment(&r, "sb", "");
	call->error_redirect = NULL;
	struct auth_reply reply = {.status = 303, .cause = cause};
	const char *url = redirect_text(&r, call->arena);
	if (url != NULL) auth_reply_add(&reply, "Location", url);
	call_reply_with(call, &reply, url != NULL ? "" : NULL);
}

void call_problem(struct auth_call *call, const struct auth_problem *problem, const char *cause)
{
	void (*on_problem)(struct auth_call *, const struct auth_problem *) = call->on_problem;
	call->before_answer = NULL; /* what it would tell of did not happen */
	if (on_problem != NULL) {
		call->on_problem = NULL;
		on_problem(call, problem);
		return;
	}
	if (call->error_redirect != NULL) {
		redirect_problem(call, problem, cause);
		return;
	}
	bool is_2024 = auth_is_version_2024(call->request.api_version);
	char *body = auth_problem_body(call->arena, problem, is_2024);
	struct auth_reply reply = {.status = problem->status, .cause = cause};
	reply.body = body != NULL ? str_from(body) : STR("{}");
	auth_reply_add(&reply, "Content-Type", "application/json");
	if (problem->oauth_error == NULL) auth_reply_add(&reply, "X-Sb-Error-Code", problem->code);
	if (is_2024) auth_reply_add(&reply, "X-Supabase-Api-Version", "2024-01-01");
	finish(call, &reply);
}

void call_fail(struct auth_call *call, int status, const char *code, const char *words)
{
	struct auth_problem problem;
	(void)auth_problem_set(&problem, status, code, "%s", words);
	call_problem(call, &problem, NULL);
}

void call_full(struct auth_call *call)
{
	call_fail(call, 413, "request_entity_too_large", "The request needs more memory than is set aside");
}

void call_fail_inside(struct auth_call *call, const char *words, const struct err *cause)
{
	struct auth_problem problem;
	bool is_busy = cause->code == ERR_UNAVAILABLE || cause->code == ERR_TIMEOUT;
	(void)auth_problem_set(&problem, is_busy ? 503 : 500, is_busy ? "request_timeout" : "unexpected_failure", "%s",
			       words);
	call_problem(call, &problem, arena_strdup(call->arena, cause->msg));
}

void call_reply_typed(struct auth_call *call, struct auth_reply *reply, const char *type, const char *body)
{
	if (body == NULL) {
		call_full(call);
		return;
	}
	reply->body = str_from(body);
	if (body[0] != '\0') auth_reply_add(reply, "Content-Type", type);
	finish(call, reply);
}

void call_reply_with(struct auth_call *call, struct auth_reply *reply, const char *body)
{
	call_reply_typed(call, reply, "application/json", body);
}

void call_reply(struct auth_call *call, int status, const char *body)
{
	struct auth_reply reply = {.status = status};
	call_reply_with(call, &reply, body);
}

void call_redirect(struct auth_call *call, const char *url)
{
	struct auth_reply reply = {.status = 303};
	if (url != NULL) auth_reply_add(&reply, "Location", url);
	call_reply_with(call, &reply, url != NULL ? "" : NULL);
}

/* Statements. */
struct pg_batch *call_sql(struct auth_call *call)
{
	call->sql.count = 0;
	return &call->sql;
}

static void on_refused(struct auth_call *call)
{
	bool (*ask)(struct auth_call *, const struct pg_error *) = call->on_refused;
	struct pg_error error = {0};
	struct err err;
	pg_error_from_result(&error, call->pg.results[call->pg.failed], NULL);
	(void)pg_error_set(&err, &error);
	call->on_refused = NULL;
	if (strcmp(error.message, USER_METADATA_TOO_LARGE) == 0) {
		call_fail(
		    call, 422, "validation_failed",
		    "user_metadata and app_metadata must not exceed 10240 bytes together, since they stand in every "
		    "token");
		return;
	}
	if (ask == NULL || !ask(call, &error)) call_fail_inside(call, call->failure, &err);
}

static void clear_result(void *arg)
{
	PQclear(arg);
}

/* The rows belong to the request from here on. */
static void keep_results(struct auth_call *call, struct pg_call *pg)
{
	for (int i = 0; i < pg->count + 1; i++)
		if (pg->results[i] != NULL) arena_defer(call->arena, clear_result, pg->results[i]);
}

static void on_pg_done(void *arg, struct pg_call *pg)
{
	struct auth_call *call = arg;
	keep_results(call, pg);
	if (pg->failed >= 0 && pg->failed < pg->count) {
		on_refused(call);
	} else if (pg->err.code != ERR_NONE) {
		call_fail_inside(call, call->failure, &pg->err);
	} else {
		call->on_refused = NULL;
		call->on_rows(call, pg->results[pg->count - 1]);
	}
}

void call_run(struct auth_call *call, const char *failure, void (*on_rows)(struct auth_call *, const PGresult *))
{
	struct err err;
	call->pg = (struct pg_call){
	    .statements = call->sql.statements, .count = call->sql.count, .done = on_pg_done, .arg = call};
	call->on_rows = on_rows;
	call->failure = failure;
	if (!pg_pool_run(call->auth->pool, &call->pg, &err)) call_fail_inside(call, failure, &err);
}

const PGresult *call_rows(const struct auth_call *call, int statement)
{
	return call->pg.results[statement];
}

/* Passwords. */
static void on_hash(void *arg, const char *hash)
{
	struct auth_call *call = arg;
	if (hash == NULL) {
		call_fail(call, 500, "unexpected_failure", "The password could not be hashed");
		return;
	}
	const char *copy = arena_strdup(call->arena, hash);
	if (copy == NULL)
		call_full(call);
	else
		call->on_hash(call, copy);
}

void call_hash(struct auth_call *call, const char *password, void (*done)(struct auth_call *, const char *hash))
{
	struct err err;
	call->on_hash = done;
	if (!auth_password_hash(call->auth->passwords, str_from(password), on_hash, call, &err))
		call_fail_inside(call, err.msg, &err);
}

static void on_compared(void *arg, bool is_right)
{
	struct auth_call *call = arg;
	call->on_compared(call, is_right);
}

void call_compare(struct auth_call *call, const char *password, const char *hash,
		  void (*done)(struct auth_call *, bool is_right))
{
	struct err err;
	call->on_compared = done;
	if (!auth_password_verify(call->auth->passwords, str_from(password), hash, on_compared, call, &err))
		call_fail_inside(call, err.msg, &err);
}

/* Limits. */
#define MINUTE_MS (60 * 1000)
#define FIVE_MINUTES_MS (5 * 60 * 1000)
#define HOUR_MS (60 * 60 * 1000)
#define LOCAL_TIMES 20
/* As upstream. Refreshes it bounds so, too; there 31 people of one office who come at once would be signed out. */
#define PASSWORDS_AT_ONCE 30

static bool is_local(const struct auth_call *call)
{
	struct str address = call->request.address;
	return address.len == 0 || str_has_prefix(address, STR("127.")) || str_eq(address, STR("::1"));
}

static struct auth_limit_rule rule_of(const struct auth_settings *s, enum call_limit what)
{
	switch (what) {
	case LIMIT_ANONYMOUS: return (struct auth_limit_rule){(double)s->rate_limit.anonymous_users, HOUR_MS, 0};
	case LIMIT_PASSWORD:
		return (struct auth_limit_rule){(double)s->rate_limit.token_refresh, FIVE_MINUTES_MS,
						PASSWORDS_AT_ONCE};
	case LIMIT_REFRESH: return (struct auth_limit_rule){(double)s->rate_limit.token_refresh, FIVE_MINUTES_MS, 0};
	case LIMIT_VERIFY:
		return (struct auth_limit_rule){(double)s->rate_limit.token_verifications, FIVE_MINUTES_MS, 0};
	case LIMIT_CHALLENGE:
	case LIMIT_FACTOR:
		return (struct auth_limit_rule){(double)s->rate_limit.mfa_challenge_and_verify, MINUTE_MS, 0};
	default: return (struct auth_limit_rule){(double)s->rate_limit.sign_in_sign_ups, FIVE_MINUTES_MS, 0};
	}
}

bool call_limit(struct auth_call *call, enum call_limit what)
{
	char text[64];
	struct auth_limit_rule rule = rule_of(call->settings, what);
	bool is_by_user = what == LIMIT_FACTOR || what == LIMIT_CHALLENGE;
	struct str name = is_by_user ? str_from(call->user.id) : auth_limit_address(call->request.address, text);
	if (!is_by_user && is_local(call)) rule.events *= LOCAL_TIMES, rule.at_once *= LOCAL_TIMES;
	if (auth_limit_take(call->auth->limit, what, name, rule, clock_now_ms())) return true;
	call_fail(call, 429, "over_request_rate_limit", "Request rate limit reached");
	return false;
}
