/* SPDX-License-Identifier: Apache-2.0
 *
 * Proof key for code exchange (RFC 7636): the client shows a challenge when it asks and the verifier when it comes for
 * its session, so that a code that was overheard is worth nothing. */
#ifndef FREEHOLD_AUTH_PKCE_H
#define FREEHOLD_AUTH_PKCE_H

#include <jansson.h>
#include <stdbool.h>

#include "auth/problem.h"
#include "auth/sql.h"
#include "base/arena.h"

#define PKCE_PREFIX "pkce_" /* before a token whose link leads to a code */
#define PKCE_CODE_LIFETIME "300" /* seconds */

struct pkce {
	const char *challenge; /* "" : the implicit flow, tokens in the fragment */
	const char *method; /* "s256" or "plain" */
};

static inline bool pkce_is_on(const struct pkce *p)
{
	return p->challenge[0] != '\0';
}

/* code_challenge and code_challenge_method of a body. Both or none, 43 to 128 characters of RFC 7636. */
bool pkce_read(struct arena *a, const json_t *body, struct pkce *ret_pkce, struct auth_problem *problem);

/* The same of texts. */
bool pkce_check(struct arena *a, const char *challenge, const char *method, struct pkce *ret_pkce,
		struct auth_problem *problem);

/* A row of auth.flow_state that waits for the link of the mail: its code is made here. auth_method is upstream's name
 * of how the user comes back: "recovery", "magiclink", "email/signup", "email_change", "invite". */
void pkce_sql_begin(struct pg_batch *sql, const struct pkce *p, const char *provider_type, const char *auth_method,
		    const char *user_id);

/* In constant time. */
bool pkce_verify(const char *challenge, const char *method, const char *verifier);

#endif
