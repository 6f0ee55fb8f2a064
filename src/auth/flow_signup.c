/* SPDX-License-Identifier: Apache-2.0
 *
 * POST /signup: is the address free, hash, write. */
#include "auth/body.h"
#include "auth/flows.h"
#include "auth/session.h"
#include "auth/strength.h"
#include "auth/token.h"

struct signup {
	const char *email, *password, *data;
};

static bool on_refused(struct auth_call *call, const struct pg_error *why)
{
	if (strcmp(why->constraint, "users_email_partial_key") != 0) return false;
	call_fail(call, 422, "user_already_exists", "User already registered");
	return true;
}

static void on_hash(struct auth_call *call, const char *hash)
{
	const struct signup *s = call->flow;
	struct user_new user = {.id = auth_new_uuid(call->arena),
				.email = s->email,
				.password_hash = hash,
				.user_metadata = s->data,
				.is_confirmed = true};
	if (user.id == NULL) {
		call_full(call);
		return;
	}
	user_sql_create(call_sql(call), &user);
	call->on_refused = on_refused;
	session_begin(call, &(struct session_start){.user_id = user.id, .method = "password"},
		      "Database error saving new user", session_reply);
}

static void on_found(struct auth_call *call, const PGresult *rows)
{
	const struct signup *s = call->flow;
	if (PQntuples(rows) > 0)
		call_fail(call, 422, "user_already_exists", "User already registered");
	else
		call_hash(call, s->password, on_hash);
}

static bool parse(struct arena *a, const json_t *body, struct signup *s, struct auth_problem *problem)
{
	const char *phone = "", *email = "";
	if (!body_text(a, body, "phone", &phone, problem) || !body_text(a, body, "email", &email, problem) ||
	    !body_text(a, body, "password", &s->password, problem) || !body_object(a, body, "data", &s->data, problem))
		return false;
	bool has_phone = phone[0] != '\0', has_email = email[0] != '\0';
	if (!has_email && !has_phone)
		return auth_problem_set(problem, 422, "anonymous_provider_disabled", "Anonymous sign-ins are disabled");
	if (s->password == NULL || s->password[0] == '\0')
		return auth_invalid(problem, "Signup requires a valid password");
	if (!strength_check(s->password, problem)) return false;
	if (has_email && has_phone)
		return auth_invalid(problem, "Only an email address or phone number should be provided on signup.");
	if (has_phone) return auth_problem_set(problem, 400, "phone_provider_disabled", "Phone signups are disabled");
	return auth_email_check(a, email, &s->email, problem);
}

void flow_signup(struct auth_call *call)
{
	struct auth_problem problem;
	struct signup *s = call_flow(call, sizeof *s);
	if (s == NULL) return;
	if (!parse(call->arena, call->body, s, &problem)) {
		call_problem(call, &problem, NULL);
		return;
	}
	if (!call_limit(call, LIMIT_SIGN_IN)) return;
	user_sql_by_email(call_sql(call), s->email);
	call_run(call, "Database error finding user", on_found);
}
