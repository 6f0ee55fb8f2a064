/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/sql.h"

#include <assert.h>

#define TIME(column) "to_char(" column " at time zone 'utc', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')"

/* The scalar members, those that are null left out; metadata stays apart because its own nulls must stay. */
#define FIELDS                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                  \
	"json_strip_nulls(json_build_object("                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                   \
	"'id', u.id, 'aud', coalesce(u.aud, ''), 'role', coalesce(u.role, ''), 'email', coalesce(u.email, ''), "                                                                                                                                                                                                                                                                                                                                                                                                                                                \
	"'email_confirmed_at', " TIME("u.email_confirmed_at") ", 'invited_at', " TIME(                                                                                                                                                                                                                                                                                                                                                                                                                                                                          \
	    "u.invited_at") ", "                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                \
			    "'phone', coalesce(u.phone, ''), 'phone_confirmed_at', " TIME("u.phone_confirmed_at") ", "                                                                                                                                                                                                                                                                                                                                                                                                                                          \
														  "'c"                                                                                                                                                                                                                                                                                                                                                                                                                                          \
														  "on"                                                                                                                                                                                                                                                                                                                                                                                                                                          \
														  "fi"                                                                                                                                                                                                                                                                                                                                                                                                                                          \
														  "rm"                                                                                                                                                                                                                                                                                                                                                                                                                                          \
														  "at"                                                                                                                                                                                                                                                                                                                                                                                                                                          \
														  "io"                                                                                                                                                                                                                                                                                                                                                                                                                                          \
														  "n_"                                                                                                                                                                                                                                                                                                                                                                                                                                          \
														  "se"                                                                                                                                                                                                                                                                                                                                                                                                                                          \
														  "nt"                                                                                                                                                                                                                                                                                                                                                                                                                                          \
														  "_a"                                                                                                                                                                                                                                                                                                                                                                                                                                          \
														  "t'"                                                                                                                                                                                                                                                                                                                                                                                                                                          \
														  ","                                                                                                                                                                                                                                                                                                                                                                                                                                           \
														  " " TIME(                                                                                                                                                                                                                                                                                                                                                                                                                                     \
														      "u.confirmation_sent_at") ", "                                                                                                                                                                                                                                                                                                                                                                                                            \
																		"'c"                                                                                                                                                                                                                                                                                                                                                                                                            \
																		"on"                                                                                                                                                                                                                                                                                                                                                                                                            \
																		"fi"                                                                                                                                                                                                                                                                                                                                                                                                            \
																		"rm"                                                                                                                                                                                                                                                                                                                                                                                                            \
																		"ed"                                                                                                                                                                                                                                                                                                                                                                                                            \
																		"_a"                                                                                                                                                                                                                                                                                                                                                                                                            \
																		"t'"                                                                                                                                                                                                                                                                                                                                                                                                            \
																		","                                                                                                                                                                                                                                                                                                                                                                                                             \
																		" " TIME(                                                                                                                                                                                                                                                                                                                                                                                                       \
																		    "u.confirmed_at") ", "                                                                                                                                                                                                                                                                                                                                                                                      \
																				      "'recovery_sent_at', " TIME(                                                                                                                                                                                                                                                                                                                                                              \
																					  "u.recovery_sent_at") ", 'new_email', nullif(u.email_change, ''), "                                                                                                                                                                                                                                                                                                                   \
																								"'email_change_sent_at', " TIME("u.email_change_sent_at") ", 'new_phone', nullif(u.phone_change, ''), "                                                                                                                                                                                                                                                         \
																															  "'phone_change_sent_at', " TIME("u.phone_change_sent_at") ", "                                                                                                                                                                                                                                        \
																																						    "'reauthentication_sent_at', " TIME("u.reauthentication_sent_at") ", "                                                                                                                                                                      \
																																														      "'last_sign_in_at', " TIME(                                                                                                                                               \
																																															  "u.last_sign_in_at") ", 'created_at', " TIME("u.created_at") ", "                                                                                                     \
																																																						       "'updated_at', " TIME("u.updated_at") ", 'banned_until', " TIME("u.banned_until") ", "                   \
																																																																	 "'deleted_at', " TIME( \
																																																																	     "u.deleted_at") ", 'is_anonymous', u.is_anonymous))"

