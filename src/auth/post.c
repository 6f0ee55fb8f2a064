/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/post.h"

#include <stdlib.h>

#include "auth/hook.h"
#include "auth/redirect.h"
#include "base/clock.h"
#include "codec/json.h"
#include "codec/url.h"
#include "mail/compose.h"
#include "mail/queue.h"

struct posting {
	struct auth_user user;
	struct post posts[POSTS_MAX];
	int count;
	const char *failure, *redirect_to;
	void (*on_rows)(struct auth_call *call, const PGresult *rows);
};

/* An address that the client encoded already is taken as it is, as upstream does. */
static void put_redirect(struct buf *b, const char *url)
{
	if (strpbrk(url, "&=#") != NULL)
		url_encode(str_from(url), b);
	else
		buf_puts(b, url);
}

const char *post_link(struct auth_call *call, const struct once *once, const char *type, const char *redirect_to)
{
	struct buf b BUF_CLEANUP;
	buf_init(&b, 4 * REDIRECT_MAX_BYTES);
	buf_printf(&b, "%s/verify?token=%s&type=%s&redirect_to=", call->settings->external_url, once->hash, type);
	put_redirect(&b, redirect_to);
	return buf_is_ok(&b) ? arena_cstr(call->arena, buf_view(&b)) : NULL;
}

bool post_is_due(struct auth_call *call, int64_t age_ms, int64_t frequency_ms)
{
	struct auth_problem problem;
	if (age_ms < 0 || age_ms >= frequency_ms) return true;
	(void)auth_problem_set(&problem, 429, "over_email_send_rate_limit",
			       "For security purposes, you can only request this after %lld seconds.",
			       (long long)((frequency_ms - age_ms) / 1000));
	call_problem(call, &problem, NULL);
	return false;
}

bool post_on_refused(struct auth_call *call, const struct pg_error *why)
{
	if (strcmp(why->message, ONCE_TOO_SOON) == 0) {
		(void)post_is_due(call, 0, call->settings->email.max_frequency_ms);
		return true;
	}
	if (strcmp(why->sqlstate, "53400") != 0) return false; /* the queue is full */
	call_fail(call, 429, "over_email_send_rate_limit", "email rate limit exceeded");
	return true;
}

static struct auth_limit_rule hourly(const struct auth_settings *s)
{
	return (struct auth_limit_rule){(double)s->rate_limit.email_sent, 3600 * 1000, 0};
}

static bool refuse_mail(struct auth_call *call)
{
	call_fail(call, 429, "over_email_send_rate_limit", "email rate limit exceeded");
	return false;
}

static bool is_within_limit(struct auth_call *call)
{
	const struct auth_settings *s = call->settings;
	if (s->rate_limit.email_sent > 0 &&
	    (!s->email.enable_confirmations ||
	     auth_limit_take(call->auth->limit, LIMIT_EMAIL, STR(""), hourly(s), clock_now_ms())))
		return true;
	return refuse_mail(call);
}

static const struct {
	unsigned turn;
	enum call_limit limit;
} turns_of[] = {{POST_CONFIRMATION, LIMIT_CONFIRMATION}, {POST_RECOVERY, LIMIT_RECOVERY}};
#define TURNS (sizeof turns_of / sizeof *turns_of)

bool post_turn(struct auth_call *call, const char *email, unsigned turns)
{
	struct auth_limit *limit = call->auth->limit;
	struct auth_limit_rule rule = {1, call->settings->email.max_frequency_ms, 0};
	int64_t now_ms = clock_now_ms(), wait_ms = 0;
	if (rule.window_ms == 0) return true;
	for (size_t i = 0; i < TURNS; i++) {
		if (!(turns & turns_of[i].turn)) continue;
		int64_t ms = auth_limit_wait_ms(limit, turns_of[i].limit, str_from(email), rule, now_ms);
		if (ms > wait_ms) wait_ms = ms;
	}
	if (wait_ms > 0) return post_is_due(call, rule.window_ms - wait_ms, rule.window_ms);
	for (size_t i = 0; i < TURNS; i++)
		if (turns & turns_of[i].turn)
			(void)auth_limit_take(limit, turns_of[i].limit, str_from(email), rule, now_ms);
	return true;
}

bool post_turn_of_nobody(struct auth_call *call, const char *email, unsigned turns)
{
	const struct auth_settings *s = call->settings;
	if (!post_turn(call, email, turns)) return false;
	if (s->rate_limit.email_sent > 0 &&
	    (!s->email.enable_confirmations ||
	     auth_limit_wait_ms(call->auth->limit, LIMIT_EMAIL, STR(""), hourly(s), clock_now_ms()) == 0))
		return true;
	return refuse_mail(call);
}

