/* SPDX-License-Identifier: Apache-2.0
 *
 * grant_type=password: find, compare (somebody or nobody, it takes as long), begin a session. */
#include <stdlib.h>

#include "auth/audit.h"
#include "auth/body.h"
#include "auth/flows.h"
#include "auth/hook.h"
#include "auth/phone.h"
#include "auth/session.h"
#include "auth/strength.h"
#include "codec/json.h"

struct login {
	const char *email, *phone, *password;
	bool is_right;
	const char *rejection; /* what the hook said */
};

/* A password that was set under milder rules is told, not refused. */
static const char *weakness(struct auth_call *call, const char *password)
{
	struct auth_problem problem;
	if (strength_check(call->settings, password, &problem) || problem.weak_reasons == 0) return NULL;
	json_t *o JSON_CLEANUP =
	    json_pack("{s:s, s:o}", "message", problem.message, "reasons", auth_weak_reasons(problem.weak_reasons));
	char *text = json_text(o);
	const char *member = arena_printf(call->arena, "\"weak_password\":%s", text);
	free(text);
	return member;
}

static void step_session(struct auth_call *call)
{
	const struct login *l = call->flow;
	const char *provider = l->email[0] != '\0' ? "email" : "phone";
	if (!l->is_right) {
		call_fail(call, 400, "invalid_credentials", "Invalid login credentials");
	} else if (l->email[0] != '\0' && !call->user.is_email_confirmed) {
		call_fail(call, 400, "email_not_confirmed", "Email not confirmed");
	} else if (l->email[0] == '\0' && !call->user.is_phone_confirmed) {
		call_fail(call, 400, "phone_not_confirmed", "Phone not confirmed");
	} else {
		(void)call_sql(call);
		audit_add(call, "login", &call->user, json_pack("{s:s}", "provider", provider));
		session_begin(call,
			      &(struct session_start){
				  .user_id = call->user.id, .method = "password", .extra = weakness(call, l->password)},
			      "Database error granting user", session_reply);
	}
}

/* The owner's hook may refuse somebody who has guessed too often. */
static void on_rejected(struct auth_call *call, const PGresult *rows)
{
	const struct login *l = call->flow;
	(void)rows;
	call_fail(call, 400, "invalid_credentials", l->rejection);
}

static void on_hook(struct auth_call *call, const json_t *output)
{
	const char *message = json_str(output, "message", "");
	struct login *l = call->flow;
	if (strcmp(json_str(output, "decision", ""), "reject") != 0) {
		step_session(call);
		return;
	}
	if (message[0] == '\0') message = "Further password verification attempts will be rejected.";
	l->rejection = arena_strdup(call->arena, message);
	if (l->rejection == NULL) {
		call_full(call);
	} else if (json_bool(output, "should_logout_user", false)) {
		PG_ADD(call_sql(call), "delete from auth.sessions where user_id = $1::uuid", call->user.id);
		call_run(call, "Database error signing out", on_rejected);
	} else {
		on_rejected(call, NULL);
	}
}

static void step_hook(struct auth_call *call)
{
	const struct login *l = call->flow;
	json_t *input = hook_input(call, AUTH_HOOK_PASSWORD_VERIFICATION_ATTEMPT);
	(void)json_object_set_new(input, "user_id", json_string(call->user.id));
	(void)json_object_set_new(input, "valid", json_boolean(l->is_right));
	hook_ask(call, AUTH_HOOK_PASSWORD_VERIFICATION_ATTEMPT, input, on_hook, NULL);
}

static void on_compared(struct auth_call *call, bool is_right)
{
	struct login *l = call->flow;
	l->is_right = is_right && call->user.id != NULL;
	if (call->user.id == NULL || call->user.password[0] == '\0')
		call_fail(call, 400, "invalid_credentials", "Invalid login credentials");
	else if (is_right && call->user.is_banned)
		call_fail(call, 400, "user_banned", "User is banned");
	else if (hook_is_on(call, AUTH_HOOK_PASSWORD_VERIFICATION_ATTEMPT))
		step_hook(call);
	else
		step_session(call);
}

static void on_found(struct auth_call *call, const PGresult *rows)
{
	const struct login *l = call->flow;
	if (PQntuples(rows) > 0) auth_user_read(rows, 0, &call->user);
	bool has_password = call->user.id != NULL && call->user.password[0] != '\0';
	call_compare(call, l->password, has_password ? call->user.password : NULL, on_compared);
}

static bool parse(struct auth_call *call, struct login *l, struct auth_problem *problem)
{
	struct arena *a = call->arena;
	l->email = l->phone = l->password = "";
	if (!body_text(a, call->body, "phone", &l->phone, problem) ||
	    !body_lower(a, call->body, "email", &l->email, problem) ||
	    !body_text(a, call->body, "password", &l->password, problem))
		return false;
	if (l->phone[0] != '\0' && l->email[0] != '\0')
		return auth_invalid(problem, "Only an email address or phone number should be provided on login.");
	if (l->email[0] != '\0')
		return call->settings->email.enable_signup ||
		       auth_problem_set(problem, 422, "email_provider_disabled", "Email logins are disabled");
	if (l->phone[0] == '\0') return auth_invalid(problem, "missing email or phone");
	return call->settings->sms.enable_signup ||
	       auth_problem_set(problem, 422, "phone_provider_disabled", "Phone logins are disabled");
}

void flow_grant_password(struct auth_call *call)
{
	struct auth_problem problem;
	struct login *l = call_flow(call, sizeof *l);
	if (l == NULL) return;
	if (!parse(call, l, &problem)) {
		call_problem(call, &problem, NULL);
		return;
	}
	if (!call_limit(call, LIMIT_PASSWORD)) return;
	if (l->email[0] != '\0')
		user_sql_row_by_email(call_sql(call), l->email);
	else if (phone_check(call->arena, l->phone, &l->phone, &problem))
		user_sql_row_by_phone(call_sql(call), l->phone);
	else
		user_sql_row_by_phone(call_sql(call), "");
	call_run(call, "Database error querying schema", on_found);
}
