/* SPDX-License-Identifier: Apache-2.0
 *
 * POST /recover: a link by mail to whoever forgot their password. Who is not known gets the same answer, as late. */
#include "auth/audit.h"
#include "auth/body.h"
#include "auth/flows.h"
#include "auth/post.h"

#define HOLD_MS 100 /* of the answer; see call_hold */

struct recover {
	const char *email;
	struct pkce pkce;
};

static void on_sent(struct auth_call *call, const PGresult *rows)
{
	(void)rows;
	call_reply(call, 200, "{}");
}

static void step_mail(struct auth_call *call)
{
	const struct recover *r = call->flow;
	const struct auth_settings *s = call->settings;
	const struct auth_user *u = &call->user;
	struct once once;
	if (!post_is_due(call, u->recovery.age_ms, s->email.max_frequency_ms) ||
	    !post_turn(call, r->email, POST_RECOVERY))
		return;
	if (!once_make(call->arena, u->email, s->email.otp_length, &r->pkce, &once)) {
		call_full(call);
		return;
	}
	struct pg_batch *sql = call_sql(call);
	if (pkce_is_on(&r->pkce)) pkce_sql_begin(sql, &r->pkce, "recovery", "recovery", u->id);
	audit_add(call, "user_recovery_requested", u, NULL);
	once_sql(sql, call->arena, ONCE_RECOVERY, u->id, u->email, once.hash, s->email.max_frequency_ms);
	struct post post = {.kind = MAIL_RECOVERY, .to = u->email, .once = &once, .type = "recovery"};
	post_run(call, u, &post, 1, "Error sending recovery email", on_sent);
}

static void on_found(struct auth_call *call, const PGresult *rows)
{
	const struct recover *r = call->flow;
	if (PQntuples(rows) == 0) {
		if (post_turn_of_nobody(call, r->email, POST_RECOVERY)) call_reply(call, 200, "{}");
		return;
	}
	auth_user_read(rows, 0, &call->user);
	step_mail(call);
}

static bool parse(struct auth_call *call, struct recover *r, struct auth_problem *problem)
{
	if (!call->settings->email.enable_signup)
		return auth_problem_set(problem, 400, "email_provider_disabled", "Email logins are disabled");
	if (!body_email(call->arena, call->body, "email", &r->email, problem)) return false;
	if (r->email == NULL) return auth_invalid(problem, "Password recovery requires an email");
	return pkce_read(call->arena, call->body, &r->pkce, problem);
}

void flow_recover(struct auth_call *call)
{
	struct auth_problem problem;
	struct recover *r = call_flow(call, sizeof *r);
	if (r == NULL || !call_limit(call, LIMIT_RECOVER)) return;
	if (!parse(call, r, &problem)) {
		call_problem(call, &problem, NULL);
		return;
	}
	call_hold(call, HOLD_MS);
	user_sql_by_email(call_sql(call), r->email);
	call_run(call, "Unable to process request", on_found);
}
