/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/admin.h"

struct loading {
	void (*next)(struct auth_call *call);
};

static void on_loaded(struct auth_call *call, const PGresult *rows)
{
	const struct loading *l = call->loading;
	if (PQntuples(rows) == 0) {
		call_fail(call, 404, "user_not_found", "User not found");
		return;
	}
	auth_user_read(rows, 0, &call->user);
	l->next(call);
}

static void load(struct auth_call *call, const char *user_id, void (*next)(struct auth_call *call))
{
	struct loading *l = arena_alloc(call->arena, sizeof *l);
	if (l == NULL) {
		call_full(call);
		return;
	}
	l->next = next;
	call->loading = l;
	user_sql_by_id(call_sql(call), user_id);
	call_run(call, "Database error loading user", on_loaded);
}

void admin_load_user(struct auth_call *call, void (*next)(struct auth_call *call))
{
	load(call, call->ids[0], next);
}

static void reply(struct auth_call *call)
{
	call_reply(call, 200, auth_user_json(call->arena, &call->user));
}

void admin_reply_user(struct auth_call *call, const char *user_id)
{
	load(call, user_id, reply);
}

json_t *admin_traits(const char *user_id, const char *email, const char *phone)
{
	return json_pack("{s:s, s:s, s:s}", "user_id", user_id, "user_email", email != NULL ? email : "", "user_phone",
			 phone != NULL ? phone : "");
}

bool admin_on_taken(struct auth_call *call, const struct pg_error *why)
{
	if (strcmp(why->constraint, "users_email_partial_key") == 0)
		call_fail(call, 422, "email_exists", "A user with this email address has already been registered");
	else if (strcmp(why->constraint, "users_phone_key") == 0)
		call_fail(call, 422, "phone_exists", "Phone number already registered by another user");
	else
		return false;
	return true;
}
