/* SPDX-License-Identifier: Apache-2.0
 *
 * What a statement selects of a user: "select " AUTH_USER_COLUMNS ", more … from auth.users u where …". More begins at
 * column AUTH_USER_COLUMN_COUNT. auth_user_read takes the row apart. */
#ifndef FREEHOLD_AUTH_USER_COLUMNS_H
#define FREEHOLD_AUTH_USER_COLUMNS_H

#include "auth/sql.h"

/* It would stack the pieces to the right without end: */
/* clang-format off */

/* The members that are null are left out; metadata stays apart because its own nulls must stay. */
#define USER_TIME(column) ", '" column "', " SQL_TIME("u." column)
#define USER_FIELDS \
	"json_strip_nulls(json_build_object('id', u.id, 'aud', coalesce(u.aud, ''), 'role', coalesce(u.role, '')" \
	", 'email', coalesce(u.email, '')" USER_TIME("email_confirmed_at") USER_TIME("invited_at") \
	", 'phone', coalesce(u.phone, '')" USER_TIME("phone_confirmed_at") USER_TIME("confirmation_sent_at") \
	USER_TIME("confirmed_at") USER_TIME("recovery_sent_at") ", 'new_email', nullif(u.email_change, '')" \
	USER_TIME("email_change_sent_at") ", 'new_phone', nullif(u.phone_change, '')" USER_TIME("phone_change_sent_at") \
	USER_TIME("reauthentication_sent_at") USER_TIME("last_sign_in_at") USER_TIME("created_at") \
	USER_TIME("updated_at") USER_TIME("banned_until") USER_TIME("deleted_at") ", 'is_anonymous', u.is_anonymous))"

/* A factor as clients see it; f: the row. */
#define FACTOR_JSON \
	"json_strip_nulls(json_build_object('id', f.id, 'created_at', " SQL_TIME("f.created_at") \
	", 'updated_at', " SQL_TIME("f.updated_at") ", 'status', f.status, 'friendly_name', nullif(f.friendly_name, '')" \
	", 'factor_type', f.factor_type, 'phone', f.phone, 'last_challenged_at', " SQL_TIME("f.last_challenged_at") "))"

#define USER_FACTORS \
	"(select json_agg(" FACTOR_JSON " order by f.created_at) from auth.mfa_factors f where f.user_id = u.id)"

#define USER_IDENTITIES \
	"(select coalesce(json_agg(json_build_object('identity_id', i.id, 'id', i.provider_id, 'user_id', i.user_id" \
	", 'identity_data', i.identity_data, 'provider', i.provider, 'last_sign_in_at', " SQL_TIME("i.last_sign_in_at") \
	", 'created_at', " SQL_TIME("i.created_at") ", 'updated_at', " SQL_TIME("i.updated_at") \
	", 'email', i.email) order by i.created_at), '[]') from auth.identities i where i.user_id = u.id)"

/* Milliseconds since then; empty: never. */
#define USER_AGE(column) "floor(extract(epoch from now() - u." column ") * 1000)::bigint"
#define USER_PENDING(token, sent_at) ", coalesce(u." token ", ''), " USER_AGE(sent_at)

#define AUTH_USER_COLUMNS \
	"u.id, " USER_FIELDS ", coalesce(u.raw_app_meta_data, '{}'), coalesce(u.raw_user_meta_data, '{}')" \
	", " USER_FACTORS ", " USER_IDENTITIES ", coalesce(u.email, ''), coalesce(u.phone, ''), coalesce(u.role, '')" \
	", coalesce(u.aud, ''), coalesce(u.encrypted_password, '')" \
	", u.is_anonymous, coalesce(u.banned_until > now(), false), u.email_confirmed_at is not null" \
	", u.phone_confirmed_at is not null, u.invited_at is not null" \
	", exists (select from auth.mfa_factors f where f.user_id = u.id and f.status = 'verified')" \
	", coalesce(u.email_change, ''), coalesce(u.phone_change, ''), coalesce(u.email_change_confirm_status, 0)" \
	USER_PENDING("confirmation_token", "confirmation_sent_at") \
	USER_PENDING("recovery_token", "recovery_sent_at") \
	USER_PENDING("reauthentication_token", "reauthentication_sent_at") \
	USER_PENDING("email_change_token_new", "email_change_sent_at") \
	", coalesce(u.email_change_token_current, '')" \
	USER_PENDING("phone_change_token", "phone_change_sent_at")

/* clang-format on */

#define AUTH_USER_COLUMN_COUNT 31

#endif