static void fill_texts(const struct auth_settings *settings, struct mail_texts *texts)
{
	for (int i = 0; i < MAIL_KINDS; i++) {
		const struct auth_template *t = &settings->email.templates[i];
		texts->of[i] = (struct mail_text){t->subject, t->content};
	}
}

/* Adds the queue's statement to call->sql. */
static bool queue(struct auth_call *call, const struct auth_user *user, const struct post *p, const char *redirect_to,
		  struct err *err)
{
	json_t *data JSON_CLEANUP = NULL;
	struct mail_message message;
	struct mail_texts texts;
	const char *params[MAIL_QUEUE_PARAMS], *fault;
	struct err ignored;
	bool has_link = p->once != NULL && p->type != NULL;
	if (user->user_metadata != NULL) (void)json_parse(str_from(user->user_metadata), &data, &ignored);
	struct mail_values values = {.confirmation_url =
					 has_link ? post_link(call, p->once, p->type, redirect_to) : NULL,
				     .token = p->once != NULL ? p->once->code : NULL,
				     .token_hash = p->once != NULL ? p->once->hash : NULL,
				     .site_url = call->settings->site_url,
				     .email = user->email,
				     .new_email = p->new_email,
				     .old_email = p->old_email,
				     .redirect_to = redirect_to,
				     .phone = user->phone,
				     .old_phone = p->old_phone,
				     .provider = p->provider,
				     .factor_type = p->factor_type,
				     .data = data};
	fill_texts(call->settings, &texts);
	if (!mail_compose(&texts, p->kind, p->to, &values, call->arena, &message, &fault, err)) return false;
	mail_queue_params(&message, user->id, params);
	pg_batch_add(&call->sql, mail_queue_sql, MAIL_QUEUE_PARAMS, params);
	return true;
}

static void refuse_address(struct auth_call *call, const char *address)
{
	struct auth_problem problem;
	(void)auth_problem_set(&problem, 400, "email_address_invalid", "Email address \"%.200s\" is invalid", address);
	call_problem(call, &problem, NULL);
}

static void step_queue(struct auth_call *call, struct posting *p)
{
	struct err err;
	for (int i = 0; i < p->count; i++) {
		if (queue(call, &p->user, &p->posts[i], p->redirect_to, &err)) continue;
		if (err.code == ERR_INVALID)
			refuse_address(call, p->posts[i].to);
		else
			call_fail_inside(call, p->failure, &err);
		return;
	}
	call_run(call, p->failure, p->on_rows);
}

static void on_hook(struct auth_call *call, const json_t *output)
{
	const struct posting *p = call->posting;
	(void)output;
	call_run(call, p->failure, p->on_rows);
}

/* All of upstream's members are there, the empty ones too: hooks are written in languages that mind. */
static json_t *email_data(struct auth_call *call, const struct post *p, const char *type, const char *redirect_to)
{
	static const char *const empty[] = {"token", "token_hash", "token_new", "token_hash_new"};
	json_t *data = json_pack("{s:s, s:s, s:s}", "redirect_to", redirect_to, "email_action_type", type, "site_url",
				 call->settings->external_url);
	for (size_t i = 0; i < sizeof empty / sizeof *empty; i++)
		(void)json_object_set_new(data, empty[i], json_string(""));
	(void)json_object_set_new(data, "old_email", json_string(p->old_email != NULL ? p->old_email : ""));
	(void)json_object_set_new(data, "old_phone", json_string(p->old_phone != NULL ? p->old_phone : ""));
	(void)json_object_set_new(data, "provider", json_string(p->provider != NULL ? p->provider : ""));
	(void)json_object_set_new(data, "factor_type", json_string(p->factor_type != NULL ? p->factor_type : ""));
	return data;
}

/* Of a change of the address with two mails, upstream's hook gets the current one's code with the new one's hash, and
 * the other way round; hooks are written for that. */
static void step_hook(struct auth_call *call, const struct posting *p)
{
	const struct post *first = &p->posts[0], *second = p->count > 1 ? &p->posts[1] : NULL;
	const struct once *code = second != NULL ? second->once : first->once;
	json_t *input = hook_input(call, AUTH_HOOK_SEND_EMAIL);
	json_t *data = email_data(call, first, first->type != NULL ? first->type : "reauthentication", p->redirect_to);
	(void)json_object_set_new(data, "token", json_string(code->code));
	(void)json_object_set_new(data, "token_hash", json_string(first->once->hash));
	(void)json_object_set_new(data, "token_new", json_string(second != NULL ? first->once->code : ""));
	(void)json_object_set_new(data, "token_hash_new", json_string(second != NULL ? second->once->hash : ""));
	(void)json_object_set_new(input, "email_data", data);
	(void)json_object_set_new(input, "user", hook_user(call, &p->user));
	hook_ask(call, AUTH_HOOK_SEND_EMAIL, input, on_hook, NULL);
}

