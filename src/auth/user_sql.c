/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/user.h"
#include "auth/user_columns.h"

void user_sql_by_id(struct pg_batch *sql, const char *user_id)
{
	PG_ADD(sql, "select " AUTH_USER_COLUMNS " from auth.users u where u.id = $1::uuid", user_id);
}

/* By the index on (instance_id, lower(email)): what was moved in may have capitals. */
#define BY_EMAIL                                                                                                       \
	" from auth.users u where u.instance_id = " SQL_NOBODY                                                         \
	" and lower(u.email) = $1 and not u.is_sso_user and u.aud = 'authenticated' order by u.created_at limit 1"

void user_sql_by_email(struct pg_batch *sql, const char *email)
{
	PG_ADD(sql, "select " AUTH_USER_COLUMNS BY_EMAIL, email);
}

void user_sql_row_by_email(struct pg_batch *sql, const char *email)
{
	PG_ADD(sql, "select " AUTH_USER_ROW_COLUMNS BY_EMAIL, email);
}

void user_sql_duplicate(struct pg_batch *sql, const char *email, const char *except_id)
{
	PG_ADD(sql,
	       "select " AUTH_USER_COLUMNS " from auth.users u where u.aud = 'authenticated' and u.id is distinct "
	       "from $2::uuid and u.id in (select i.user_id from auth.identities i where i.email = $1 and i.provider "
	       "not like 'sso:%' union all select v.id from auth.users v where v.instance_id = " SQL_NOBODY
	       " and lower(v.email) = $1 and not v.is_sso_user) order by lower(u.email) = $1 desc nulls last limit 1",
	       email, except_id);
}

#define BY_PHONE " from auth.users u where u.phone = $1 and not u.is_sso_user and u.aud = 'authenticated'"

void user_sql_by_phone(struct pg_batch *sql, const char *phone)
{
	PG_ADD(sql, "select " AUTH_USER_COLUMNS BY_PHONE, phone);
}

void user_sql_row_by_phone(struct pg_batch *sql, const char *phone)
{
	PG_ADD(sql, "select " AUTH_USER_ROW_COLUMNS BY_PHONE, phone);
}

static const char *or_else(const char *text, const char *otherwise)
{
	return text != NULL ? text : otherwise;
}

static const char *providers_of(const struct user_new *u)
{
	if (u->email != NULL && u->phone != NULL)
		return "{\"provider\": \"email\", \"providers\": [\"email\", \"phone\"]}";
	if (u->email != NULL) return "{\"provider\": \"email\", \"providers\": [\"email\"]}";
	return u->phone != NULL ? "{\"provider\": \"phone\", \"providers\": [\"phone\"]}" : "{}";
}

/* What identities show: sub, then the address and whether it was verified. */
#define IDENTITY_INSERT                                                                                                \
	"insert into auth.identities (provider_id, user_id, identity_data, provider, last_sign_in_at, created_at, "    \
	"updated_at) values ($1::text, $1::text::uuid, "

/* As upstream after a sign-up: what the identity shows is the user's metadata. */
static void copy_identity(struct pg_batch *sql, const char *user_id)
{
	PG_ADD(sql,
	       "update auth.users u set raw_user_meta_data = i.identity_data, updated_at = now() from "
	       "auth.identities i where u.id = $1::uuid and i.user_id = u.id",
	       user_id);
}

void user_sql_create(struct pg_batch *sql, const struct user_new *u)
{
	PG_ADD(sql,
	       "insert into auth.users (instance_id, id, aud, role, email, phone, encrypted_password, "
	       "raw_app_meta_data, raw_user_meta_data, created_at, updated_at, confirmation_token, recovery_token, "
	       "email_change, email_change_token_new, is_anonymous) values (" SQL_NOBODY
	       ", $1::uuid, 'authenticated', $2, $3::text, $4::text, coalesce($5, ''), $6::jsonb || $7::jsonb, "
	       "$8::jsonb, now(), "
	       "now(), '', '', '', '', $3::text is null and $4::text is null)",
	       u->id, or_else(u->role, "authenticated"), u->email, u->phone, u->password_hash,
	       or_else(u->app_metadata, "{}"), providers_of(u), or_else(u->user_metadata, "{}"));
	if (u->email != NULL)
		PG_ADD(sql,
		       IDENTITY_INSERT "coalesce($3::jsonb, '{}') || jsonb_build_object('sub', $1::text, 'email', "
				       "$2::text, 'email_verified', false, 'phone_verified', false), 'email', now(), "
				       "now(), now())",
		       u->id, u->email, u->identity_data);
	if (u->phone != NULL)
		PG_ADD(sql,
		       IDENTITY_INSERT "coalesce($3::jsonb, '{}') || jsonb_build_object('sub', $1::text, 'phone', "
				       "$2::text, 'email_verified', false, 'phone_verified', false), 'phone', now(), "
				       "now(), now())",
		       u->id, u->phone, u->identity_data);
	if (u->user_metadata != NULL) user_sql_check_metadata(sql, u->id);
	if (u->identity_data != NULL) copy_identity(sql, u->id);
}

