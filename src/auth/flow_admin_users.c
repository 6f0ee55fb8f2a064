/* SPDX-License-Identifier: Apache-2.0
 *
 * POST /admin/users and PUT /admin/users/:id: an administrator makes and changes users, and says what is confirmed. */
#include "auth/admin.h"
#include "auth/audit.h"
#include "auth/body.h"
#include "auth/flows.h"
#include "auth/hash.h"
#include "auth/password.h"
#include "auth/phone.h"
#include "auth/strength.h"
#include "auth/token.h"

struct admin_user {
	const char *id, *email, *phone, *password, *password_hash, *role, *user_metadata, *app_metadata;
	const char *ban_s;
	bool confirms_email, confirms_phone;
};

static const char *text_or(const char *text, const char *otherwise)
{
	return text != NULL ? text : otherwise;
}

/* Go's durations: "24h", "1h30m", "90s", "1.5h", "300ms"; "none". */
static bool take_ban(struct arena *a, const json_t *body, struct admin_user *u, struct auth_problem *problem)
{
	static const struct {
		const char *name;
		double seconds;
	} units[] = {{"ns", 1e-9}, {"us", 1e-6}, {"ms", 1e-3}, {"s", 1}, {"m", 60}, {"h", 3600}};
	const char *text = "";
	double seconds = 0;
	if (!body_text(a, body, "ban_duration", &text, problem)) return false;
	if (text[0] == '\0') return true;
	for (const char *at = strcmp(text, "none") == 0 ? "" : text; *at != '\0';) {
		char *end;
		double count = strtod(at, &end);
		size_t len = strcspn(end, "0123456789."), unit = 0;
		const size_t unit_count = sizeof units / sizeof *units;
		while (unit < unit_count &&
		       (strlen(units[unit].name) != len || strncmp(units[unit].name, end, len) != 0))
			unit++;
		if (end == at || unit == unit_count || !(count >= 0 && count < 1e10))
			return auth_invalid(problem, "invalid format for ban duration");
		seconds += count * units[unit].seconds;
		at = end + len;
	}
	u->ban_s = arena_printf(a, "%.0f", seconds);
	return u->ban_s != NULL || auth_full(problem);
}

static bool take_texts(struct arena *a, const json_t *body, struct admin_user *u, struct auth_problem *problem)
{
	return body_email(a, body, "email", &u->email, problem) && phone_read(a, body, "phone", &u->phone, problem) &&
	       body_text(a, body, "password", &u->password, problem) &&
	       body_text(a, body, "password_hash", &u->password_hash, problem) &&
	       body_text(a, body, "role", &u->role, problem) &&
	       body_object(a, body, "user_metadata", &u->user_metadata, problem) &&
	       body_object(a, body, "app_metadata", &u->app_metadata, problem) &&
	       body_bool(body, "email_confirm", &u->confirms_email, problem) &&
	       body_bool(body, "phone_confirm", &u->confirms_phone, problem) && take_ban(a, body, u, problem);
}

static bool parse(struct arena *a, const json_t *body, struct admin_user *u, struct auth_problem *problem)
{
	size_t memory_bytes;
	struct err err;
	if (!take_texts(a, body, u, problem)) return false;
	if (u->role != NULL && u->role[0] == '\0') u->role = NULL;
	if (u->password_hash != NULL && u->password_hash[0] == '\0') u->password_hash = NULL;
	if (u->password_hash != NULL && u->password != NULL)
		return auth_invalid(problem, "Only a password or a password hash should be provided");
	if (u->password_hash != NULL && !auth_hash_check(str_from(u->password_hash), &memory_bytes, &err))
		return auth_problem_set(problem, 400, "validation_failed", "password_hash: %.200s", err.msg);
	if (u->password != NULL && strlen(u->password) > AUTH_PASSWORD_MAX_BYTES)
		return auth_problem_set(problem, 400, "validation_failed",
					"Password cannot be longer than %d characters", AUTH_PASSWORD_MAX_BYTES);
	return true;
}

/* Create. */
static void on_created(struct auth_call *call, const PGresult *rows)
{
	const struct admin_user *u = call->flow;
	(void)rows;
	admin_reply_user(call, u->id);
}

static void write_new(struct auth_call *call, const char *hash)
{
	const struct admin_user *u = call->flow;
	struct pg_batch *sql = call_sql(call);
	user_sql_create(sql, &(struct user_new){.id = u->id,
						.email = u->email,
						.phone = u->phone,
						.role = u->role,
						.password_hash = hash,
						.user_metadata = u->user_metadata});
	json_t *traits = admin_traits(u->id, u->email, u->phone);
	(void)json_object_set_new(traits, "provider", json_string(u->email != NULL ? "email" : "phone"));
	audit_add(call, "user_signedup", NULL, traits);
	if (u->app_metadata != NULL) {
		user_sql_merge_app_metadata(sql, u->id, u->app_metadata);
		user_sql_check_metadata(sql, u->id);
	}
	if (u->confirms_email) user_sql_confirm_email(sql, u->id);
	if (u->confirms_phone) user_sql_confirm_phone(sql, u->id);
	if (u->ban_s != NULL) user_sql_ban(sql, u->id, u->ban_s);
	call->on_refused = admin_on_taken;
	call_run(call, "Database error creating new user", on_created);
}

