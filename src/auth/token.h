/* SPDX-License-Identifier: Apache-2.0
 *
 * Who asks, and what a session looks like: access tokens are read and written here, with upstream's claims. Pure. */
#ifndef FREEHOLD_AUTH_TOKEN_H
#define FREEHOLD_AUTH_TOKEN_H

#include <libpq-fe.h>
#include <stdbool.h>
#include <stdint.h>

#include "auth/command.h"
#include "auth/problem.h"

struct auth_caller {
	const char *user_id; /* NULL for an administrator */
	const char *session_id; /* NULL when the token names none */
};

/* Checks the bearer for what the command needs. AUTH_ANYONE needs nothing. */
bool auth_caller_check(struct arena *a, struct str bearer, enum auth_access access, struct str secret, int64_t now_s,
		       struct auth_caller *ret_caller, struct auth_problem *ret_problem);

/* The user's JSON from a row with the columns of sql.h. NULL at the arena's limit. */
char *auth_user_json(struct arena *a, const PGresult *rows, int row);

struct auth_session {
	const char *issuer;
	struct str secret;
	int64_t now_s, lifetime_s;
	const char *session_id, *refresh_token;
	const char *aal; /* "aal1" */
	const char *amr; /* JSON list */
};

/* The session's JSON with a fresh access token for the user of that row. NULL at the arena's limit. */
char *auth_session_json(struct arena *a, const PGresult *rows, int row, const struct auth_session *session);

void auth_make_uuid(char ret_uuid[AUTH_UUID_SIZE]); /* version 4 */

#define AUTH_REFRESH_TOKEN_SIZE 23
void auth_make_refresh_token(char ret_token[AUTH_REFRESH_TOKEN_SIZE]); /* 128 random bits */

#endif