/* All that was mailed is void with it. */
#define AND_VOID "with once as (delete from auth.one_time_tokens where user_id = $1::uuid) "

void user_sql_confirm_email(struct pg_batch *sql, const char *user_id)
{
	PG_ADD(sql,
	       AND_VOID
	       "update auth.users set email_confirmed_at = now(), confirmation_token = '', updated_at = now(), "
	       "raw_user_meta_data = coalesce(raw_user_meta_data, '{}') || '{\"email_verified\": true}' "
	       "where id = $1::uuid",
	       user_id);
}

void user_sql_confirm_phone(struct pg_batch *sql, const char *user_id)
{
	PG_ADD(sql,
	       AND_VOID "update auth.users set phone_confirmed_at = now(), confirmation_token = '', updated_at = now() "
			"where id = $1::uuid",
	       user_id);
}

#define MERGE(column)                                                                                                  \
	"update auth.users set " column " = (coalesce(" column ", '{}') || $2::jsonb) - array(select key from "        \
	"jsonb_each($2::jsonb) where value = 'null'), updated_at = now() where id = $1::uuid"

void user_sql_merge_user_metadata(struct pg_batch *sql, const char *user_id, const char *changes)
{
	PG_ADD(sql, MERGE("raw_user_meta_data"), user_id, changes);
}

void user_sql_merge_app_metadata(struct pg_batch *sql, const char *user_id, const char *changes)
{
	PG_ADD(sql, MERGE("raw_app_meta_data"), user_id, changes);
}

#define TEXT_OF(number) #number
#define TEXT(number) TEXT_OF(number)

void user_sql_check_metadata(struct pg_batch *sql, const char *user_id)
{
	PG_ADD(sql,
	       "select freehold_auth.refuse('" USER_METADATA_TOO_LARGE
	       "') from auth.users where id = $1::uuid and octet_length(coalesce(raw_user_meta_data, '{}')::text) + "
	       "octet_length(coalesce(raw_app_meta_data, '{}')::text) > " TEXT(USER_METADATA_MAX_BYTES),
	       user_id);
}

void user_sql_providers(struct pg_batch *sql, const char *user_id)
{
	PG_ADD(sql,
	       "update auth.users u set raw_app_meta_data = coalesce(u.raw_app_meta_data, '{}') || "
	       "jsonb_build_object('providers', i.names) || case when i.first is null then '{}' else "
	       "jsonb_build_object('provider', i.first) end, updated_at = now() from (select "
	       "coalesce(jsonb_agg(n.provider order by n.at, n.provider), '[]') as names, (array_agg(n.provider "
	       "order by n.at, n.provider))[1] as first from (select provider, min(created_at) as at from "
	       "auth.identities where user_id = $1::uuid group by provider) n) i where u.id = $1::uuid",
	       user_id);
}

void user_sql_password(struct pg_batch *sql, const char *user_id, const char *hash, const char *keep_session)
{
	PG_ADD(sql,
	       AND_VOID ", ended as (delete from auth.sessions where user_id = $1::uuid and id is distinct from "
			"$3::uuid) update auth.users set encrypted_password = $2, confirmation_token = '', "
			"confirmation_sent_at = null, recovery_token = '', recovery_sent_at = null, "
			"email_change_token_current = '', email_change_token_new = '', email_change_sent_at = null, "
			"phone_change_token = '', phone_change_sent_at = null, reauthentication_token = '', "
			"reauthentication_sent_at = null, updated_at = now() where id = $1::uuid",
	       user_id, hash, keep_session);
}

void user_sql_set_role(struct pg_batch *sql, const char *user_id, const char *role)
{
	PG_ADD(sql, "update auth.users set role = $2, updated_at = now() where id = $1::uuid", user_id, role);
}

void user_sql_ban(struct pg_batch *sql, const char *user_id, const char *seconds)
{
	PG_ADD(sql,
	       "update auth.users set banned_until = now() + make_interval(secs => nullif($2::float8, 0)), "
	       "updated_at = now() where id = $1::uuid",
	       user_id, seconds);
}

#define IDENTITY_UPDATE                                                                                                \
	" on conflict (provider_id, provider) do update set identity_data = auth.identities.identity_data || "         \
	"excluded.identity_data, updated_at = now()"

