/* SPDX-License-Identifier: Apache-2.0
 *
 * The life of a call. auth_handle finds its route, reads its body, loads who asks, and calls the route's function; from
 * there a flow goes on in steps:
 *
 *     step_* puts work under way ─▶ on_* takes what came of it ─▶ … ─▶ exactly one end
 *
 *     work:  call_run (the statements in call->sql: one pipeline, one transaction), call_hash, call_compare
 *     ends:  call_reply, call_redirect, call_fail, call_problem, call_fail_inside
 *
 * A flow is one file: its steps, the reading of its body, its statements. To add one: write flow_NAME.c, declare its
 * first step in flows.h, add its row to the table of route.c. What several flows need is in session.h (who is signed in
 * gets tokens), user.h (the row of a user), once.h (tokens of mails).
 *
 * Everything a step makes lives in the request's arena, the rows of a statement too: they are there until the end. */
#ifndef FREEHOLD_AUTH_CALL_H
#define FREEHOLD_AUTH_CALL_H

#include <jansson.h>
#include <libpq-fe.h>
#include <netinet/in.h>

#include "auth/auth.h"
#include "auth/caller.h"
#include "auth/limit.h"
#include "auth/password.h"
#include "auth/problem.h"
#include "auth/route.h"
#include "auth/settings.h"
#include "auth/sql.h"
#include "auth/sweep.h"
#include "auth/user.h"
#include "base/err.h"
#include "pg/pool.h"

struct account;
struct factor;
struct oidc_cache;
struct session;

struct auth {
	uv_loop_t *loop;
	struct pg_pool *pool;
	struct auth_settings *settings;
	const struct keyring *keys;
	struct tokens *tokens;
	struct auth_passwords *passwords;
	struct auth_limit *limit;
	struct sweep *sweep;
	struct http_multi *http;
	struct oidc_cache *oidc;
	struct keyring *issuer_keys; /* of issuer.h; NULL until they are needed */
	size_t calls, fetches; /* under way */
};

/* The session that the caller's token names. */
struct call_session {
	const char *id; /* NULL: it names none */
	bool is_aal2;
	bool is_recovery; /* begun by a link or code of a mail */
	int64_t age_ms;
};

struct auth_call {
	struct auth *auth;
	const struct auth_settings *settings; /* as they were when the call began */
	struct auth_request request;
	struct arena *arena; /* the request's */
	const struct auth_route *route;
	const char *ids[AUTH_ROUTE_IDS_MAX]; /* the UUIDs of the path */
	json_t *body; /* an object where the route has one, else NULL */
	struct auth_caller caller;
	struct auth_user user; /* routes of AUTH_USER: who asks. Else whoever the flow loaded, or .id NULL */
	struct call_session session; /* routes of AUTH_USER */
	const char *user_agent; /* for the session's row */
	const char *address; /* of the client; NULL when it is none */
	void *flow; /* the flow's own, from call_flow */
	auth_reply_fn done;
	void *arg;

	struct pg_batch sql; /* what call_run sends */
	bool (*on_refused)(struct auth_call *call, const struct pg_error *why); /* see call_run */
	/* Set: a failure is a redirect there, with upstream's parameters in the fragment, and in the query too. */
	const char *error_redirect;
	bool is_error_in_query;
	/* Set: gets failures and sessions instead, once, to say them in another form. */
	void (*on_problem)(struct auth_call *call, const struct auth_problem *problem);
	void (*on_session)(struct auth_call *call, const struct session *session);
	/* Set: runs once before an answer that is no failure, which call_go_on then gives. */
	void (*before_answer)(struct auth_call *call);

	/* The modules' own. */
	void *begun, *posting, *new_user, *otp, *loading, *oidc, *provider, *captcha, *breach, *strength, *issuer,
	    *moved, *readying;
	struct account *account;
	const struct factor *factor;
	struct pg_call pg;
	void (*on_rows)(struct auth_call *call, const PGresult *rows);
	void (*on_hash)(struct auth_call *call, const char *hash);
	void (*on_compared)(struct auth_call *call, bool is_right);
	const char *failure;
	const struct auth_reply *waiting; /* for call_go_on */
	struct notice *notices; /* post.c's */
	int64_t hold_until_ms;
};

/* Ends what before_answer began. */
void call_go_on(struct auth_call *call);

/* The call's own struct, zeroed. NULL at the arena's limit: the call is answered then. */
void *call_flow(struct auth_call *call, size_t size_bytes) __attribute__((warn_unused_result));

/* Empties call->sql. */
struct pg_batch *call_sql(struct auth_call *call);

/* Sends call->sql; on_rows gets the rows of the last statement. A statement that PostgreSQL refuses undoes all of them
 * and answers `failure` (GoTrue's sentence), unless call->on_refused, which is asked once and forgotten, answered. */
void call_run(struct auth_call *call, const char *failure, void (*on_rows)(struct auth_call *, const PGresult *));

/* The rows of the statement before, by its number within the pipeline; for on_rows. */
const PGresult *call_rows(const struct auth_call *call, int statement);

/* Off the loop. Without a hash call_compare takes as long and says no. */
void call_hash(struct auth_call *call, const char *password, void (*on_hash)(struct auth_call *, const char *hash));
void call_compare(struct auth_call *call, const char *password, const char *hash,
		  void (*on_compared)(struct auth_call *, bool is_right));

/* Whether the caller may do this now; false: answered. The first of them count by address, and this machine's own may
 * do twenty times as much: an app's own server signs all its visitors in from one. */
enum call_limit {
	LIMIT_SIGN_IN, /* sign-ups */
	LIMIT_PASSWORD, /* and ID tokens */
	LIMIT_ANONYMOUS,
	LIMIT_REFRESH, /* and codes of PKCE, which come with each sign-in by a link */
	LIMIT_OTP,
	LIMIT_RECOVER,
	LIMIT_RESEND,
	LIMIT_USER,
	LIMIT_VERIFY,
	LIMIT_CHALLENGE, /* by user */
	LIMIT_FACTOR, /* by user */
	LIMIT_EMAIL, /* all mails together: post.h; and messages: phone.h */
	LIMIT_SMS,
	LIMIT_GUESS, /* codes of one person: verify.c */
	LIMIT_CONFIRMATION, /* mails to one address, of one kind: post_turn */
	LIMIT_RECOVERY,
};
bool call_limit(struct auth_call *call, enum call_limit what);

/* The ends. A body of NULL (the arena was full) becomes a 413. */
void call_reply(struct auth_call *call, int status, const char *body);
void call_reply_with(struct auth_call *call, struct auth_reply *reply, const char *body);
void call_reply_typed(struct auth_call *call, struct auth_reply *reply, const char *type, const char *body);
void call_redirect(struct auth_call *call, const char *url); /* 303 */
void call_fail(struct auth_call *call, int status, const char *code, const char *words);
void call_full(struct auth_call *call);
void call_problem(struct auth_call *call, const struct auth_problem *problem, const char *cause);
/* Our failure or PostgreSQL's: the client gets a sentence, the log the cause. */
void call_fail_inside(struct auth_call *call, const char *words, const struct err *cause);

void auth_reply_add(struct auth_reply *reply, const char *name, const char *value);

/* Where the request wishes its person to be sent, if that is allowed, else the app's address (redirect.h). */
const char *call_redirect_to(struct auth_call *call);

/* The answer leaves no sooner than ms after now: so that how long it took tells nothing of who is known here. */
void call_hold(struct auth_call *call, int64_t ms);

int64_t call_now_s(const struct auth_call *call);

#endif