#define IDENTITIES                                                                                                     \
	"(select coalesce(json_agg(json_build_object("                                                                 \
	"'identity_id', i.id, 'id', i.provider_id, 'user_id', i.user_id, 'identity_data', i.identity_data, "           \
	"'provider', i.provider, 'last_sign_in_at', " TIME(                                                            \
	    "i.last_sign_in_at") ", "                                                                                  \
				 "'created_at', " TIME("i.created_at") ", 'updated_at', " TIME(                        \
				     "i.updated_at") ", 'email', i.email) "                                            \
						     "order by i.created_at), '[]') from auth.identities i where "     \
						     "i.user_id = u.id)"

/* In the order of enum auth_column. */
#define USER                                                                                                           \
	"u.id, " FIELDS ", coalesce(u.raw_app_meta_data, '{}'), coalesce(u.raw_user_meta_data, '{}'), " IDENTITIES     \
	", coalesce(u.email, ''), coalesce(u.phone, ''), coalesce(u.role, ''), coalesce(u.aud, ''), u.is_anonymous, "  \
	"coalesce(u.encrypted_password, ''), coalesce(u.banned_until > now(), false), u.email_confirmed_at is not "    \
	"null"

#define NOBODY "'00000000-0000-0000-0000-000000000000'::uuid"

static void add(struct auth_sql *sql, const char *text, int param_count, const char *const *params)
{
	assert(sql->count < AUTH_STATEMENTS_MAX && param_count <= AUTH_PARAMS_MAX);
	const char **copy = sql->params[sql->count];
	for (int i = 0; i < param_count; i++) copy[i] = params[i];
	sql->statements[sql->count++] =
	    (struct pg_statement){.sql = text, .param_count = param_count, .params = copy, .is_prepared = true};
}

#define ADD(sql, text, ...)                                                                                            \
	add(sql, text, sizeof((const char *[]){__VA_ARGS__}) / sizeof(const char *), (const char *[]){__VA_ARGS__})

void auth_sql_find_by_email(struct auth_sql *sql, const char *email)
{
	ADD(sql, "select " USER " from auth.users u where u.email = $1 and not u.is_sso_user and u.deleted_at is null",
	    email);
}

void auth_sql_find_by_id(struct auth_sql *sql, const char *user_id)
{
	ADD(sql, "select " USER " from auth.users u where u.id = $1::uuid", user_id);
}

void auth_sql_find_caller(struct auth_sql *sql, const char *user_id, const char *session_id)
{
	ADD(sql,
	    "select " USER
	    ", $2::uuid is null or exists (select from auth.sessions s where s.id = $2::uuid and s.user_id = u.id) "
	    "from auth.users u where u.id = $1::uuid",
	    user_id, session_id);
}

/* Zero seconds lift it. */
static void set_ban(struct auth_sql *sql, const char *user_id, const char *seconds)
{
	ADD(sql,
	    "update auth.users set banned_until = now() + make_interval(secs => nullif($2::float8, 0)) where id = "
	    "$1::uuid",
	    user_id, seconds);
}

/* Created first and confirmed by a second statement, as upstream does: apps have triggers on either. */
void auth_sql_create(struct auth_sql *sql, const struct auth_command *c, const char *user_id, const char *hash,
		     bool is_confirmed)
{
	const char *user_metadata = c->user_metadata != NULL ? c->user_metadata : "{}";
	const char *app_metadata = c->app_metadata != NULL ? c->app_metadata : "{}";
	const char *role = c->role != NULL ? c->role : "authenticated";
	ADD(sql,
	    "insert into auth.users (instance_id, id, aud, role, email, encrypted_password, raw_app_meta_data, "
	    "raw_user_meta_data, created_at, updated_at, confirmation_token, recovery_token, email_change, "
	    "email_change_token_new) values (" NOBODY ", $1::uuid, 'authenticated', $2, $3, coalesce($4, ''), "
	    "$5::jsonb || '{\"provider\": \"email\", \"providers\": [\"email\"]}', $6::jsonb, now(), now(), '', '', "
	    "'', '')",
	    user_id, role, c->email, hash, app_metadata, user_metadata);
	ADD(sql,
	    "insert into auth.identities (provider_id, user_id, identity_data, provider, last_sign_in_at, created_at, "
	    "updated_at) values ($1::text, $1::text::uuid, $3::jsonb || jsonb_build_object('sub', $1::text, 'email', "
	    "$2::text, "
	    "'email_verified', false, 'phone_verified', false), 'email', now(), now(), now())",
	    user_id, c->email, user_metadata);
	if (is_confirmed)
		ADD(sql,
		    "update auth.users set email_confirmed_at = now(), updated_at = now(), "
		    "raw_user_meta_data = coalesce(raw_user_meta_data, '{}') || '{\"email_verified\": true}' "
		    "where id = $1::uuid",
		    user_id);
	if (c->ban_s != NULL) set_ban(sql, user_id, c->ban_s);
}

