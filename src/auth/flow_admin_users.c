/* SPDX-License-Identifier: Apache-2.0
 *
 * /admin/users: list, create, get, update, delete. */
#include "auth/body.h"
#include "auth/call.h"
#include "auth/flows.h"
#include "auth/strength.h"
#include "auth/token.h"
#include "auth/user_columns.h"
#include "codec/json.h"
#include "codec/url.h"

#define PER_PAGE_DEFAULT 50
#define PER_PAGE_MAX 1000
#define LIST_MAX_BYTES (16u << 20)

struct admin_user {
	const char *id, *email, *password, *password_hash, *role, *user_metadata, *app_metadata;
	const char *ban_s;
	bool is_email_confirmed;
};

static void reply_user(struct auth_call *call, const PGresult *rows)
{
	if (PQntuples(rows) == 0) {
		call_fail(call, 404, "user_not_found", "User not found");
		return;
	}
	auth_user_read(rows, 0, &call->user);
	call_reply(call, 200, auth_user_json(call->arena, &call->user));
}

/* List. */
static void on_listed(struct auth_call *call, const PGresult *rows)
{
	struct buf b BUF_CLEANUP;
	buf_init(&b, LIST_MAX_BYTES);
	buf_puts(&b, "{\"users\":[");
	for (int row = 0; row < PQntuples(rows); row++) {
		struct auth_user user;
		auth_user_read(rows, row, &user);
		if (row > 0) buf_putc(&b, ',');
		auth_user_put(&b, &user);
	}
	buf_puts(&b, "],\"aud\":\"authenticated\"}");
	struct auth_reply reply = {.status = 200};
	auth_reply_add(&reply, "X-Total-Count",
		       PQntuples(rows) > 0 ? PQgetvalue(rows, 0, AUTH_USER_COLUMN_COUNT) : "0");
	if (buf_is_ok(&b))
		call_reply_with(call, &reply, arena_cstr(call->arena, buf_view(&b)));
	else
		call_fail(call, 413, "request_entity_too_large",
			  "The page is too large; ask for fewer users with per_page");
}

static bool parse_page(const struct auth_request *r, int64_t *ret_page, int64_t *ret_per_page,
		       struct auth_problem *problem)
{
	struct str text;
	if (query_get(r->arena, r->query, STR("page"), &text) && text.len > 0 &&
	    (!str_to_int(text, ret_page) || *ret_page < 1 || *ret_page > 1000000))
		return auth_invalid(problem, "Bad Pagination Parameters: page");
	if (query_get(r->arena, r->query, STR("per_page"), &text) && text.len > 0 &&
	    (!str_to_int(text, ret_per_page) || *ret_per_page < 1))
		return auth_invalid(problem, "Bad Pagination Parameters: per_page");
	if (*ret_per_page > PER_PAGE_MAX) *ret_per_page = PER_PAGE_MAX;
	return true;
}

void flow_admin_list(struct auth_call *call)
{
	struct auth_problem problem;
	int64_t page = 1, per_page = PER_PAGE_DEFAULT;
	if (!parse_page(&call->request, &page, &per_page, &problem)) {
		call_problem(call, &problem, NULL);
		return;
	}
	SQL_ADD(call_sql(call),
		"select " AUTH_USER_COLUMNS ", count(*) over () from auth.users u where u.aud = 'authenticated' "
		"order by u.created_at desc, u.id limit $1::bigint offset $2::bigint",
		arena_printf(call->arena, "%lld", (long long)per_page),
		arena_printf(call->arena, "%lld", (long long)((page - 1) * per_page)));
	call_run(call, "Database error finding users", on_listed);
}

/* Create and update. */
static bool on_refused(struct auth_call *call, const struct pg_error *why)
{
	if (strcmp(why->constraint, "users_email_partial_key") != 0) return false;
	call_fail(call, 422, "email_exists", "A user with this email address has already been registered");
	return true;
}

/* Go's durations, as far as anybody bans by them: "24h", "30m", "90s", "none". */
static bool take_ban(struct arena *a, const json_t *body, struct admin_user *u, struct auth_problem *problem)
{
	const char *text = "";
	if (!body_text(a, body, "ban_duration", &text, problem)) return false;
	if (text[0] == '\0') return true;
	u->ban_s = "0";
	if (strcmp(text, "none") == 0) return true;
	size_t len = strlen(text);
	int64_t count, unit = text[len - 1] == 'h' ? 3600 : text[len - 1] == 'm' ? 60 : text[len - 1] == 's' ? 1 : 0;
	if (unit == 0 || !str_to_int((struct str){text, len - 1}, &count) || count < 0 || count > 100000000)
		return auth_invalid(problem, "invalid format for ban duration");
	u->ban_s = arena_printf(a, "%lld", (long long)(count * unit));
	return u->ban_s != NULL || auth_full(problem);
}

