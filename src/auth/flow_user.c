/* SPDX-License-Identifier: Apache-2.0
 *
 * GET and PUT /user. A change is checked first, then written at once:
 *
 *     read ─▶ strength ─▶ second factor? ─▶ address free? ─▶ reauthentication ─▶ current password? ─▶ another? ─▶ hash
 *     ─▶ write
 *
 * A new address is the user's only when its mail was followed; a new password ends all other sessions. */
#include "auth/audit.h"
#include "auth/body.h"
#include "auth/email_change.h"
#include "auth/flows.h"
#include "auth/phone.h"
#include "auth/post.h"
#include "auth/strength.h"

#define RECENT_MS ((int64_t)24 * 3600 * 1000) /* a session that young needs no reauthentication, as upstream */
#define NONCE_TAKEN "nonce is taken"

struct update {
	const char *email, *phone, *password, *data, *nonce; /* NULL where nothing changes */
	const char *current; /* password; "": not given */
	struct pkce pkce;
	const char *hash;
	bool takes_nonce;
};

void flow_user_get(struct auth_call *call)
{
	call_reply(call, 200, auth_user_json(call->arena, &call->user));
}

static void on_loaded(struct auth_call *call, const PGresult *rows)
{
	if (PQntuples(rows) == 0) {
		call_fail(call, 404, "user_not_found", "User not found");
		return;
	}
	auth_user_read(rows, 0, &call->user);
	flow_user_get(call);
}

static void on_written(struct auth_call *call, const PGresult *rows)
{
	(void)rows;
	user_sql_by_id(call_sql(call), call->user.id);
	call_run(call, "Database error loading user", on_loaded);
}

/* Write. */
static bool on_refused(struct auth_call *call, const struct pg_error *why)
{
	if (strcmp(why->message, NONCE_TAKEN) == 0)
		call_fail(call, 422, "reauthentication_not_valid", "Nonce has expired or is invalid");
	else if (strcmp(why->constraint, "users_email_partial_key") == 0)
		call_fail(call, 422, "email_exists", "A user with this email address has already been registered");
	else if (strcmp(why->constraint, "users_phone_key") == 0)
		call_fail(call, 422, "phone_exists", "A user with this phone number has already been registered");
	else
		return post_on_refused(call, why);
	return true;
}

static void write_password(struct auth_call *call, const struct update *u)
{
	const struct auth_user *user = &call->user;
	if (u->takes_nonce)
		PG_ADD(&call->sql,
		       "with u as (update auth.users set reauthentication_token = '' where id = $1::uuid and "
		       "reauthentication_token = $2 returning 1) select freehold_auth.refuse('" NONCE_TAKEN
		       "') where not exists (select from u)",
		       user->id, user->reauthentication.token);
	user_sql_password(&call->sql, user->id, u->hash, call->caller.session_id);
	audit_add(call, "user_updated_password", user, NULL);
	post_notify(call, user, &(struct post){.kind = MAIL_PASSWORD_CHANGED, .to = user->email});
}

/* A number that needs no confirmation, or a message with a code. */
static void step_phone(struct auth_call *call, const PGresult *rows)
{
	const struct update *u = call->flow;
	const struct auth_user *user = &call->user;
	(void)rows;
	if (u->phone == NULL) {
		on_written(call, NULL);
		return;
	}
	call->on_refused = on_refused;
	if (!call->settings->sms.enable_confirmations) {
		user_sql_change_phone(call_sql(call), user->id, u->phone);
		post_notify_phone(call, user, u->phone);
		user_sql_providers(&call->sql, user->id);
		call_run(call, "Error updating user", on_written);
		return;
	}
	PG_ADD(call_sql(call), "update auth.users set phone_change = $2 where id = $1::uuid", user->id, u->phone);
	phone_run(call, user, ONCE_PHONE_CHANGE, u->phone, user->phone_change_pending.age_ms,
		  "Error sending phone change sms", on_written);
}

static void step_write(struct auth_call *call)
{
	const struct update *u = call->flow;
	const struct auth_user *user = &call->user;
	struct pg_batch *sql = call_sql(call);
	struct auth_user fresh = *user;
	if (u->hash != NULL) {
		write_password(call, u);
		fresh.email_change_new.age_ms = -1; /* void with the old password */
	}
	if (u->data != NULL) {
		user_sql_merge_user_metadata(sql, user->id, u->data);
		user_sql_check_metadata(sql, user->id);
	}
	audit_add(call, "user_modified", user, NULL);
	call->on_refused = on_refused;
	if (u->email != NULL && user->is_anonymous && !call->settings->email.enable_confirmations) {
		user_sql_change_email(sql, user->id, u->email);
		user_sql_confirm_email(sql, user->id);
		user_sql_providers(sql, user->id);
	} else if (u->email != NULL) {
		email_change_run(call, &fresh, u->email, &u->pkce, step_phone);
		return;
	}
	if (sql->count > 0)
		call_run(call, "Error updating user", step_phone);
	else
		step_phone(call, NULL);
}

/* The password. */
static void on_hash(struct auth_call *call, const char *hash)
{
	struct update *u = call->flow;
	u->hash = hash;
	step_write(call);
}

static void on_compared(struct auth_call *call, bool is_same)
{
	const struct update *u = call->flow;
	if (is_same)
		call_fail(call, 422, "same_password", "New password should be different from the old password.");
	else
		call_hash(call, u->password, on_hash);
}

static void step_another(struct auth_call *call)
{
	const struct update *u = call->flow;
	call_compare(call, u->password, call->user.password, on_compared);
}

