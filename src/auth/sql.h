/* SPDX-License-Identifier: Apache-2.0
 *
 * The statements behind each command, on upstream's tables. Pure: texts are constants, values are parameters. Those of
 * one auth_sql go out as one pipeline and are one transaction. */
#ifndef FREEHOLD_AUTH_SQL_H
#define FREEHOLD_AUTH_SQL_H

#include <stdbool.h>
#include <stdint.h>

#include "auth/command.h"
#include "pg/pool.h"

#define AUTH_STATEMENTS_MAX 10
#define AUTH_PARAMS_MAX 10

struct auth_sql {
	struct pg_statement statements[AUTH_STATEMENTS_MAX];
	const char *params[AUTH_STATEMENTS_MAX][AUTH_PARAMS_MAX];
	int count;
};

/* Columns of every row about a user. *_JSON are JSON texts; AUTH_COL_FIELDS an object without its metadata and
 * identities. */
enum auth_column {
	AUTH_COL_ID,
	AUTH_COL_FIELDS,
	AUTH_COL_APP_METADATA,
	AUTH_COL_USER_METADATA,
	AUTH_COL_IDENTITIES,
	AUTH_COL_EMAIL,
	AUTH_COL_PHONE,
	AUTH_COL_ROLE,
	AUTH_COL_AUD,
	AUTH_COL_IS_ANONYMOUS,
	AUTH_COL_PASSWORD, /* the hash */
	AUTH_COL_IS_BANNED,
	AUTH_COL_IS_CONFIRMED,
	AUTH_COL_EXTRA, /* what a statement adds */
};

/* A session that is begun: who, and under which names. */
struct auth_session_start {
	const char *user_id;
	const char *session_id;
	const char *refresh_token;
	const char *user_agent;
	const char *address; /* NULL when it is no address */
};

/* One row or none: the user. */
void auth_sql_find_by_email(struct auth_sql *sql, const char *email);
void auth_sql_find_by_id(struct auth_sql *sql, const char *user_id);

/* One row or none: the user, and as AUTH_COL_EXTRA whether the session exists ('t' for one that is not given). */
void auth_sql_find_caller(struct auth_sql *sql, const char *user_id, const char *session_id);

/* A new user with its identity. hash may be NULL. */
void auth_sql_create(struct auth_sql *sql, const struct auth_command *c, const char *user_id, const char *hash,
		     bool is_confirmed);

/* The session's rows; then the user. The last statement's row is the answer. */
void auth_sql_begin_session(struct auth_sql *sql, const struct auth_session_start *start);

/* The last statement's only row: AUTH_REFRESH_VERDICT … and, where it is "swap" or "active", the user before. */
enum {
	AUTH_REFRESH_VERDICT = AUTH_COL_EXTRA,
	AUTH_REFRESH_TOKEN,
	AUTH_REFRESH_SESSION,
	AUTH_REFRESH_AAL,
	AUTH_REFRESH_AMR
};
void auth_sql_refresh(struct auth_sql *sql, const char *refresh_token, const char *new_token, const char *user_agent,
		      const char *address);

/* Whatever the command gives is set, the rest stays; then the user. With a new hash all sessions but keep_session end.
 */
void auth_sql_update(struct auth_sql *sql, const struct auth_command *c, const char *user_id, const char *hash,
		     const char *keep_session);

void auth_sql_logout(struct auth_sql *sql, enum auth_scope scope, const char *user_id, const char *session_id);
void auth_sql_delete(struct auth_sql *sql, const char *user_id);

/* The users of a page, newest first, and as AUTH_COL_EXTRA how many there are in all. */
void auth_sql_list(struct auth_sql *sql, const char *limit, const char *offset);

#endif