/* The identity is made where there is none. */
static void set_email_identity(struct pg_batch *sql, const char *user_id, const char *email, bool is_verified)
{
	PG_ADD(sql,
	       IDENTITY_INSERT "jsonb_build_object('sub', $1::text, 'email', $2::text, 'email_verified', $3::boolean, "
			       "'phone_verified', false), 'email', now(), now(), now())" IDENTITY_UPDATE,
	       user_id, email, is_verified ? "t" : "f");
}

static void set_phone_identity(struct pg_batch *sql, const char *user_id, const char *phone, bool is_verified)
{
	PG_ADD(sql,
	       IDENTITY_INSERT "jsonb_build_object('sub', $1::text, 'phone', $2::text, 'email_verified', false, "
			       "'phone_verified', $3::boolean), 'phone', now(), now(), now())" IDENTITY_UPDATE,
	       user_id, phone, is_verified ? "t" : "f");
}

void user_sql_change_email(struct pg_batch *sql, const char *user_id, const char *email)
{
	set_email_identity(sql, user_id, email, true);
	PG_ADD(sql,
	       AND_VOID "update auth.users set email = $2, email_change = '', email_change_token_current = '', "
			"email_change_token_new = '', email_change_confirm_status = 0, is_anonymous = false, "
			"updated_at = now() where id = $1::uuid",
	       user_id, email);
}

void user_sql_change_phone(struct pg_batch *sql, const char *user_id, const char *phone)
{
	set_phone_identity(sql, user_id, phone, true);
	PG_ADD(sql,
	       AND_VOID "update auth.users set phone = $2, phone_change = '', phone_change_token = '', "
			"phone_confirmed_at = now(), is_anonymous = false, updated_at = now() where id = $1::uuid",
	       user_id, phone);
}

void user_sql_set_email(struct pg_batch *sql, const char *user_id, const char *email, bool is_verified)
{
	set_email_identity(sql, user_id, email, is_verified);
	PG_ADD(sql,
	       "update auth.users set email = $2, is_anonymous = is_anonymous and not $3::boolean, updated_at = "
	       "now() where id = $1::uuid",
	       user_id, email, is_verified ? "t" : "f");
}

void user_sql_set_phone(struct pg_batch *sql, const char *user_id, const char *phone, bool is_verified)
{
	set_phone_identity(sql, user_id, phone, is_verified);
	PG_ADD(sql,
	       "update auth.users set phone = $2, is_anonymous = is_anonymous and not $3::boolean, updated_at = "
	       "now() where id = $1::uuid",
	       user_id, phone, is_verified ? "t" : "f");
}

/* What cannot be guessed and is the same for the same value, as upstream makes it. */
#define HIDDEN(value) "rtrim(translate(encode(sha256(convert_to(" value ", 'UTF8')), 'base64'), '+/', '-_'), '=')"
#define HIDDEN_OR_EMPTY(column)                                                                                        \
	"case when coalesce(" column ", '') = '' then " column " else " HIDDEN("u.id::text || " column) " end"

#define HIDDEN_PROVIDER_ID HIDDEN("i.user_id::text || i.provider || ':' || i.provider_id")
#define HIDDEN_EMAIL HIDDEN_OR_EMPTY("u.email")
#define HIDDEN_PHONE HIDDEN_OR_EMPTY("u.phone")
#define HIDDEN_EMAIL_CHANGE HIDDEN_OR_EMPTY("u.email_change")
#define HIDDEN_PHONE_CHANGE HIDDEN_OR_EMPTY("u.phone_change")

void user_sql_soft_delete(struct pg_batch *sql, const char *user_id)
{
	PG_ADD(sql,
	       "update auth.identities i set identity_data = '{}', provider_id = " HIDDEN_PROVIDER_ID
	       ", updated_at = now() where i.user_id = $1::uuid and exists (select from auth.users u where u.id = "
	       "$1::uuid and u.deleted_at is null)",
	       user_id);
	PG_ADD(sql,
	       AND_VOID
	       ", factors as (delete from auth.mfa_factors where user_id = $1::uuid), sessions as (delete from "
	       "auth.sessions where user_id = $1::uuid) update auth.users u set email = " HIDDEN_EMAIL
	       ", phone = left(" HIDDEN_PHONE ", 15), email_change = " HIDDEN_EMAIL_CHANGE
	       ", phone_change = left(" HIDDEN_PHONE_CHANGE
	       ", 15), encrypted_password = null, confirmation_token = '', "
	       "recovery_token = '', email_change_token_current = '', email_change_token_new = '', "
	       "phone_change_token = '', raw_user_meta_data = '{}', raw_app_meta_data = '{}', deleted_at = now(), "
	       "updated_at = now() where u.id = $1::uuid and u.deleted_at is null",
	       user_id);
}
