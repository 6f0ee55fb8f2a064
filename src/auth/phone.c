/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/phone.h"

#include <ctype.h>

#include "auth/body.h"
#include "auth/hook.h"
#include "base/clock.h"

#define DIGITS_MAX 15

struct message {
	const char *failure;
	void (*on_rows)(struct auth_call *call, const PGresult *rows);
};

bool phone_check(struct arena *a, const char *phone, const char **ret_phone, struct auth_problem *problem)
{
	char digits[DIGITS_MAX + 1];
	size_t len = 0;
	bool is_good = true;
	if (*phone == '+') phone++;
	for (; *phone != '\0' && is_good; phone++) {
		if (*phone == ' ') continue;
		is_good = isdigit((unsigned char)*phone) && len < DIGITS_MAX;
		if (is_good) digits[len++] = *phone;
	}
	digits[len] = '\0';
	if (!is_good || len < 2 || digits[0] == '0')
		return auth_invalid(problem, "Invalid phone number format (E.164 required)");
	*ret_phone = arena_strdup(a, digits);
	return *ret_phone != NULL || auth_full(problem);
}

bool phone_read(struct arena *a, const json_t *body, const char *key, const char **ret_phone,
		struct auth_problem *problem)
{
	const char *phone = "";
	if (!body_text(a, body, key, &phone, problem)) return false;
	return phone[0] == '\0' || phone_check(a, phone, ret_phone, problem);
}

bool phone_channel_check(const char *channel, struct auth_problem *problem)
{
	if (channel[0] == '\0' || strcmp(channel, "sms") == 0) return true;
	return auth_invalid(problem, "Invalid channel, supported values are 'sms' or 'whatsapp'. 'whatsapp' is only "
				     "supported if Twilio or Twilio Verify is used as the provider.");
}

const char *phone_test_code(const struct auth_settings *settings, const char *phone)
{
	for (size_t i = 0; i < settings->sms.test_otp_count; i++)
		if (strcmp(settings->sms.test_otp[i].phone, phone) == 0) return settings->sms.test_otp[i].code;
	return NULL;
}

const char *phone_message_id(const struct auth_call *call, const char *phone)
{
	return phone_test_code(call->settings, phone) != NULL ? "test-otp" : "";
}

static bool is_due(struct auth_call *call, int64_t age_ms)
{
	int64_t frequency_ms = call->settings->sms.max_frequency_ms;
	struct auth_problem problem;
	if (age_ms < 0 || age_ms >= frequency_ms) return true;
	(void)auth_problem_set(&problem, 429, "over_sms_send_rate_limit",
			       "For security purposes, you can only request this after %lld seconds.",
			       (long long)((frequency_ms - age_ms) / 1000));
	call_problem(call, &problem, NULL);
	return false;
}

static bool on_refused(struct auth_call *call, const struct pg_error *why)
{
	if (strcmp(why->message, ONCE_TOO_SOON) == 0) return !is_due(call, 0);
	if (strcmp(why->constraint, "users_phone_key") != 0) return false;
	call_fail(call, 422, "phone_exists", "A user with this phone number has already been registered");
	return true;
}

static bool is_within_limit(struct auth_call *call)
{
	const struct auth_settings *s = call->settings;
	struct auth_limit_rule rule = {(double)s->rate_limit.sms_sent, 3600 * 1000, 0};
	if (!s->sms.enable_confirmations ||
	    auth_limit_take(call->auth->limit, LIMIT_SMS, STR(""), rule, clock_now_ms()))
		return true;
	call_fail(call, 429, "over_sms_send_rate_limit", "SMS rate limit exceeded");
	return false;
}

static void on_hook(struct auth_call *call, const json_t *output)
{
	const struct message *m = call->posting;
	(void)output;
	call_run(call, m->failure, m->on_rows);
}

static void step_send(struct auth_call *call, const struct auth_user *user, const char *phone, const char *code)
{
	if (!is_within_limit(call)) return;
	if (!hook_is_on(call, AUTH_HOOK_SEND_SMS)) {
		call_fail(call, 500, "unexpected_failure", "Unable to get SMS provider");
		return;
	}
	json_t *input = hook_input(call, AUTH_HOOK_SEND_SMS);
	if (auth_user_is_shown(user)) (void)json_object_set_new(input, "user", hook_user(call, user));
	(void)json_object_set_new(input, "sms", json_pack("{s:s, s:s}", "otp", code, "phone", phone));
	hook_ask(call, AUTH_HOOK_SEND_SMS, input, on_hook, NULL);
}

void phone_run(struct auth_call *call, const struct auth_user *user, enum once_kind kind, const char *phone,
	       int64_t age_ms, const char *failure, void (*on_rows)(struct auth_call *call, const PGresult *rows))
{
	const char *test_code = phone_test_code(call->settings, phone);
	struct message *m = arena_alloc(call->arena, sizeof *m);
	struct once once;
	if (!is_due(call, age_ms)) return;
	if (m == NULL ||
	    !(test_code != NULL ? once_make_of(call->arena, phone, test_code, &once)
				: once_make(call->arena, phone, call->settings->sms.otp_length, NULL, &once))) {
		call_full(call);
		return;
	}
	*m = (struct message){failure, on_rows};
	call->posting = m;
	once_sql(&call->sql, call->arena, kind, user->id, phone, once.hash, call->settings->sms.max_frequency_ms);
	call->on_refused = on_refused;
	if (test_code != NULL)
		call_run(call, failure, on_rows);
	else
		step_send(call, user, phone, once.code);
}
