/* SPDX-License-Identifier: Apache-2.0
 *
 * POST /invite: an administrator invites somebody by mail. They are made at once, without a password, and are the
 * address's when they follow the link. */
#include "auth/admin.h"
#include "auth/audit.h"
#include "auth/body.h"
#include "auth/flows.h"
#include "auth/new_user.h"
#include "auth/post.h"
#include "auth/token.h"
#include "codec/json.h"

struct invite {
	const char *email, *data, *id;
	bool is_new;
};

static void reply(struct auth_call *call)
{
	call_reply(call, 200, auth_user_json(call->arena, &call->user));
}

static void on_loaded(struct auth_call *call, const PGresult *rows)
{
	const struct invite *i = call->flow;
	if (PQntuples(rows) == 0) {
		call_fail(call, 404, "user_not_found", "User not found");
		return;
	}
	auth_user_read(rows, 0, &call->user);
	if (i->is_new)
		new_user_after(call, &call->user, reply);
	else
		reply(call);
}

static void on_sent(struct auth_call *call, const PGresult *rows)
{
	const struct invite *i = call->flow;
	(void)rows;
	user_sql_by_id(call_sql(call), i->id);
	call_run(call, "Database error loading user", on_loaded);
}

static bool on_refused(struct auth_call *call, const struct pg_error *why)
{
	return admin_on_taken(call, why) || post_on_refused(call, why);
}

/* As the row will be, for the mail. */
static struct auth_user sketch(struct auth_call *call, const struct invite *i)
{
	const char *fields = arena_printf(call->arena,
					  "{\"id\":\"%s\",\"aud\":\"authenticated\",\"role\":\"authenticated\","
					  "\"email\":\"%s\",\"phone\":\"\",\"is_anonymous\":false}",
					  i->id, i->email);
	return (struct auth_user){.id = i->id,
				  .fields = fields,
				  .app_metadata = "{\"provider\":\"email\",\"providers\":[\"email\"]}",
				  .user_metadata = i->data != NULL ? i->data : "{}",
				  .factors = "",
				  .identities = "[]",
				  .email = i->email,
				  .phone = ""};
}

static void step_write(struct auth_call *call)
{
	const struct invite *i = call->flow;
	struct pg_batch *sql = call_sql(call);
	struct auth_user user = i->is_new ? sketch(call, i) : call->user;
	struct once once;
	if (!once_make(call->arena, i->email, call->settings->email.otp_length, NULL, &once)) {
		call_full(call);
		return;
	}
	if (i->is_new)
		user_sql_create(sql, &(struct user_new){.id = i->id, .email = i->email, .user_metadata = i->data});
	audit_add(call, "user_invited", NULL, json_pack("{s:s, s:s}", "user_id", i->id, "user_email", i->email));
	once_sql(sql, call->arena, ONCE_CONFIRMATION, i->id, i->email, once.hash, 0);
	PG_ADD(sql, "update auth.users set invited_at = now() where id = $1::uuid", i->id);
	call->on_refused = on_refused;
	struct post post = {.kind = MAIL_INVITE, .to = i->email, .once = &once, .type = "invite"};
	post_run(call, &user, &post, 1, "Error sending invite email", on_sent);
}

static void on_found(struct auth_call *call, const PGresult *rows)
{
	struct invite *i = call->flow;
	i->is_new = PQntuples(rows) == 0;
	if (!i->is_new) auth_user_read(rows, 0, &call->user);
	i->id = i->is_new ? auth_new_uuid(call->arena) : call->user.id;
	if (i->id == NULL)
		call_full(call);
	else if (!i->is_new && call->user.is_email_confirmed)
		call_fail(call, 422, "email_exists", "A user with this email address has already been registered");
	else if (!i->is_new)
		step_write(call);
	else
		new_user_before(call,
				&(struct new_user_facts){
				    .id = i->id, .email = i->email, .provider = "email", .user_metadata = i->data},
				step_write);
}

void flow_invite(struct auth_call *call)
{
	struct auth_problem problem;
	struct invite *i = call_flow(call, sizeof *i);
	if (i == NULL) return;
	if (!body_email(call->arena, call->body, "email", &i->email, &problem) ||
	    !body_object(call->arena, call->body, "data", &i->data, &problem)) {
		call_problem(call, &problem, NULL);
		return;
	}
	if (i->email == NULL) {
		call_fail(call, 400, "validation_failed", "An email address is required");
		return;
	}
	user_sql_by_email(call_sql(call), i->email);
	call_run(call, "Database error finding user", on_found);
}