void post_run(struct auth_call *call, const struct auth_user *user, const struct post *posts, int count,
	      const char *failure, void (*on_rows)(struct auth_call *call, const PGresult *rows))
{
	struct posting *p = arena_alloc(call->arena, sizeof *p);
	const char *redirect_to = call_redirect_to(call);
	if (p == NULL || redirect_to == NULL) {
		call_full(call);
		return;
	}
	*p = (struct posting){
	    .user = *user, .count = count, .failure = failure, .redirect_to = redirect_to, .on_rows = on_rows};
	for (int i = 0; i < count; i++) p->posts[i] = posts[i];
	call->posting = p;
	if (call->on_refused == NULL) call->on_refused = post_on_refused;
	if (!is_within_limit(call)) return;
	if (hook_is_on(call, AUTH_HOOK_SEND_EMAIL) && auth_user_is_shown(user))
		step_hook(call, p);
	else
		step_queue(call, p);
}

/* What the owner's hook is told of once it has happened: before the answer, one after the other. */
struct notice {
	struct notice *next;
	json_t *input;
};

static void step_notice(struct auth_call *call);

static void on_notice(struct auth_call *call, const json_t *output)
{
	(void)output;
	step_notice(call);
}

/* It has happened all the same. */
static void on_notice_refused(struct auth_call *call, const struct auth_problem *problem, const char *cause)
{
	(void)problem;
	(void)cause;
	step_notice(call);
}

static void step_notice(struct auth_call *call)
{
	struct notice *notice = call->notices;
	if (notice == NULL) {
		call_go_on(call);
		return;
	}
	call->notices = notice->next;
	hook_ask(call, AUTH_HOOK_SEND_EMAIL, json_incref(notice->input), on_notice, on_notice_refused);
}

static void free_json(void *arg)
{
	json_decref(arg);
}

static void tell_hook(struct auth_call *call, const struct auth_user *user, const struct post *post)
{
	struct notice *notice = arena_alloc(call->arena, sizeof *notice), **last = &call->notices;
	json_t *who = hook_user(call, user);
	if (notice == NULL || who == NULL) {
		json_decref(who);
		return;
	}
	(void)json_object_set_new(who, "email", json_string(user->email));
	(void)json_object_set_new(who, "phone", json_string(user->phone));
	*notice = (struct notice){.input = hook_input(call, AUTH_HOOK_SEND_EMAIL)};
	arena_defer(call->arena, free_json, notice->input);
	(void)json_object_set_new(notice->input, "user", who);
	(void)json_object_set_new(notice->input, "email_data",
				  email_data(call, post, mail_kind_name(post->kind), call->settings->site_url));
	while (*last != NULL) last = &(*last)->next;
	*last = notice;
	call->before_answer = step_notice;
}

void post_notify(struct auth_call *call, const struct auth_user *user, const struct post *post)
{
	struct err ignored;
	if (!call->settings->email.templates[post->kind].is_enabled || post->to[0] == '\0') return;
	if (hook_is_on(call, AUTH_HOOK_SEND_EMAIL) && auth_user_is_shown(user))
		tell_hook(call, user, post);
	else
		(void)queue(call, user, post, call->settings->site_url, &ignored);
}

static bool has_phone_identity(const struct auth_user *user)
{
	json_t *identities JSON_CLEANUP = NULL, *identity;
	struct err ignored;
	size_t i;
	if (!json_parse(str_from(user->identities), &identities, &ignored)) return false;
	json_array_foreach(identities, i,
			   identity) if (strcmp(json_str(identity, "provider", ""), "phone") == 0) return true;
	return false;
}

void post_notify_phone(struct auth_call *call, const struct auth_user *old, const char *phone)
{
	struct auth_user changed = *old;
	changed.phone = phone;
	if (old->phone[0] != '\0' && strcmp(old->phone, phone) != 0)
		post_notify(call, &changed,
			    &(struct post){.kind = MAIL_PHONE_CHANGED, .to = old->email, .old_phone = old->phone});
	if (!has_phone_identity(old))
		post_notify(call, &changed,
			    &(struct post){.kind = MAIL_IDENTITY_LINKED, .to = old->email, .provider = "phone"});
}
