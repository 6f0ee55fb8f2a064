/* SPDX-License-Identifier: Apache-2.0
 *
 * A user's row: what of it a client sees, and the statements that find, make and change it on upstream's tables. */
#ifndef FREEHOLD_AUTH_USER_H
#define FREEHOLD_AUTH_USER_H

#include <libpq-fe.h>
#include <stdbool.h>

#include "auth/sql.h"
#include "base/arena.h"
#include "base/buf.h"

/* Texts are the row's: borrowed from the result, which lives as long as the call. Null columns are "". */
struct auth_user {
	const char *id; /* NULL: nobody */
	const char *fields; /* JSON object of what is shown, without the next four */
	const char *app_metadata, *user_metadata; /* JSON objects */
	const char *factors; /* JSON list, or "" */
	const char *identities; /* JSON list */
	const char *email, *phone, *role, *aud;
	const char *password; /* the hash */
	bool is_anonymous, is_banned, is_email_confirmed;
};

/* A row of AUTH_USER_COLUMNS (user_columns.h). */
void auth_user_read(const PGresult *rows, int row, struct auth_user *ret_user);

/* As clients see it. */
void auth_user_put(struct buf *b, const struct auth_user *user);
char *auth_user_json(struct arena *a, const struct auth_user *user); /* NULL at the arena's limit */

/* One row of AUTH_USER_COLUMNS, or none. */
void user_sql_by_id(struct auth_sql *sql, const char *user_id);
void user_sql_by_email(struct auth_sql *sql, const char *email);

/* A new user with its identity of the provider "email". What is NULL is empty. */
struct user_new {
	const char *id, *email, *role, *password_hash;
	const char *user_metadata, *app_metadata; /* JSON objects */
	bool is_confirmed;
};
void user_sql_create(struct auth_sql *sql, const struct user_new *user);

/* What is not NULL is set, metadata member by member (null takes one out, at the top and nowhere deeper). */
struct user_change {
	const char *id, *role, *password_hash;
	const char *user_metadata, *app_metadata; /* JSON objects */
	const char *email; /* the address itself, the identity's too */
	bool is_email_confirmed; /* true confirms it */
	const char *ban_s; /* digits; "0" lifts it */
	bool ends_sessions; /* all but keep_session */
	const char *keep_session;
};
void user_sql_change(struct auth_sql *sql, const struct user_change *change);

#endif
