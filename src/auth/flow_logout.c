/* SPDX-License-Identifier: Apache-2.0
 *
 * POST /logout: this session, all of the user's, or all but this one. */
#include "auth/audit.h"
#include "auth/flows.h"
#include "codec/url.h"

static void on_logged_out(struct auth_call *call, const PGresult *rows)
{
	(void)rows;
	call_reply(call, 204, "");
}

static void refuse(struct auth_call *call, struct str scope)
{
	struct auth_problem problem;
	(void)auth_problem_set(&problem, 400, "validation_failed", "Unsupported logout scope \"%.*s\"",
			       STR_FMT(str_sub(scope, 0, 40)));
	call_problem(call, &problem, NULL);
}

void flow_logout(struct auth_call *call)
{
	const char *user = call->user.id, *session = call->caller.session_id;
	struct pg_batch *sql = call_sql(call);
	struct str scope = STR("");
	(void)query_get(call->arena, call->request.query, STR("scope"), &scope);
	bool is_global = scope.len == 0 || str_eq(scope, STR("global")), is_local = str_eq(scope, STR("local"));
	if (!is_global && !is_local && !str_eq(scope, STR("others"))) {
		refuse(call, scope);
		return;
	}
	audit_add(call, "logout", &call->user, NULL);
	if (is_global || session == NULL)
		PG_ADD(sql, "delete from auth.sessions where user_id = $1::uuid", user);
	else if (is_local)
		PG_ADD(sql, "delete from auth.sessions where user_id = $1::uuid and id = $2::uuid", user, session);
	else
		PG_ADD(sql, "delete from auth.sessions where user_id = $1::uuid and id <> $2::uuid", user, session);
	call_run(call, "Error logging out user", on_logged_out);
}