static bool parse(struct arena *a, const json_t *body, struct admin_user *u, struct auth_problem *problem)
{
	const char *phone = "";
	if (!body_email(a, body, "email", &u->email, problem) || !body_text(a, body, "phone", &phone, problem) ||
	    !body_text(a, body, "password", &u->password, problem) ||
	    !body_text(a, body, "password_hash", &u->password_hash, problem) ||
	    !body_text(a, body, "role", &u->role, problem) ||
	    !body_object(a, body, "user_metadata", &u->user_metadata, problem) ||
	    !body_object(a, body, "app_metadata", &u->app_metadata, problem) || !take_ban(a, body, u, problem))
		return false;
	if (phone[0] != '\0')
		return auth_problem_set(problem, 501, "not_implemented",
					"Freehold does not serve this yet: phone numbers");
	u->is_email_confirmed = json_bool(body, "email_confirm", false);
	if (u->role != NULL && u->role[0] == '\0') u->role = NULL;
	if (u->password_hash != NULL && u->password != NULL)
		return auth_invalid(problem, "Only a password or a password hash should be provided");
	return u->password == NULL || strength_check(u->password, problem);
}

static void write_new(struct auth_call *call, const char *hash)
{
	const struct admin_user *u = call->flow;
	struct user_new user = {.id = u->id != NULL ? u->id : auth_new_uuid(call->arena),
				.email = u->email,
				.role = u->role,
				.password_hash = hash,
				.user_metadata = u->user_metadata,
				.app_metadata = u->app_metadata,
				.is_confirmed = u->is_email_confirmed};
	if (user.id == NULL) {
		call_full(call);
		return;
	}
	user_sql_create(call_sql(call), &user);
	if (u->ban_s != NULL) user_sql_change(&call->sql, &(struct user_change){.id = user.id, .ban_s = u->ban_s});
	user_sql_by_id(&call->sql, user.id);
	call->on_refused = on_refused;
	call_run(call, "Database error saving new user", reply_user);
}

static void write_update(struct auth_call *call, const char *hash)
{
	const struct admin_user *u = call->flow;
	user_sql_change(call_sql(call), &(struct user_change){.id = call->ids[0],
							      .role = u->role,
							      .password_hash = hash,
							      .user_metadata = u->user_metadata,
							      .app_metadata = u->app_metadata,
							      .email = u->email,
							      .is_email_confirmed = u->is_email_confirmed,
							      .ban_s = u->ban_s,
							      .ends_sessions = hash != NULL});
	user_sql_by_id(&call->sql, call->ids[0]);
	call->on_refused = on_refused;
	call_run(call, "Error updating user", reply_user);
}

static void step_write(struct auth_call *call, void (*write)(struct auth_call *, const char *hash))
{
	const struct admin_user *u = call->flow;
	if (u->password != NULL)
		call_hash(call, u->password, write);
	else
		write(call, u->password_hash);
}

void flow_admin_create(struct auth_call *call)
{
	struct auth_problem problem;
	struct admin_user *u = call_flow(call, sizeof *u);
	if (u == NULL) return;
	if (!parse(call->arena, call->body, u, &problem) || !body_text(call->arena, call->body, "id", &u->id, &problem))
		call_problem(call, &problem, NULL);
	else if (u->email == NULL)
		call_fail(call, 400, "validation_failed", "Cannot create a user without either an email or phone");
	else if (u->id != NULL && !auth_is_uuid(u->id))
		call_fail(call, 400, "validation_failed", "ID must conform to the uuid v4 format");
	else
		step_write(call, write_new);
}

void flow_admin_update(struct auth_call *call)
{
	struct auth_problem problem;
	struct admin_user *u = call_flow(call, sizeof *u);
	if (u == NULL) return;
	if (!parse(call->arena, call->body, u, &problem))
		call_problem(call, &problem, NULL);
	else
		step_write(call, write_update);
}

/* Get and delete. */
void flow_admin_get(struct auth_call *call)
{
	user_sql_by_id(call_sql(call), call->ids[0]);
	call_run(call, "Database error loading user", reply_user);
}

static void on_deleted(struct auth_call *call, const PGresult *rows)
{
	if (PQntuples(rows) == 0)
		call_fail(call, 404, "user_not_found", "User not found");
	else
		call_reply(call, 200, "{}");
}

void flow_admin_delete(struct auth_call *call)
{
	SQL_ADD(call_sql(call), "delete from auth.refresh_tokens where user_id = $1", call->ids[0]);
	SQL_ADD(&call->sql, "delete from auth.users where id = $1::uuid returning id", call->ids[0]);
	call_run(call, "Database error deleting user", on_deleted);
}
