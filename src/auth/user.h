/* SPDX-License-Identifier: Apache-2.0
 *
 * A user's row: what of it a client sees, and the statements that find, make and change it on upstream's tables. */
#ifndef FREEHOLD_AUTH_USER_H
#define FREEHOLD_AUTH_USER_H

#include <libpq-fe.h>
#include <stdbool.h>
#include <stdint.h>

#include "auth/sql.h"
#include "base/arena.h"
#include "base/buf.h"

/* A token that was mailed. */
struct auth_pending {
	const char *token; /* its hash as upstream stores it, "pkce_" before it; "" when there is none */
	int64_t age_ms; /* since it was sent; -1: never */
};

enum auth_user_time {
	USER_EMAIL_CONFIRMED,
	USER_INVITED,
	USER_PHONE_CONFIRMED,
	USER_CONFIRMATION_SENT,
	USER_CONFIRMED,
	USER_RECOVERY_SENT,
	USER_EMAIL_CHANGE_SENT,
	USER_PHONE_CHANGE_SENT,
	USER_REAUTHENTICATION_SENT,
	USER_LAST_SIGN_IN,
	USER_CREATED,
	USER_UPDATED,
	USER_BANNED_UNTIL,
	USER_DELETED,
};
#define AUTH_USER_TIMES 14
#define AUTH_NEVER INT64_MIN
#define AUTH_INFINITE INT64_MAX

/* Texts are the row's: borrowed from the result, which lives as long as the call. Null columns are "". */
struct auth_user {
	const char *id; /* NULL: nobody */
	/* Of somebody whose row is not there yet: a JSON object of what is shown, without the next four. */
	const char *fields;
	const char *app_metadata, *user_metadata; /* JSON objects */
	const char *factors; /* JSON list, or "" */
	const char *identities; /* JSON list */
	const char *email, *phone, *role, *aud;
	const char *password; /* the hash */
	bool has_row; /* it was read from one */
	bool is_anonymous, is_banned, is_email_confirmed, is_phone_confirmed, is_invited;
	bool has_factor; /* a verified one */
	const char *email_change, *phone_change; /* what they are to become */
	bool is_change_half_confirmed; /* one of two mails about it was followed */
	struct auth_pending confirmation, recovery, reauthentication, email_change_new, phone_change_pending;
	const char *email_change_current; /* token, as old as email_change_new */
	int64_t times[AUTH_USER_TIMES]; /* microseconds since 1970 */
};

/* A row of AUTH_USER_COLUMNS (user_columns.h). */
void auth_user_read(const PGresult *rows, int row, struct auth_user *ret_user);

/* There is something to show of them. */
bool auth_user_is_shown(const struct auth_user *user);

/* As clients see it. */
void auth_user_put(struct buf *b, const struct auth_user *user);
char *auth_user_json(struct arena *a, const struct auth_user *user); /* NULL at the arena's limit */

/* One row of AUTH_USER_COLUMNS, or none. */
void user_sql_by_id(struct pg_batch *sql, const char *user_id);
void user_sql_by_email(struct pg_batch *sql, const char *email); /* in lower case */
void user_sql_by_phone(struct pg_batch *sql, const char *phone);

/* The same without factors and identities: for who shows the user to nobody. */
void user_sql_row_by_email(struct pg_batch *sql, const char *email);
void user_sql_row_by_phone(struct pg_batch *sql, const char *phone);

/* Whoever has the address, also as that of an identity alone; other than except_id (may be NULL). */
void user_sql_duplicate(struct pg_batch *sql, const char *email, const char *except_id);

/* A new user, with an identity of the provider "email" or "phone" for what is given; neither: anonymous. What is NULL
 * is empty. */
struct user_new {
	const char *id, *email, *phone, *role, *password_hash;
	const char *user_metadata, *app_metadata; /* JSON objects */
	const char *identity_data; /* JSON object that the email identity shows beside sub and email; NULL: none */
};
void user_sql_create(struct pg_batch *sql, const struct user_new *user);

/* Confirmed now, a statement of its own, as upstream does: apps have triggers on either. All that was mailed before is
 * void. */
void user_sql_confirm_email(struct pg_batch *sql, const char *user_id);
void user_sql_confirm_phone(struct pg_batch *sql, const char *user_id);

/* Member by member; null takes one out, at the top and nowhere deeper, as upstream does. */
void user_sql_merge_user_metadata(struct pg_batch *sql, const char *user_id, const char *changes);
void user_sql_merge_app_metadata(struct pg_batch *sql, const char *user_id, const char *changes);

/* Both together may have USER_METADATA_MAX_BYTES as text, so that a token with them stays one that is read
 * (JWT_MAX_BYTES) and that servers take in a header; upstream, which has no such bound, then locks the user out at the
 * first request. Of what people and owners write; what a provider says of somebody refuses nobody. A statement that
 * refuses what is larger with USER_METADATA_TOO_LARGE, for which call_run answers. */
#define USER_METADATA_MAX_BYTES 10240
#define USER_METADATA_TOO_LARGE "metadata too large"
void user_sql_check_metadata(struct pg_batch *sql, const char *user_id);

/* app_metadata's provider and providers, from the identities. */
void user_sql_providers(struct pg_batch *sql, const char *user_id);

/* A password that is not NULL is set and voids all that was mailed; sessions end, but for keep_session (may be NULL).
 */
void user_sql_password(struct pg_batch *sql, const char *user_id, const char *hash, const char *keep_session);

void user_sql_set_role(struct pg_batch *sql, const char *user_id, const char *role);
void user_sql_ban(struct pg_batch *sql, const char *user_id, const char *seconds); /* digits; "0" lifts it */

/* The new address or number is the user's, confirmed; an anonymous user becomes one with a name. All that was mailed
 * before is void. */
void user_sql_change_email(struct pg_batch *sql, const char *user_id, const char *email);
void user_sql_change_phone(struct pg_batch *sql, const char *user_id, const char *phone);

/* By an administrator: the identity follows, what was mailed stays. */
void user_sql_set_email(struct pg_batch *sql, const char *user_id, const char *email, bool is_verified);
void user_sql_set_phone(struct pg_batch *sql, const char *user_id, const char *phone, bool is_verified);

/* The row stays, and nothing in it that tells who it was. */
void user_sql_soft_delete(struct pg_batch *sql, const char *user_id);

#endif
