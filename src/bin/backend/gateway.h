/* SPDX-License-Identifier: Apache-2.0
 *
 * What the backend answers, by path:
 *
 *     /rest/v1/…   src/rest        /auth/v1/…   src/auth       /realtime/v1/…   src/realtime
 *     /storage/v1/…   src/storage
 *     /~ai/…       src/ai          /~mail/…      letter.h
 *     /health      does the database answer?
 *     /.freehold/functions/verify   is the caller's token one of this app's? The edge asks before a function
 *     everything else that Supabase serves: 501, naming what is missing
 *
 * and what Supabase's gateway does around it: preflights of browsers, the headers that let a page of any origin read
 * the answer, a line in the log for each request that failed. */
#ifndef FREEHOLD_BIN_BACKEND_GATEWAY_H
#define FREEHOLD_BIN_BACKEND_GATEWAY_H

#include "ai/ai.h"
#include "auth/auth.h"
#include "bin/backend/caller.h"
#include "http/multi.h"
#include "http/server.h"
#include "mail/sender.h"
#include "realtime/realtime.h"
#include "rest/rest.h"
#include "storage/storage.h"

struct gateway {
	uv_loop_t *loop;
	struct callers *callers;
	struct rest *rest;
	struct auth *auth;
	struct realtime *realtime;
	struct storage *storage; /* NULL: no folder for files is set */
	struct pg_pool *rest_pool, *auth_pool, *live_pool;
	struct mail_sender *mail;
	bool sends_mail;
	struct ai *ai;
	char lovable_key[128]; /* the app's own for Lovable's services; "": none */
	struct http_multi *http; /* to other servers */
	size_t active; /* requests that rest, auth, storage or a database still works on */
	void (*on_idle)(void *arg); /* optional: active became 0 */
	void *idle_arg;
};

#define GATEWAY_BODY_MAX_BYTES REST_BODY_MAX_BYTES
#define GATEWAY_ARENA_MAX_BYTES (256u << 20) /* an answer of rest lives there */

/* The handler's functions; its arg is the gateway. */
struct http_handler gateway_handler(struct gateway *gateway);

#endif
