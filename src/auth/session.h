/* SPDX-License-Identifier: Apache-2.0
 *
 * Somebody is who they say: a session is begun and its tokens are made.
 *
 *     auth_sql_…(call_sql(call), …);                   the flow's own writes, the same transaction
 *     session_begin(call, &(struct session_start){.user_id = …, .method = "password"}, "Database error …", on_begun);
 *     on_begun(call, session) { session_reply(call, session); }
 */
#ifndef FREEHOLD_AUTH_SESSION_H
#define FREEHOLD_AUTH_SESSION_H

#include "auth/call.h"

struct session_start {
	const char *user_id;
	const char *method; /* of the amr claim: password, otp, magiclink, oauth, anonymous … */
	const char *extra; /* JSON members that session_reply adds, "\"provider_token\":…"; NULL: none */
};

/* What a client gets. In the request's arena. */
struct session {
	const char *access_token, *refresh_token;
	int64_t expires_in_s, expires_at_s;
	struct auth_user user;
	const char *extra;
};

/* Adds the session's rows to call->sql, sends it, makes the access token. done is not called when that failed: the call
 * is answered then. */
void session_begin(struct auth_call *call, const struct session_start *start, const char *failure,
		   void (*done)(struct auth_call *call, const struct session *session));

/* A session that is there already (refresh): an access token for it. amr is a JSON list. */
struct session_facts {
	const struct auth_user *user;
	const char *id, *refresh_token, *aal, *amr;
	const char *method; /* how the user came now, for the hook: "token_refresh" … */
	const char *extra;
};
void session_continue(struct auth_call *call, const struct session_facts *facts,
		      void (*done)(struct auth_call *call, const struct session *session));

/* 200 and the session as JSON. Fits as session_begin's done. */
void session_reply(struct auth_call *call, const struct session *session);

#endif
