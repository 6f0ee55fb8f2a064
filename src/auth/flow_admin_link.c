/* SPDX-License-Identifier: Apache-2.0
 *
 * POST /admin/generate_link: the link and the code that a mail would hold, for whoever sends the mail themself. Nothing
 * is sent. Somebody who is not there yet is made by "signup", "invite", and "magiclink", which then is a sign-up. */
#include <stdlib.h>

#include "auth/admin.h"
#include "auth/audit.h"
#include "auth/body.h"
#include "auth/flows.h"
#include "auth/new_user.h"
#include "auth/post.h"
#include "auth/redirect.h"
#include "auth/strength.h"
#include "auth/token.h"
#include "codec/json.h"

#define LINK_MAX_BYTES (8u << 20)

struct link {
	const char *type, *email, *new_email, *password, *data, *redirect_to;
	const char *id, *hash;
	bool is_new;
	struct once once;
};

static bool is_type(const struct link *l, const char *type)
{
	return strcmp(l->type, type) == 0;
}

static bool is_change(const struct link *l)
{
	return is_type(l, "email_change_current") || is_type(l, "email_change_new");
}

static bool is_recovery(const struct link *l)
{
	return is_type(l, "recovery") || is_type(l, "magiclink");
}

/* The answer: the user, and behind its members the link's. */
static void put_member(struct buf *b, const char *name, const char *value)
{
	json_t *text JSON_CLEANUP = json_string(value);
	char *quoted = json_text(text);
	buf_printf(b, ",\"%s\":%s", name, quoted);
	free(quoted);
}

static void reply(struct auth_call *call)
{
	const struct link *l = call->flow;
	const char *user = auth_user_json(call->arena, &call->user);
	const char *link = post_link(call, &l->once, is_change(l) ? "email_change" : l->type, l->redirect_to);
	struct buf b BUF_CLEANUP;
	buf_init(&b, LINK_MAX_BYTES);
	if (user == NULL || link == NULL) {
		call_full(call);
		return;
	}
	buf_append(&b, user, strlen(user) - 1);
	put_member(&b, "action_link", link);
	put_member(&b, "email_otp", l->once.code);
	put_member(&b, "hashed_token", l->once.hash);
	put_member(&b, "verification_type", l->type);
	put_member(&b, "redirect_to", l->redirect_to);
	buf_putc(&b, '}');
	call_reply(call, 200, buf_is_ok(&b) ? arena_cstr(call->arena, buf_view(&b)) : NULL);
}

static void on_loaded(struct auth_call *call, const PGresult *rows)
{
	const struct link *l = call->flow;
	if (PQntuples(rows) == 0) {
		call_fail(call, 404, "user_not_found", "User not found");
		return;
	}
	auth_user_read(rows, 0, &call->user);
	if (l->is_new)
		new_user_after(call, &call->user, reply);
	else
		reply(call);
}

static void on_written(struct auth_call *call, const PGresult *rows)
{
	const struct link *l = call->flow;
	(void)rows;
	user_sql_by_id(call_sql(call), l->id);
	call_run(call, "Database error loading user", on_loaded);
}

static void add_change(struct auth_call *call, const struct link *l)
{
	bool is_current = is_type(l, "email_change_current");
	PG_ADD(&call->sql,
	       "update auth.users set email_change = $2, email_change_confirm_status = 0, updated_at = now() where "
	       "id = $1::uuid",
	       l->id, l->new_email);
	once_sql(&call->sql, call->arena, is_current ? ONCE_EMAIL_CHANGE_CURRENT : ONCE_EMAIL_CHANGE_NEW, l->id,
		 is_current ? l->email : l->new_email, l->once.hash, 0);
}

static void step_write(struct auth_call *call)
{
	const struct link *l = call->flow;
	struct pg_batch *sql = call_sql(call);
	if (l->is_new)
		user_sql_create(
		    sql, &(struct user_new){
			     .id = l->id, .email = l->email, .password_hash = l->hash, .user_metadata = l->data});
	if (is_recovery(l)) {
		audit_add(call, "user_recovery_requested", &call->user, NULL);
		once_sql(sql, call->arena, ONCE_RECOVERY, l->id, l->email, l->once.hash, 0);
	} else if (is_change(l)) {
		add_change(call, l);
	} else {
		if (is_type(l, "invite")) {
			audit_add(call, "user_invited", NULL,
				  json_pack("{s:s, s:s}", "user_id", l->id, "user_email", l->email));
			PG_ADD(sql, "update auth.users set invited_at = now() where id = $1::uuid", l->id);
		} else if (!l->is_new && l->data != NULL) {
			user_sql_merge_user_metadata(sql, l->id, l->data);
		}
		once_sql(sql, call->arena, ONCE_CONFIRMATION, l->id, l->email, l->once.hash, 0);
	}
	call->on_refused = admin_on_taken;
	call_run(call, "Database error updating user for link", on_written);
}

