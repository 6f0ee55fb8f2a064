/* SPDX-License-Identifier: Apache-2.0
 *
 * POST /otp and /magiclink: a link and a code by mail, or a code by message, to sign in with. Who is not there yet is
 * signed up with a password that nobody knows, unless the request says not to. */
#include "auth/audit.h"
#include "auth/body.h"
#include "auth/flows.h"
#include "auth/phone.h"
#include "auth/post.h"
#include "auth/signup.h"
#include "auth/token.h"

#define HOLD_MS 100 /* of the answer; see call_hold */

struct otp {
	const char *email, *phone, *data, *channel;
	struct pkce pkce;
	bool creates_user, has_turn;
};

static struct otp *otp_of(struct auth_call *call)
{
	return call->otp;
}

static void reply_sent(struct auth_call *call)
{
	const struct otp *o = otp_of(call);
	const char *message_id = o->phone != NULL ? phone_message_id(call, o->phone) : "";
	call_reply(call, 200,
		   message_id[0] != '\0' ? arena_printf(call->arena, "{\"message_id\":\"%s\"}", message_id) : "{}");
}

static void on_sent(struct auth_call *call, const PGresult *rows)
{
	(void)rows;
	reply_sent(call);
}

/* Asked once: whoever is confirmed at once comes by twice. */
static bool has_turn(struct auth_call *call)
{
	struct otp *o = otp_of(call);
	if (o->email != NULL && !o->has_turn)
		o->has_turn = post_turn(call, o->email, POST_CONFIRMATION | POST_RECOVERY);
	return o->email == NULL || o->has_turn;
}

/* To somebody who is there. */
static void step_mail(struct auth_call *call, const struct otp *o)
{
	const struct auth_settings *s = call->settings;
	const struct auth_user *u = &call->user;
	struct once once;
	if (!post_is_due(call, u->recovery.age_ms, s->email.max_frequency_ms) || !has_turn(call)) return;
	if (!once_make(call->arena, u->email, s->email.otp_length, &o->pkce, &once)) {
		call_full(call);
		return;
	}
	if (pkce_is_on(&o->pkce))
		pkce_sql_begin(call_sql(call), &o->pkce, "magiclink", "magiclink", u->id);
	else
		(void)call_sql(call);
	audit_add(call, "user_recovery_requested", u, NULL);
	once_sql(&call->sql, call->arena, ONCE_RECOVERY, u->id, u->email, once.hash, s->email.max_frequency_ms);
	struct post post = {.kind = MAIL_MAGIC_LINK, .to = u->email, .once = &once, .type = "magiclink"};
	post_run(call, u, &post, 1, "Error sending magic link email", on_sent);
}

static void step_message(struct auth_call *call, const struct otp *o)
{
	(void)call_sql(call);
	audit_add(call, "user_recovery_requested", &call->user, json_pack("{s:s}", "channel", "sms"));
	phone_run(call, &call->user, ONCE_CONFIRMATION, o->phone, call->user.confirmation.age_ms,
		  "Error sending confirmation sms", on_sent);
}

/* To somebody new: their confirmation is the link. Where addresses need none, the user is made first. */
static void find(struct auth_call *call);

static void step_signup(struct auth_call *call, const struct otp *o)
{
	char one[AUTH_REFRESH_TOKEN_SIZE], two[AUTH_REFRESH_TOKEN_SIZE];
	if (!has_turn(call)) return;
	struct signup *s = call_flow(call, sizeof *s);
	if (s == NULL) return;
	auth_make_refresh_token(one);
	auth_make_refresh_token(two);
	*s = (struct signup){.email = o->email,
			     .phone = o->phone,
			     .password = arena_printf(call->arena, "%s%s", one, two),
			     .data = o->data,
			     .pkce = o->pkce,
			     .on_confirmed = find,
			     .on_mailed = reply_sent,
			     .has_turn = true};
	if (s->password == NULL)
		call_full(call);
	else if (!call->settings->enable_signup)
		call_fail(call, 422, "signup_disabled", "Signups not allowed for this instance");
	else
		signup_run(call, s);
}

static void on_found(struct auth_call *call, const PGresult *rows)
{
	const struct otp *o = otp_of(call);
	bool is_there = PQntuples(rows) > 0, is_confirmed = false;
	if (is_there) {
		auth_user_read(rows, 0, &call->user);
		is_confirmed = o->email != NULL ? call->user.is_email_confirmed : call->user.is_phone_confirmed;
	}
	if (!is_there && !o->creates_user)
		call_fail(call, 422, "otp_disabled", "Signups not allowed for otp");
	else if (!is_confirmed)
		step_signup(call, o);
	else if (o->email != NULL)
		step_mail(call, o);
	else
		step_message(call, o);
}

static void find(struct auth_call *call)
{
	const struct otp *o = otp_of(call);
	if (o->email != NULL)
		user_sql_by_email(call_sql(call), o->email);
	else
		user_sql_by_phone(call_sql(call), o->phone);
	call_run(call, "Database error finding user", on_found);
}

static bool check_providers(const struct auth_call *call, const struct otp *o, struct auth_problem *problem)
{
	if (o->email != NULL && !call->settings->email.enable_signup)
		return auth_problem_set(problem, 422, "email_provider_disabled", "Email logins are disabled");
	if (o->phone != NULL && !call->settings->sms.enable_signup)
		return auth_problem_set(problem, 400, "phone_provider_disabled", "Unsupported phone provider");
	return true;
}

static bool parse(struct auth_call *call, struct otp *o, struct auth_problem *problem)
{
	struct arena *a = call->arena;
	const char *email = "", *phone = "";
	o->channel = "";
	if (!body_text(a, call->body, "email", &email, problem) ||
	    !body_text(a, call->body, "phone", &phone, problem) ||
	    !body_bool(call->body, "create_user", &o->creates_user, problem) ||
	    !body_object(a, call->body, "data", &o->data, problem) ||
	    !body_text(a, call->body, "channel", &o->channel, problem))
		return false;
	if (email[0] != '\0' && phone[0] != '\0')
		return auth_invalid(problem, "Only an email address or phone number should be provided");
	if (email[0] != '\0' && o->channel[0] != '\0')
		return auth_invalid(problem, "Channel should only be specified with Phone OTP");
	if (!pkce_read(a, call->body, &o->pkce, problem)) return false;
	if (email[0] == '\0' && phone[0] == '\0') return auth_invalid(problem, "One of email or phone must be set");
	if (email[0] != '\0' && !auth_email_check(a, email, &o->email, problem)) return false;
	if (phone[0] != '\0' &&
	    (!phone_check(a, phone, &o->phone, problem) || !phone_channel_check(o->channel, problem)))
		return false;
	return check_providers(call, o, problem);
}

static void begin(struct auth_call *call, bool is_magic_link)
{
	struct auth_problem problem;
	struct otp *o = arena_alloc(call->arena, sizeof *o);
	if (o == NULL) {
		call_full(call);
		return;
	}
	call->otp = o;
	o->creates_user = true;
	if (!call_limit(call, LIMIT_OTP)) return;
	if (!parse(call, o, &problem)) {
		call_problem(call, &problem, NULL);
		return;
	}
	if (is_magic_link && o->email == NULL) {
		call_fail(call, 422, "validation_failed", "Password recovery requires an email");
		return;
	}
	call_hold(call, HOLD_MS);
	find(call);
}

void flow_otp(struct auth_call *call)
{
	begin(call, false);
}

void flow_magiclink(struct auth_call *call)
{
	begin(call, true);
}
