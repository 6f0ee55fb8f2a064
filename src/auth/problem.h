/* SPDX-License-Identifier: Apache-2.0
 *
 * What goes wrong in a request, in GoTrue's words. Clients branch on the code (auth-js knows them by name), people read
 * the message. Two body shapes: {"code":400,"error_code":"…","msg":"…"}, and from the API version of 2024-01-01 on
 * {"code":"…","message":"…"}. A few are said in OAuth 2's words instead, in both:
 * {"error":"…","error_description":"…"}. */
#ifndef FREEHOLD_AUTH_PROBLEM_H
#define FREEHOLD_AUTH_PROBLEM_H

#include <jansson.h>
#include <stdbool.h>

#include "base/arena.h"
#include "base/str.h"

enum { WEAK_LENGTH = 1, WEAK_CHARACTERS = 2, WEAK_PWNED = 4 };

struct auth_problem {
	int status;
	const char *code;
	char message[512];
	unsigned weak_reasons; /* of a password: they are added to the body */
	const char *oauth_error; /* set: the body is OAuth 2's */
};

/* Returns false, as err_set does. */
bool auth_problem_set(struct auth_problem *problem, int status, const char *code, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

json_t *auth_weak_reasons(unsigned reasons); /* ["length", …], the caller's */

/* A date of 2024-01-01 or later. Anything malformed counts as the first version. */
bool auth_is_version_2024(struct str api_version);

/* The body; NULL at the arena's limit. */
char *auth_problem_body(struct arena *a, const struct auth_problem *problem, bool is_version_2024);

#endif
