/* SPDX-License-Identifier: Apache-2.0
 *
 * Who asks: the `apikey` and Authorization headers become a database role and claims, as Supabase's gateway and
 * PostgREST do between them.
 *
 *   - Authorization decides where it is given: a token of ours, or one of the short keys.
 *   - Else the apikey: the publishable key is anon, the secret key service_role, a token is what it says.
 *   - An apikey that is neither is refused, whatever else comes.
 *   - The app's own four keys are known as they stand: they go on working whatever key signs tokens, or was revoked.
 *   - With nothing at all the request is anon. Supabase's gateway answers 401 there; PostgREST serves it. The anon key
 *     stands in every page, so that asking for it protects nothing, and PostgreSQL decides what anon may.
 *
 * Tokens are verified by codec/tokens.h. A refusal whose code is NULL is the gateway's own. */
#ifndef FREEHOLD_BIN_BACKEND_CALLER_H
#define FREEHOLD_BIN_BACKEND_CALLER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/str.h"
#include "bin/backend/config.h"
#include "bin/backend/token.h"

struct callers;

struct caller {
	struct str role; /* "anon" where the token names none */
	struct str claims; /* a JSON object, role included */
	struct str bearer; /* for auth: the token itself, or the long form of a short key; empty: none */
};

/* The settings must outlive it. */
struct callers *callers_new(const struct backend_config *config);
void callers_free(struct callers *callers);

/* The config's keys are others now: what was verified with the old ones is forgotten. */
void callers_rekey(struct callers *callers);

/* By which bearers are verified, for auth too. Until callers_rekey. */
struct tokens *callers_tokens(const struct callers *callers);

/* Both headers as they came; .ptr NULL when absent. What the caller points to lives in the arena or the settings. */
bool callers_find(struct callers *callers, struct arena *a, struct str apikey, struct str authorization, int64_t now_s,
		  struct caller *ret_caller, struct token_refusal *ret_refusal);

/* For auth, which checks tokens itself: the bearer only, short keys in their long form, no token verified. ret_role:
 * which of the app's own keys it is, "anon" or "service_role"; empty: none. */
struct str callers_bearer(const struct callers *callers, struct str apikey, struct str authorization,
			  struct str *ret_role);

#endif
