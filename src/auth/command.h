/* SPDX-License-Identifier: Apache-2.0
 *
 * What a request asks for: its path, method, query and body become a command, or a problem. Pure. */
#ifndef FREEHOLD_AUTH_COMMAND_H
#define FREEHOLD_AUTH_COMMAND_H

#include <stdbool.h>
#include <stdint.h>

#include "auth/auth.h"
#include "auth/problem.h"

enum auth_command_kind {
	AUTH_HEALTH,
	AUTH_SETTINGS,
	AUTH_JWKS,
	AUTH_SIGNUP,
	AUTH_PASSWORD, /* grant_type=password */
	AUTH_REFRESH, /* grant_type=refresh_token */
	AUTH_USER_GET,
	AUTH_USER_UPDATE,
	AUTH_LOGOUT,
	AUTH_ADMIN_LIST,
	AUTH_ADMIN_CREATE,
	AUTH_ADMIN_GET,
	AUTH_ADMIN_UPDATE,
	AUTH_ADMIN_DELETE,
};

enum auth_access { AUTH_ANYONE, AUTH_USER, AUTH_ADMIN };

enum auth_scope { AUTH_SCOPE_GLOBAL, AUTH_SCOPE_LOCAL, AUTH_SCOPE_OTHERS };

#define AUTH_UUID_SIZE 37

/* Texts are in the request's arena; NULL where the request does not say. */
struct auth_command {
	enum auth_command_kind kind;
	enum auth_access access;
	const char *email; /* lower case, checked */
	const char *password; /* 6 to 72 bytes where it is to be set, anything where it is to be compared */
	const char *password_hash; /* admin: bcrypt */
	const char *user_metadata; /* a JSON object */
	const char *app_metadata; /* a JSON object */
	const char *role; /* admin */
	const char *user_id; /* admin: of the path, or wished for a new user; a UUID */
	const char *refresh_token;
	bool is_email_confirmed; /* admin */
	const char *ban_s; /* admin: digits; "0" lifts it */
	enum auth_scope scope;
	int64_t page, per_page;
};

bool auth_command_parse(const struct auth_request *request, struct auth_command *ret_command,
			struct auth_problem *ret_problem);

/* "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx" in hexadecimal. */
bool auth_is_uuid(const char *text);

#endif
