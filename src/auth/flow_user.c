/* SPDX-License-Identifier: Apache-2.0
 *
 * GET and PUT /user. */
#include "auth/body.h"
#include "auth/flows.h"
#include "auth/session.h"
#include "auth/strength.h"

struct update {
	const char *email, *password, *data;
};

void flow_user_get(struct auth_call *call)
{
	call_reply(call, 200, auth_user_json(call->arena, &call->user));
}

static void on_updated(struct auth_call *call, const PGresult *rows)
{
	if (PQntuples(rows) == 0) {
		call_fail(call, 404, "user_not_found", "User not found");
		return;
	}
	auth_user_read(rows, 0, &call->user);
	flow_user_get(call);
}

static void write_update(struct auth_call *call, const char *hash)
{
	const struct update *u = call->flow;
	user_sql_change(call_sql(call), &(struct user_change){.id = call->user.id,
							      .password_hash = hash,
							      .user_metadata = u->data,
							      .ends_sessions = hash != NULL,
							      .keep_session = call->caller.session_id});
	user_sql_by_id(&call->sql, call->user.id);
	call_run(call, "Error updating user", on_updated);
}

static void on_compared(struct auth_call *call, bool is_same)
{
	const struct update *u = call->flow;
	if (is_same)
		call_fail(call, 422, "same_password", "New password should be different from the old password.");
	else
		call_hash(call, u->password, write_update);
}

static bool parse(struct arena *a, const json_t *body, struct update *u, struct auth_problem *problem)
{
	const char *phone = "";
	if (!body_email(a, body, "email", &u->email, problem) || !body_text(a, body, "phone", &phone, problem) ||
	    !body_text(a, body, "password", &u->password, problem) || !body_object(a, body, "data", &u->data, problem))
		return false;
	if (phone[0] != '\0')
		return auth_problem_set(problem, 501, "not_implemented",
					"Freehold does not serve this yet: phone numbers");
	if (json_object_get(body, "app_metadata") != NULL)
		return auth_problem_set(problem, 403, "not_admin", "Updating app_metadata requires admin privileges");
	return u->password == NULL || strength_check(u->password, problem);
}

void flow_user_update(struct auth_call *call)
{
	struct auth_problem problem;
	struct update *u = call_flow(call, sizeof *u);
	if (u == NULL) return;
	if (!parse(call->arena, call->body, u, &problem))
		call_problem(call, &problem, NULL);
	else if (u->email != NULL && strcmp(u->email, call->user.email) != 0)
		call_fail(call, 501, "not_implemented",
			  "Freehold does not serve this yet: changing the email address, which a mail must confirm");
	else if (u->password != NULL)
		call_compare(call, u->password, call->user.password, on_compared);
	else
		write_update(call, NULL);
}
