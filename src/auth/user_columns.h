/* SPDX-License-Identifier: Apache-2.0
 *
 * What a statement selects of a user: "select " AUTH_USER_COLUMNS ", more … from auth.users u where …". More begins at
 * column AUTH_USER_COLUMN_COUNT. auth_user_read takes the row apart. */
#ifndef FREEHOLD_AUTH_USER_COLUMNS_H
#define FREEHOLD_AUTH_USER_COLUMNS_H

#include "auth/sql.h"

/* It would stack the pieces to the right without end: */
/* clang-format off */

/* A factor as clients see it; f: the row. */
#define FACTOR_JSON \
	"json_strip_nulls(json_build_object('id', f.id, 'created_at', " SQL_TIME("f.created_at") \
	", 'updated_at', " SQL_TIME("f.updated_at") ", 'status', f.status, 'friendly_name', nullif(f.friendly_name, '')" \
	", 'factor_type', f.factor_type, 'phone', f.phone, 'last_challenged_at', " SQL_TIME("f.last_challenged_at") "))"

/* Whether one is verified, and behind that the list; nothing when there is none. */
#define USER_FACTORS \
	"(select concat(bool_or(f.status = 'verified'), json_agg(" FACTOR_JSON " order by f.created_at)) " \
	"from auth.mfa_factors f where f.user_id = u.id)"

#define USER_IDENTITIES \
	"(select coalesce(json_agg(json_build_object('identity_id', i.id, 'id', i.provider_id, 'user_id', i.user_id" \
	", 'identity_data', i.identity_data, 'provider', i.provider, 'last_sign_in_at', " SQL_TIME("i.last_sign_in_at") \
	", 'created_at', " SQL_TIME("i.created_at") ", 'updated_at', " SQL_TIME("i.updated_at") \
	", 'email', i.email) order by i.created_at), '[]') from auth.identities i where i.user_id = u.id)"

/* Seconds since 1970: PostgreSQL takes a third of a user's cost to write them as people read them. */
#define USER_TIME(column) ", extract(epoch from u." column ")"

/* The row as it stands, since it is read with each sign-in and each look at a token: what clients see is written by
 * auth_user_put for a quarter of what json_build_object costs. */
#define USER_ROW \
	"u.id, u.raw_app_meta_data, u.raw_user_meta_data, u.email, u.phone, u.role, u.aud, u.encrypted_password" \
	", u.email_change, u.phone_change, u.email_change_token_current, u.confirmation_token, u.recovery_token" \
	", u.reauthentication_token, u.email_change_token_new, u.phone_change_token, u.is_anonymous" \
	", u.banned_until > now(), u.email_change_confirm_status" \
	USER_TIME("email_confirmed_at") USER_TIME("invited_at") USER_TIME("phone_confirmed_at") \
	USER_TIME("confirmation_sent_at") USER_TIME("confirmed_at") USER_TIME("recovery_sent_at") \
	USER_TIME("email_change_sent_at") USER_TIME("phone_change_sent_at") USER_TIME("reauthentication_sent_at") \
	USER_TIME("last_sign_in_at") USER_TIME("created_at") USER_TIME("updated_at") USER_TIME("banned_until") \
	USER_TIME("deleted_at") ", extract(epoch from now())"

#define AUTH_USER_COLUMNS USER_ROW ", " USER_FACTORS ", " USER_IDENTITIES

/* For who shows the user to nobody: without factors and identities, which cost as much as the rest. */
#define AUTH_USER_ROW_COLUMNS USER_ROW ", '', '[]'"

/* clang-format on */

#define AUTH_USER_COLUMN_COUNT 36

#endif