void auth_sql_begin_session(struct auth_sql *sql, const struct auth_session_start *start)
{
	ADD(sql, "update auth.users set last_sign_in_at = now(), updated_at = now() where id = $1::uuid",
	    start->user_id);
	ADD(sql,
	    "insert into auth.sessions (id, user_id, created_at, updated_at, aal, user_agent, ip) "
	    "values ($1::uuid, $2::uuid, now(), now(), 'aal1', $3, $4::inet)",
	    start->session_id, start->user_id, start->user_agent, start->address);
	ADD(sql,
	    "insert into auth.mfa_amr_claims (id, session_id, created_at, updated_at, authentication_method) "
	    "values (gen_random_uuid(), $1::uuid, now(), now(), 'password')",
	    start->session_id);
	ADD(sql,
	    "insert into auth.refresh_tokens (instance_id, token, user_id, revoked, created_at, updated_at, "
	    "session_id) "
	    "values (" NOBODY ", $1, $2, false, now(), now(), $3::uuid)",
	    start->refresh_token, start->user_id, start->session_id);
	auth_sql_find_by_id(sql, start->user_id);
}

/* Two requests with one token meet at the session's lock; the statement behind it then sees what the other did. A token
 * that was swapped may be used again for ten seconds, or when its child is the one in force (the answer got lost);
 * otherwise somebody has a copy, and the whole family ends: at a time in the past, so that no other member of it is
 * forgiven for having been swapped just now. */
void auth_sql_refresh(struct auth_sql *sql, const char *refresh_token, const char *new_token, const char *user_agent,
		      const char *address)
{
	ADD(sql,
	    "select 1 from auth.sessions s join auth.refresh_tokens t on t.session_id = s.id where t.token = $1 "
	    "for update of s",
	    refresh_token);
	ADD(sql,
	    "with t as materialized (select * from auth.refresh_tokens where token = $1), "
	    "s as materialized (select s.* from auth.sessions s join t on t.session_id = s.id), "
	    "u as materialized (select u.* from auth.users u join t on u.id::text = t.user_id), "
	    "active as materialized (select r.token, r.parent from auth.refresh_tokens r join t on r.session_id = "
	    "t.session_id "
	    "where r.revoked is not true order by r.id desc limit 1), "
	    "v as materialized (select case "
	    "when not exists (select from t) or not exists (select from u) then 'unknown' "
	    "when exists (select from u where banned_until > now()) then 'banned' "
	    "when not exists (select from s) then 'no session' "
	    "when exists (select from s where not_after < now()) then 'expired' "
	    "when exists (select from t where revoked is not true) then 'swap' "
	    "when exists (select from active, t where active.parent = t.token) then 'active' "
	    "when exists (select from t where updated_at >= now() - interval '10 seconds') then 'swap' "
	    "else 'replay' end as verdict), "
	    "revoked as (update auth.refresh_tokens r set revoked = true, "
	    "updated_at = case v.verdict when 'replay' then now() - interval '1 minute' else now() end from t, v "
	    "where r.revoked is not true and ((v.verdict = 'swap' and r.id = t.id) or "
	    "(v.verdict = 'replay' and r.session_id = t.session_id))), "
	    "fresh as (insert into auth.refresh_tokens (instance_id, token, user_id, revoked, created_at, updated_at, "
	    "parent, "
	    "session_id) select " NOBODY ", $2, t.user_id, false, now(), now(), t.token, t.session_id from t, v "
	    "where v.verdict = 'swap' returning token), "
	    "touched as (update auth.sessions x set refreshed_at = now() at time zone 'utc', updated_at = now(), "
	    "user_agent = $3, ip = $4::inet from t, v where x.id = t.session_id and v.verdict in ('swap', 'active')) "
	    "select " USER ", v.verdict, coalesce((select token from fresh), (select token from active)), s.id, "
	    "coalesce(s.aal::text, 'aal1'), (select coalesce(json_agg(json_build_object('method', "
	    "a.authentication_method, "
	    "'timestamp', extract(epoch from a.updated_at)::bigint) order by a.created_at desc), '[]') "
	    "from auth.mfa_amr_claims a where a.session_id = s.id) "
	    "from v left join u on true left join s on true",
	    refresh_token, new_token, user_agent, address);
}

