/* SPDX-License-Identifier: Apache-2.0
 *
 * POST /resend: the mail of a sign-up or of a change of the address again, with a fresh token; or the message. Whoever
 * has nothing to confirm, or is not known, gets the same answer, as late. */
#include "auth/audit.h"
#include "auth/body.h"
#include "auth/email_change.h"
#include "auth/flows.h"
#include "auth/phone.h"
#include "auth/post.h"

#define HOLD_MS 100 /* of the answer; see call_hold */

struct resend {
	const char *type, *email, *phone;
	struct pkce pkce;
};

static bool is_type(const struct resend *r, const char *type)
{
	return strcmp(r->type, type) == 0;
}

static void on_sent(struct auth_call *call, const PGresult *rows)
{
	const struct resend *r = call->flow;
	const char *message_id = r->phone != NULL ? phone_message_id(call, r->phone) : "";
	(void)rows;
	call_reply(call, 200,
		   message_id[0] != '\0' ? arena_printf(call->arena, "{\"message_id\":\"%s\"}", message_id) : "{}");
}

static void step_confirmation(struct auth_call *call, const struct resend *r)
{
	const struct auth_settings *s = call->settings;
	const struct auth_user *u = &call->user;
	struct once once;
	if (!post_is_due(call, u->confirmation.age_ms, s->email.max_frequency_ms) ||
	    !post_turn(call, r->email, POST_CONFIRMATION))
		return;
	if (!once_make(call->arena, u->email, s->email.otp_length, &r->pkce, &once)) {
		call_full(call);
		return;
	}
	struct pg_batch *sql = call_sql(call);
	audit_add(call, "user_confirmation_requested", u, NULL);
	if (pkce_is_on(&r->pkce)) pkce_sql_begin(sql, &r->pkce, "email/signup", "email/signup", u->id);
	once_sql(sql, call->arena, ONCE_CONFIRMATION, u->id, u->email, once.hash, s->email.max_frequency_ms);
	struct post post = {.kind = MAIL_CONFIRMATION, .to = u->email, .once = &once, .type = "signup"};
	post_run(call, u, &post, 1, "Error sending confirmation email", on_sent);
}

static void step_message(struct auth_call *call, const struct resend *r, enum once_kind kind, int64_t age_ms)
{
	(void)call_sql(call);
	audit_add(call, "user_recovery_requested", &call->user, NULL);
	phone_run(call, &call->user, kind, r->phone, age_ms, "Error sending confirmation sms", on_sent);
}

/* Nobody is there, or nothing to confirm. */
static void reply_nothing(struct auth_call *call, const struct resend *r)
{
	bool would_mail = is_type(r, "signup") && r->email != NULL;
	if (!would_mail || post_turn_of_nobody(call, r->email, POST_CONFIRMATION)) call_reply(call, 200, "{}");
}

static void on_found(struct auth_call *call, const PGresult *rows)
{
	const struct resend *r = call->flow;
	const struct auth_user *u = &call->user;
	if (PQntuples(rows) == 0) {
		reply_nothing(call, r);
		return;
	}
	auth_user_read(rows, 0, &call->user);
	if (is_type(r, "signup") && r->email != NULL && !u->is_email_confirmed) {
		step_confirmation(call, r);
	} else if (is_type(r, "email_change") && u->email_change[0] != '\0') {
		(void)call_sql(call);
		email_change_run(call, u, u->email_change, &r->pkce, on_sent);
	} else if (is_type(r, "sms") && r->phone != NULL && !u->is_phone_confirmed) {
		step_message(call, r, ONCE_CONFIRMATION, u->confirmation.age_ms);
	} else if (is_type(r, "phone_change") && u->phone_change[0] != '\0') {
		step_message(call, r, ONCE_PHONE_CHANGE, u->phone_change_pending.age_ms);
	} else {
		reply_nothing(call, r);
	}
}

static bool read_address(struct auth_call *call, struct resend *r, struct auth_problem *problem)
{
	const char *email = "", *phone = "";
	if (!body_text(call->arena, call->body, "email", &email, problem) ||
	    !body_text(call->arena, call->body, "phone", &phone, problem))
		return false;
	if (email[0] == '\0' && is_type(r, "signup"))
		return auth_invalid(problem, "Type provided requires an email address");
	if (phone[0] == '\0' && is_type(r, "sms"))
		return auth_invalid(problem, "Type provided requires a phone number");
	if (email[0] != '\0' && phone[0] != '\0')
		return auth_invalid(problem, "Only an email address or phone number should be provided.");
	if (email[0] != '\0') {
		if (!call->settings->email.enable_signup)
			return auth_problem_set(problem, 400, "email_provider_disabled", "Email logins are disabled");
		return auth_email_check(call->arena, email, &r->email, problem);
	}
	if (phone[0] == '\0') return auth_invalid(problem, "Missing email address or phone number");
	if (!call->settings->sms.enable_signup)
		return auth_problem_set(problem, 400, "phone_provider_disabled", "Phone logins are disabled");
	return phone_check(call->arena, phone, &r->phone, problem);
}

static bool parse(struct auth_call *call, struct resend *r, struct auth_problem *problem)
{
	r->type = "";
	if (!body_text(call->arena, call->body, "type", &r->type, problem)) return false;
	bool is_mail = is_type(r, "signup") || is_type(r, "email_change");
	if (!is_mail && !is_type(r, "sms") && !is_type(r, "phone_change"))
		return auth_invalid(problem, "Missing one of these types: signup, email_change, sms, phone_change");
	r->pkce = (struct pkce){.challenge = "", .method = ""};
	if (is_mail && !pkce_read(call->arena, call->body, &r->pkce, problem)) return false;
	return read_address(call, r, problem);
}

void flow_resend(struct auth_call *call)
{
	struct auth_problem problem;
	struct resend *r = call_flow(call, sizeof *r);
	if (r == NULL || !call_limit(call, LIMIT_RESEND)) return;
	if (!parse(call, r, &problem)) {
		call_problem(call, &problem, NULL);
		return;
	}
	call_hold(call, HOLD_MS);
	if (r->email != NULL)
		user_sql_by_email(call_sql(call), r->email);
	else
		user_sql_by_phone(call_sql(call), r->phone);
	call_run(call, "Unable to process request", on_found);
}