/* A change of the address: is the new one free? */
static void on_owner(struct auth_call *call, const PGresult *rows)
{
	if (PQntuples(rows) > 0)
		call_fail(call, 422, "email_exists", "A user with this email address has already been registered");
	else
		step_write(call);
}

static void step_change(struct auth_call *call, const struct link *l)
{
	if (is_type(l, "email_change_current") && !call->settings->email.double_confirm_changes) {
		call_fail(call, 400, "validation_failed",
			  "Enable secure email change to generate link for current email");
	} else if (l->new_email == NULL) {
		call_fail(call, 400, "validation_failed", "An email address is required");
	} else {
		user_sql_duplicate(call_sql(call), l->new_email, l->id);
		call_run(call, "Database error checking email", on_owner);
	}
}

/* Somebody new. */
static void step_before(struct auth_call *call)
{
	const struct link *l = call->flow;
	new_user_before(
	    call,
	    &(struct new_user_facts){.id = l->id, .email = l->email, .provider = "email", .user_metadata = l->data},
	    step_write);
}

static void on_hash(struct auth_call *call, const char *hash)
{
	struct link *l = call->flow;
	l->hash = hash;
	step_before(call);
}

static void step_hash(struct auth_call *call)
{
	const struct link *l = call->flow;
	call_hash(call, l->password, on_hash);
}

static void step_new(struct auth_call *call, struct link *l)
{
	char one[AUTH_REFRESH_TOKEN_SIZE], two[AUTH_REFRESH_TOKEN_SIZE];
	if (is_type(l, "recovery") || is_change(l)) {
		call_fail(call, 404, "user_not_found", "User with this email not found");
		return;
	}
	if (is_type(l, "invite")) {
		step_before(call);
		return;
	}
	if (is_type(l, "magiclink")) {
		auth_make_refresh_token(one);
		auth_make_refresh_token(two);
		l->type = "signup";
		l->password = arena_printf(call->arena, "%s%s", one, two);
		if (l->password == NULL)
			call_full(call);
		else
			step_hash(call);
		return;
	}
	if (l->password == NULL || l->password[0] == '\0')
		call_fail(call, 400, "validation_failed", "Signup requires a valid password");
	else
		strength_run(call, l->password, step_hash);
}

static void on_found(struct auth_call *call, const PGresult *rows)
{
	struct link *l = call->flow;
	l->is_new = PQntuples(rows) == 0;
	if (!l->is_new) auth_user_read(rows, 0, &call->user);
	l->id = l->is_new ? auth_new_uuid(call->arena) : call->user.id;
	const char *relates_to = is_type(l, "email_change_new") && l->new_email != NULL ? l->new_email : l->email;
	if (l->id == NULL || !once_make(call->arena, relates_to, call->settings->email.otp_length, NULL, &l->once))
		call_full(call);
	else if (l->is_new)
		step_new(call, l);
	else if (is_change(l))
		step_change(call, l);
	else if (!is_recovery(l) && call->user.is_email_confirmed)
		call_fail(call, 422, "email_exists", "A user with this email address has already been registered");
	else
		step_write(call);
}

static bool parse(struct auth_call *call, struct link *l, struct auth_problem *problem)
{
	struct arena *a = call->arena;
	const char *redirect_to = "";
	l->type = "";
	if (!body_text(a, call->body, "type", &l->type, problem) ||
	    !body_email(a, call->body, "email", &l->email, problem) ||
	    !body_email(a, call->body, "new_email", &l->new_email, problem) ||
	    !body_text(a, call->body, "password", &l->password, problem) ||
	    !body_object(a, call->body, "data", &l->data, problem) ||
	    !body_text(a, call->body, "redirect_to", &redirect_to, problem))
		return false;
	if (l->email == NULL) return auth_invalid(problem, "An email address is required");
	if (!is_recovery(l) && !is_change(l) && !is_type(l, "signup") && !is_type(l, "invite"))
		return auth_problem_set(problem, 400, "validation_failed",
					"Invalid email action link type requested: %.40s", l->type);
	l->redirect_to =
	    redirect_is_allowed(call->settings, str_from(redirect_to)) ? redirect_to : call_redirect_to(call);
	return l->redirect_to != NULL || auth_full(problem);
}

void flow_admin_link(struct auth_call *call)
{
	struct auth_problem problem;
	struct link *l = call_flow(call, sizeof *l);
	if (l == NULL) return;
	if (!parse(call, l, &problem)) {
		call_problem(call, &problem, NULL);
		return;
	}
	user_sql_by_email(call_sql(call), l->email);
	call_run(call, "Database error finding user", on_found);
}