/* A member that is null in the update is taken out, as upstream does at the top and nowhere deeper. */
#define MERGED(column, param)                                                                                          \
	"(coalesce(" column ", '{}') || coalesce(" param "::jsonb, '{}')) - "                                          \
	"array(select key from jsonb_each(coalesce(" param "::jsonb, '{}')) where value = 'null')"

static void update_email(struct auth_sql *sql, const struct auth_command *c, const char *user_id)
{
	ADD(sql, "update auth.users set email = $2 where id = $1::uuid", user_id, c->email);
	ADD(sql,
	    "insert into auth.identities (provider_id, user_id, identity_data, provider, last_sign_in_at, created_at, "
	    "updated_at) values ($1::text, $1::text::uuid, jsonb_build_object('sub', $1::text, 'email', $2::text, "
	    "'email_verified', "
	    "$3::boolean, 'phone_verified', false), 'email', now(), now(), now()) on conflict (provider_id, provider) "
	    "do update set identity_data = auth.identities.identity_data || jsonb_build_object('email', $2::text, "
	    "'email_verified', $3::boolean), updated_at = now()",
	    user_id, c->email, c->is_email_confirmed ? "t" : "f");
}

void auth_sql_update(struct auth_sql *sql, const struct auth_command *c, const char *user_id, const char *hash,
		     const char *keep_session)
{
	ADD(sql,
	    "update auth.users set encrypted_password = coalesce($2, encrypted_password), "
	    "raw_user_meta_data = " MERGED(
		"raw_user_meta_data",
		"$3") ", "
		      "raw_app_meta_data = " MERGED(
			  "raw_app_meta_data", "$4") ", role = coalesce($5, role), "
						     "email_confirmed_at = case when $6::boolean then "
						     "coalesce(email_confirmed_at, now()) else email_confirmed_at end, "
						     "updated_at = now() where id = $1::uuid",
	    user_id, hash, c->user_metadata, c->app_metadata, c->role, c->is_email_confirmed ? "t" : "f");
	if (c->email != NULL) update_email(sql, c, user_id);
	if (c->ban_s != NULL) set_ban(sql, user_id, c->ban_s);
	if (hash != NULL)
		ADD(sql, "delete from auth.sessions where user_id = $1::uuid and id is distinct from $2::uuid", user_id,
		    keep_session);
	auth_sql_find_by_id(sql, user_id);
}

void auth_sql_logout(struct auth_sql *sql, enum auth_scope scope, const char *user_id, const char *session_id)
{
	if (scope == AUTH_SCOPE_GLOBAL || session_id == NULL)
		ADD(sql, "delete from auth.sessions where user_id = $1::uuid", user_id);
	else if (scope == AUTH_SCOPE_LOCAL)
		ADD(sql, "delete from auth.sessions where user_id = $1::uuid and id = $2::uuid", user_id, session_id);
	else
		ADD(sql, "delete from auth.sessions where user_id = $1::uuid and id <> $2::uuid", user_id, session_id);
}

void auth_sql_delete(struct auth_sql *sql, const char *user_id)
{
	ADD(sql, "delete from auth.refresh_tokens where user_id = $1", user_id);
	ADD(sql, "delete from auth.users where id = $1::uuid returning id", user_id);
}

void auth_sql_list(struct auth_sql *sql, const char *limit, const char *offset)
{
	ADD(sql,
	    "select " USER ", count(*) over () from auth.users u where u.aud = 'authenticated' "
	    "order by u.created_at desc, u.id limit $1::bigint offset $2::bigint",
	    limit, offset);
}