static void on_current(struct auth_call *call, bool is_right)
{
	if (is_right)
		step_another(call);
	else
		call_fail(call, 400, "current_password_invalid",
			  "Current password required when setting new password.");
}

/* Where the owner wants it: whoever found an open session does not take the account with it. Who came by a mail has
 * forgotten the password. */
static void step_current(struct auth_call *call)
{
	const struct update *u = call->flow;
	if (!call->settings->security_update_password_require_current_password || call->session.is_recovery)
		step_another(call);
	else if (u->current[0] == '\0')
		call_fail(call, 400, "current_password_required",
			  "Current password required when setting new password.");
	else
		call_compare(call, u->current, call->user.password, on_current);
}

/* Where the owner wants it, and the session is not young: the code that /reauthenticate sent. */
static bool is_reauthenticated(struct auth_call *call, struct update *u)
{
	const struct auth_settings *s = call->settings;
	const struct auth_user *user = &call->user;
	const struct auth_pending *pending = &user->reauthentication;
	if (!s->email.secure_password_change) return true;
	if (call->session.id != NULL && call->session.age_ms <= RECENT_MS) return true;
	if (u->nonce == NULL || u->nonce[0] == '\0') {
		call_fail(call, 400, "reauthentication_needed", "Password update requires reauthentication");
		return false;
	}
	const char *whose = user->email[0] != '\0' ? user->email : user->phone;
	int64_t expiry_s = user->email[0] != '\0' ? s->email.otp_expiry_s : s->sms.otp_expiry_s;
	const char *hash = once_hash(call->arena, whose, u->nonce);
	u->takes_nonce = hash != NULL && pending->token[0] != '\0' && strcmp(hash, pending->token) == 0 &&
			 pending->age_ms >= 0 && pending->age_ms <= expiry_s * 1000;
	if (!u->takes_nonce) call_fail(call, 422, "reauthentication_not_valid", "Nonce has expired or is invalid");
	return u->takes_nonce;
}

static void step_password(struct auth_call *call)
{
	struct update *u = call->flow;
	if (u->password == NULL) {
		step_write(call);
		return;
	}
	if (!is_reauthenticated(call, u)) return;
	if (call->user.password[0] != '\0')
		step_current(call);
	else
		call_hash(call, u->password, on_hash);
}

/* The address. */
static void on_phone_owner(struct auth_call *call, const PGresult *rows)
{
	if (PQntuples(rows) > 0)
		call_fail(call, 422, "phone_exists", "A user with this phone number has already been registered");
	else
		step_password(call);
}

static void step_phone_owner(struct auth_call *call)
{
	const struct update *u = call->flow;
	if (u->phone == NULL) {
		step_password(call);
		return;
	}
	user_sql_by_phone(call_sql(call), u->phone);
	call_run(call, "Database error checking phone", on_phone_owner);
}

static void on_email_owner(struct auth_call *call, const PGresult *rows)
{
	if (PQntuples(rows) > 0)
		call_fail(call, 422, "email_exists", "A user with this email address has already been registered");
	else
		step_phone_owner(call);
}

static void step_email_owner(struct auth_call *call)
{
	const struct update *u = call->flow;
	if (u->email == NULL) {
		step_phone_owner(call);
		return;
	}
	user_sql_duplicate(call_sql(call), u->email, call->user.id);
	call_run(call, "Database error checking email", on_email_owner);
}

static void step_check(struct auth_call *call)
{
	const struct update *u = call->flow;
	bool is_grave = u->password != NULL || u->email != NULL || u->phone != NULL;
	if (call->user.has_factor && !call->session.is_aal2 && is_grave)
		call_fail(call, 401, "insufficient_aal",
			  "AAL2 session is required to update email or password when MFA is enabled.");
	else if (call->user.is_anonymous && u->password != NULL && u->email == NULL && u->phone == NULL)
		call_fail(call, 422, "validation_failed",
			  "Updating password of an anonymous user without an email or phone is not allowed");
	else
		step_email_owner(call);
}

static bool parse(struct auth_call *call, struct update *u, struct auth_problem *problem)
{
	struct arena *a = call->arena;
	const char *channel = "";
	u->current = "";
	if (!body_email(a, call->body, "email", &u->email, problem) ||
	    !phone_read(a, call->body, "phone", &u->phone, problem) ||
	    !body_text(a, call->body, "password", &u->password, problem) ||
	    !body_text(a, call->body, "current_password", &u->current, problem) ||
	    !body_object(a, call->body, "data", &u->data, problem) ||
	    !body_text(a, call->body, "nonce", &u->nonce, problem) ||
	    !body_text(a, call->body, "channel", &channel, problem) || !pkce_read(a, call->body, &u->pkce, problem))
		return false;
	if (u->phone != NULL && !phone_channel_check(channel, problem)) return false;
	if (u->email != NULL && strcmp(u->email, call->user.email) == 0) u->email = NULL;
	if (u->phone != NULL && strcmp(u->phone, call->user.phone) == 0) u->phone = NULL;
	const json_t *app = json_object_get(call->body, "app_metadata");
	if (app != NULL && !json_is_null(app))
		return auth_problem_set(problem, 403, "not_admin", "Updating app_metadata requires admin privileges");
	return true;
}

void flow_user_update(struct auth_call *call)
{
	struct auth_problem problem;
	struct update *u = call_flow(call, sizeof *u);
	if (u == NULL || !call_limit(call, LIMIT_USER)) return;
	if (!parse(call, u, &problem))
		call_problem(call, &problem, NULL);
	else if (u->password != NULL)
		strength_run(call, u->password, step_check);
	else
		step_check(call);
}
