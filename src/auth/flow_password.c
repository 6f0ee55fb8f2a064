/* SPDX-License-Identifier: Apache-2.0
 *
 * grant_type=password: find, compare (somebody or nobody, it takes as long), begin a session. */
#include "auth/body.h"
#include "auth/flows.h"
#include "auth/session.h"

struct login {
	const char *email, *password;
};

static void on_compared(struct auth_call *call, bool is_right)
{
	if (!is_right || call->user.id == NULL) {
		call_fail(call, 400, "invalid_credentials", "Invalid login credentials");
	} else if (call->user.is_banned) {
		call_fail(call, 400, "user_banned", "User is banned");
	} else if (!call->user.is_email_confirmed) {
		call_fail(call, 400, "email_not_confirmed", "Email not confirmed");
	} else {
		(void)call_sql(call);
		session_begin(call, &(struct session_start){.user_id = call->user.id, .method = "password"},
			      "Database error granting user", session_reply);
	}
}

static void on_found(struct auth_call *call, const PGresult *rows)
{
	const struct login *l = call->flow;
	if (PQntuples(rows) > 0) auth_user_read(rows, 0, &call->user);
	call_compare(call, l->password, call->user.id != NULL ? call->user.password : NULL, on_compared);
}

static bool parse(struct arena *a, const json_t *body, struct login *l, struct auth_problem *problem)
{
	const char *phone = "";
	l->email = l->password = "";
	if (!body_text(a, body, "phone", &phone, problem) || !body_lower(a, body, "email", &l->email, problem) ||
	    !body_text(a, body, "password", &l->password, problem))
		return false;
	bool has_phone = phone[0] != '\0', has_email = l->email[0] != '\0';
	if (has_phone && has_email)
		return auth_invalid(problem, "Only an email address or phone number should be provided on login.");
	if (has_phone) return auth_problem_set(problem, 422, "phone_provider_disabled", "Phone logins are disabled");
	return has_email || auth_invalid(problem, "missing email or phone");
}

void flow_grant_password(struct auth_call *call)
{
	struct auth_problem problem;
	struct login *l = call_flow(call, sizeof *l);
	if (l == NULL) return;
	if (!parse(call->arena, call->body, l, &problem)) {
		call_problem(call, &problem, NULL);
		return;
	}
	if (!call_limit(call, LIMIT_SIGN_IN)) return;
	user_sql_by_email(call_sql(call), l->email);
	call_run(call, "Database error querying schema", on_found);
}
