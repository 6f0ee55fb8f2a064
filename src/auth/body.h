/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading a request's JSON: each function takes one member, checks it, and copies it into the arena. Pure.
 *
 * An absent or null member leaves the output as it is; another type than wished is refused, as upstream does; so is an
 * email address that is none. Members that nobody asks for are ignored: a body can only set what its flow takes. */
#ifndef FREEHOLD_AUTH_BODY_H
#define FREEHOLD_AUTH_BODY_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "auth/problem.h"
#include "base/arena.h"
#include "base/str.h"

#define AUTH_UUID_SIZE 37
#define AUTH_EMAIL_MAX_BYTES 255

/* NUL inside a text is refused: no name, address or password of ours holds one, and PostgreSQL could not. */
bool body_read(struct str text, json_t **ret_object, struct auth_problem *problem);

bool body_text(struct arena *a, const json_t *body, const char *key, const char **ret_text,
	       struct auth_problem *problem);
bool body_bool(const json_t *body, const char *key, bool *ret_value, struct auth_problem *problem);

/* An object, as JSON text. */
bool body_object(struct arena *a, const json_t *body, const char *key, const char **ret_text,
		 struct auth_problem *problem);

/* In lower case. An empty one counts as absent. */
bool body_email(struct arena *a, const json_t *body, const char *key, const char **ret_email,
		struct auth_problem *problem);

/* Any text in lower case: an address to look for, which need not be one. */
bool body_lower(struct arena *a, const json_t *body, const char *key, const char **ret_text,
		struct auth_problem *problem);

/* The same rule for an address from elsewhere (a provider): lower case, checked. NULL at the arena's limit. */
bool auth_email_check(struct arena *a, const char *email, const char **ret_email, struct auth_problem *problem);

/* "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx" in hexadecimal. */
bool auth_is_uuid(const char *text);

bool auth_full(struct auth_problem *problem); /* the arena's limit; returns false */
bool auth_invalid(struct auth_problem *problem, const char *words); /* 400 validation_failed; returns false */

#endif