/* Without a password nobody knows it, until it is reset. */
static void step_hash(struct auth_call *call)
{
	const struct admin_user *u = call->flow;
	char one[AUTH_REFRESH_TOKEN_SIZE], two[AUTH_REFRESH_TOKEN_SIZE];
	if (u->password_hash != NULL) {
		write_new(call, u->password_hash);
		return;
	}
	auth_make_refresh_token(one);
	auth_make_refresh_token(two);
	bool has_password = u->password != NULL && u->password[0] != '\0';
	const char *password = has_password ? u->password : arena_printf(call->arena, "%s%s", one, two);
	if (password == NULL)
		call_full(call);
	else
		call_hash(call, password, write_new);
}

static void on_owner(struct auth_call *call, const PGresult *rows)
{
	if (PQntuples(rows) > 0)
		call_fail(call, 422, "email_exists", "A user with this email address has already been registered");
	else
		step_hash(call);
}

void flow_admin_create(struct auth_call *call)
{
	struct auth_problem problem;
	struct admin_user *u = call_flow(call, sizeof *u);
	if (u == NULL) return;
	if (!parse(call->arena, call->body, u, &problem) ||
	    !body_text(call->arena, call->body, "id", &u->id, &problem)) {
		call_problem(call, &problem, NULL);
		return;
	}
	if (u->id != NULL && u->id[0] == '\0') u->id = NULL;
	if (u->email == NULL && u->phone == NULL) {
		call_fail(call, 400, "validation_failed", "Cannot create a user without either an email or phone");
	} else if (u->id != NULL && !auth_is_uuid(u->id)) {
		call_fail(call, 400, "validation_failed", "ID must conform to the uuid v4 format");
	} else if (u->id != NULL && strspn(u->id, "0-") == strlen(u->id)) {
		call_fail(call, 400, "validation_failed", "ID cannot be a nil uuid");
	} else if (u->id == NULL && (u->id = auth_new_uuid(call->arena)) == NULL) {
		call_full(call);
	} else if (u->email != NULL) {
		user_sql_duplicate(call_sql(call), u->email, NULL);
		call_run(call, "Database error checking email", on_owner);
	} else {
		step_hash(call);
	}
}

/* Update. */
static void on_updated(struct auth_call *call, const PGresult *rows)
{
	(void)rows;
	admin_reply_user(call, call->ids[0]);
}

static void write_update(struct auth_call *call, const char *hash)
{
	const struct admin_user *u = call->flow;
	const char *id = call->user.id;
	struct pg_batch *sql = call_sql(call);
	if (u->role != NULL) user_sql_set_role(sql, id, u->role);
	if (u->confirms_email) user_sql_confirm_email(sql, id);
	if (u->confirms_phone) user_sql_confirm_phone(sql, id);
	if (hash != NULL) user_sql_password(sql, id, hash, NULL);
	if (u->email != NULL) user_sql_set_email(sql, id, u->email, u->confirms_email);
	if (u->phone != NULL) user_sql_set_phone(sql, id, u->phone, u->confirms_phone);
	if (u->email != NULL || u->phone != NULL) user_sql_providers(sql, id);
	if (u->app_metadata != NULL) user_sql_merge_app_metadata(sql, id, u->app_metadata);
	if (u->user_metadata != NULL) user_sql_merge_user_metadata(sql, id, u->user_metadata);
	if (u->app_metadata != NULL || u->user_metadata != NULL) user_sql_check_metadata(sql, id);
	if (u->ban_s != NULL) user_sql_ban(sql, id, u->ban_s);
	audit_add(call, "user_modified", NULL,
		  admin_traits(id, text_or(u->email, call->user.email), text_or(u->phone, call->user.phone)));
	call->on_refused = admin_on_taken;
	if (sql->count > 0)
		call_run(call, "Error updating user", on_updated);
	else
		on_updated(call, NULL);
}

static void step_update(struct auth_call *call)
{
	const struct admin_user *u = call->flow;
	if (u->password != NULL)
		call_hash(call, u->password, write_update);
	else
		write_update(call, u->password_hash);
}

static void step_strength(struct auth_call *call)
{
	const struct admin_user *u = call->flow;
	if (u->password != NULL)
		strength_run(call, u->password, step_update);
	else
		step_update(call);
}

void flow_admin_update(struct auth_call *call)
{
	struct auth_problem problem;
	struct admin_user *u = call_flow(call, sizeof *u);
	if (u == NULL) return;
	if (parse(call->arena, call->body, u, &problem))
		admin_load_user(call, step_strength);
	else
		call_problem(call, &problem, NULL);
}
