/* SPDX-License-Identifier: Apache-2.0
 *
 * GET /reauthenticate: a code by mail, without which a new password is not set where the owner wants it so. */
#include "auth/audit.h"
#include "auth/flows.h"
#include "auth/phone.h"
#include "auth/post.h"

static void on_sent(struct auth_call *call, const PGresult *rows)
{
	(void)rows;
	call_reply(call, 200, "{}");
}

static void step_mail(struct auth_call *call)
{
	const struct auth_settings *s = call->settings;
	const struct auth_user *u = &call->user;
	struct once once;
	if (!post_is_due(call, u->reauthentication.age_ms, s->email.max_frequency_ms)) return;
	if (!once_make(call->arena, u->email, s->email.otp_length, NULL, &once)) {
		call_full(call);
		return;
	}
	(void)call_sql(call);
	audit_add(call, "user_reauthenticate_requested", u, NULL);
	once_sql(&call->sql, call->arena, ONCE_REAUTHENTICATION, u->id, u->email, once.hash, s->email.max_frequency_ms);
	struct post post = {.kind = MAIL_REAUTHENTICATION, .to = u->email, .once = &once};
	post_run(call, u, &post, 1, "Error sending reauthentication email", on_sent);
}

void flow_reauthenticate(struct auth_call *call)
{
	const struct auth_user *u = &call->user;
	if (u->email[0] == '\0' && u->phone[0] == '\0') {
		call_fail(call, 400, "validation_failed",
			  "Reauthentication requires the user to have an email or a phone number");
	} else if (u->email[0] != '\0' && !u->is_email_confirmed) {
		call_fail(call, 422, "email_not_confirmed", "Please verify your email first.");
	} else if (u->email[0] != '\0') {
		step_mail(call);
	} else if (!u->is_phone_confirmed) {
		call_fail(call, 422, "phone_not_confirmed", "Please verify your phone first.");
	} else {
		(void)call_sql(call);
		audit_add(call, "user_reauthenticate_requested", u, NULL);
		phone_run(call, u, ONCE_REAUTHENTICATION, u->phone, u->reauthentication.age_ms,
			  "Error sending reauthentication sms", on_sent);
	}
}
