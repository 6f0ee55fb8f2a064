/* SPDX-License-Identifier: Apache-2.0
 *
 * /auth/v1: what GoTrue v2 answers, by its paths, bodies, error codes and tables. This module knows no HTTP library: a
 * request is a struct, the reply another.
 *
 *     request ─▶ route (route.h) ─▶ who asks (caller.h) ─▶ the flow (call.h): reads its body, writes its statements ─▶
 * reply
 *
 *
 * Passwords are hashed and verified off the loop (password.h). As long as no mail leaves, a sign-up is confirmed at
 * once, and what cannot be done without mail answers 501 in words. */
#ifndef FREEHOLD_AUTH_AUTH_H
#define FREEHOLD_AUTH_AUTH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "auth/settings.h"
#include "base/arena.h"
#include "base/str.h"
#include "codec/keyring.h"
#include "codec/tokens.h"
#include "http/multi.h"
#include "pg/pool.h"

#define AUTH_BODY_MAX_BYTES (1u << 20)
#define AUTH_REPLY_HEADERS_MAX 6

struct auth;

struct auth_spec {
	struct auth_settings *settings; /* the auth holds them, too */
	const struct keyring *keys; /* that sign; borrowed until auth_configure gives others */
	struct tokens *tokens; /* that verify, with the same keys; borrowed as long */
	struct http_multi *http; /* to other servers; borrowed. NULL: none is asked */
	unsigned hash_queue_max; /* passwords waiting for a hash; beyond it 503. 0: 64 */
};

/* Everything is borrowed until the reply was given. What is absent is empty. */
struct auth_request {
	struct str method;
	struct str path; /* behind the prefix: "/token" */
	struct str query;
	struct str body;
	struct str bearer; /* of the Authorization header, without "Bearer"; without that header the apikey */
	bool is_bearer_apikey; /* which says whose app it is, and signs nobody in */
	struct str key_role; /* of a bearer that is one of the app's own long-lived keys; else empty */
	struct str api_version; /* X-Supabase-Api-Version */
	struct str user_agent;
	struct str address; /* of the client */
	struct str referer; /* Referer */
	struct str redirect_to; /* of the header of that name */
	struct arena *arena; /* what the reply points into lives here */
};

struct auth_header {
	const char *name;
	const char *value;
};

struct auth_reply {
	int status;
	struct auth_header headers[AUTH_REPLY_HEADERS_MAX];
	int header_count;
	struct str body;
	const char *cause; /* of a failure, for the log; NULL: nothing to say */
};

typedef void (*auth_reply_fn)(void *arg, const struct auth_reply *reply);

/* The pool is one of the role supabase_auth_admin and must outlive the auth. */
struct auth *auth_new(uv_loop_t *loop, struct pg_pool *pool, const struct auth_spec *spec);

/* New settings, for the calls that begin from now on; the auth holds them. Keys and tokens are those of every call from
 * now on, and borrowed as the first ones were. */
void auth_configure(struct auth *auth, struct auth_settings *settings, const struct keyring *keys,
		    struct tokens *tokens);

/* No request may be under way. */
void auth_free(struct auth *auth);

/* done is called exactly once, from inside or later. */
void auth_handle(struct auth *auth, const struct auth_request *request, auth_reply_fn done, void *arg);

#endif
