/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/user.h"

#include "auth/user_columns.h"

#define USER_MAX_BYTES (4u << 20)

void auth_user_read(const PGresult *rows, int row, struct auth_user *ret_user)
{
	int column = 0;
	struct auth_user *u = ret_user;
	const char **texts[] = {&u->id,         &u->fields, &u->app_metadata, &u->user_metadata, &u->factors,
				&u->identities, &u->email,  &u->phone,        &u->role,          &u->aud};
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) *texts[i] = PQgetvalue(rows, row, column++);
	u->is_anonymous = PQgetvalue(rows, row, column++)[0] == 't';
	u->password = PQgetvalue(rows, row, column++);
	u->is_banned = PQgetvalue(rows, row, column++)[0] == 't';
	u->is_email_confirmed = PQgetvalue(rows, row, column)[0] == 't';
}

/* The columns are JSON texts that PostgreSQL wrote, so that they are put together and not taken apart. */
void auth_user_put(struct buf *b, const struct auth_user *user)
{
	struct str fields = str_from(user->fields);
	buf_str(b, str_sub(fields, 0, fields.len - 1));
	buf_printf(b, ",\"app_metadata\":%s", user->app_metadata);
	buf_printf(b, ",\"user_metadata\":%s", user->user_metadata);
	if (user->factors[0] != '\0') buf_printf(b, ",\"factors\":%s", user->factors);
	buf_printf(b, ",\"identities\":%s}", user->identities);
}

char *auth_user_json(struct arena *a, const struct auth_user *user)
{
	struct buf b BUF_CLEANUP;
	buf_init(&b, USER_MAX_BYTES);
	auth_user_put(&b, user);
	return buf_is_ok(&b) ? arena_cstr(a, buf_view(&b)) : NULL;
}

void user_sql_by_id(struct auth_sql *sql, const char *user_id)
{
	SQL_ADD(sql, "select " AUTH_USER_COLUMNS " from auth.users u where u.id = $1::uuid", user_id);
}

void user_sql_by_email(struct auth_sql *sql, const char *email)
{
	SQL_ADD(sql,
		"select " AUTH_USER_COLUMNS " from auth.users u where u.email = $1 and not u.is_sso_user "
		"and u.aud = 'authenticated'",
		email);
}

/* Zero seconds lift it. */
static void set_ban(struct auth_sql *sql, const char *user_id, const char *seconds)
{
	SQL_ADD(sql,
		"update auth.users set banned_until = now() + make_interval(secs => nullif($2::float8, 0)) where id = "
		"$1::uuid",
		user_id, seconds);
}

static const char *or_else(const char *text, const char *otherwise)
{
	return text != NULL ? text : otherwise;
}

/* Created first and confirmed by a second statement, as upstream does: apps have triggers on either. */
void user_sql_create(struct auth_sql *sql, const struct user_new *u)
{
	const char *user_metadata = or_else(u->user_metadata, "{}");
	SQL_ADD(sql,
		"insert into auth.users (instance_id, id, aud, role, email, encrypted_password, raw_app_meta_data, "
		"raw_user_meta_data, created_at, updated_at, confirmation_token, recovery_token, email_change, "
		"email_change_token_new) values (" SQL_NOBODY ", $1::uuid, 'authenticated', $2, $3, coalesce($4, ''), "
		"$5::jsonb || '{\"provider\": \"email\", \"providers\": [\"email\"]}', $6::jsonb, now(), now(), '', "
		"'', '', '')",
		u->id, or_else(u->role, "authenticated"), u->email, u->password_hash, or_else(u->app_metadata, "{}"),
		user_metadata);
	SQL_ADD(sql,
		"insert into auth.identities (provider_id, user_id, identity_data, provider, last_sign_in_at, "
		"created_at, updated_at) values ($1::text, $1::text::uuid, $3::jsonb || jsonb_build_object('sub', "
		"$1::text, 'email', $2::text, 'email_verified', false, 'phone_verified', false), 'email', now(), "
		"now(), now())",
		u->id, u->email, user_metadata);
	if (u->is_confirmed)
		SQL_ADD(sql,
			"update auth.users set email_confirmed_at = now(), updated_at = now(), raw_user_meta_data = "
			"coalesce(raw_user_meta_data, '{}') || '{\"email_verified\": true}' where id = $1::uuid",
			u->id);
}

/* A member that is null in the update is taken out, as upstream does at the top and nowhere deeper. */
#define MERGED(column, param)                                                                                          \
	"(coalesce(" column ", '{}') || coalesce(" param "::jsonb, '{}')) - array(select key from "                    \
	"jsonb_each(coalesce(" param "::jsonb, '{}')) where value = 'null')"

static void change_email(struct auth_sql *sql, const struct user_change *c)
{
	SQL_ADD(sql, "update auth.users set email = $2 where id = $1::uuid", c->id, c->email);
	SQL_ADD(sql,
		"insert into auth.identities (provider_id, user_id, identity_data, provider, last_sign_in_at, "
		"created_at, updated_at) values ($1::text, $1::text::uuid, jsonb_build_object('sub', $1::text, "
		"'email', $2::text, 'email_verified', $3::boolean, 'phone_verified', false), 'email', now(), now(), "
		"now()) on conflict (provider_id, provider) do update set identity_data = "
		"auth.identities.identity_data || jsonb_build_object('email', $2::text, 'email_verified', "
		"$3::boolean), updated_at = now()",
		c->id, c->email, c->is_email_confirmed ? "t" : "f");
}

void user_sql_change(struct auth_sql *sql, const struct user_change *c)
{
	SQL_ADD(sql,
		"update auth.users set encrypted_password = coalesce($2, encrypted_password), raw_user_meta_data "
		"= " MERGED("raw_user_meta_data", "$3") ", raw_app_meta_data = " MERGED(
		    "raw_app_meta_data",
		    "$4") ", role = coalesce($5, role), email_confirmed_at = case when $6::boolean then "
			  "coalesce(email_confirmed_at, now()) else email_confirmed_at end, updated_at = now() "
			  "where id = $1::uuid",
		c->id, c->password_hash, c->user_metadata, c->app_metadata, c->role, c->is_email_confirmed ? "t" : "f");
	if (c->email != NULL) change_email(sql, c);
	if (c->ban_s != NULL) set_ban(sql, c->id, c->ban_s);
	if (c->ends_sessions)
		SQL_ADD(sql, "delete from auth.sessions where user_id = $1::uuid and id is distinct from $2::uuid",
			c->id, c->keep_session);
}
