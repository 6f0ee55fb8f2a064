/* SPDX-License-Identifier: Apache-2.0
 *
 * /realtime/v1 as realtime-js speaks it: channels over one WebSocket a client, broadcasts, presence, and the changes of
 * tables. Contract: github.com/supabase/realtime and packages/core/realtime-js of supabase-js; messages and codes are
 * theirs.
 *
 *     http/websocket ─▶ client ─▶ message ─▶ channel ─┬─▶ broadcast ─▶ hub (a topic's channels)
 *                                                     ├─▶ presence  ─▶ hub
 *                                                     ├─▶ policy: what the policies on realtime.messages allow
 *                                                     └─▶ subscribe ─▶ interest (who wants to hear of what)
 *     pg/stream ─▶ pgoutput ─▶ feed: batches ─▶ verdict: may each (role, claims) see it ─▶ payload ─▶ channels
 *
 * PostgreSQL decides every permission: policies on realtime.messages for private channels, row security and column
 * privileges for changes. A change is checked once for each distinct pair of role and claims, however many subscribe.
 *
 * Changes are read from the log over a connection that lives only while somebody is connected; its slot is temporary,
 * so that no log is ever kept for a backend that is not there. What happened while the connection was lost is not sent
 * later: clients are told so by a system message.
 *
 * Limits are upstream's where it has one for each client. Those that upstream has for all clients of a project together
 * (200 clients, 100 messages a second) are what it sells; here a client may not exceed them by itself, so that one
 * cannot silence the others. */
#ifndef FREEHOLD_REALTIME_REALTIME_H
#define FREEHOLD_REALTIME_REALTIME_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "base/arena.h"
#include "base/str.h"

#define REALTIME_CLIENTS_MAX 20000 /* "Too many connected users" beyond; descriptors may end first */
#define REALTIME_CHANNELS_MAX 100 /* of a client. TENANT_MAX_CHANNELS_PER_CLIENT */
#define REALTIME_JOINS_PER_S 100 /* of all, on the average of a minute. TENANT_MAX_JOINS_PER_SECOND */
#define REALTIME_EVENTS_PER_S 100 /* of a client, on the average of a minute. TENANT_MAX_EVENTS_PER_SECOND */
#define REALTIME_PRESENCE_CALLS 5 /* of a channel in REALTIME_PRESENCE_WINDOW_MS. CLIENT_PRESENCE_MAX_CALLS */
#define REALTIME_PRESENCE_WINDOW_MS 30000
#define REALTIME_PAYLOAD_MAX_BYTES (3000u * 1000) /* of a broadcast. max_payload_size_in_kb */
#define REALTIME_MESSAGE_MAX_BYTES 5000000 /* of anything a client sends. max_frame_size */
#define REALTIME_RECORD_MAX_BYTES (1u << 20) /* of a changed row; longer values are left out beyond. "Error 413" */
#define REALTIME_IDLE_MS 60000 /* a client that sends nothing, not even its heartbeat, is closed */

struct realtime;
struct http_request;
struct pg_pool;

/* What a token says. */
struct realtime_holder {
	struct str role, claims; /* claims: a JSON object */
	int64_t expires_s; /* since 1970; 0: never */
};

struct realtime_refusal {
	const char *code; /* "InvalidJWTToken" …, as upstream logs and answers it */
	char message[160];
};

struct realtime_spec {
	struct pg_pool *pool; /* as a role that may become anon, authenticated, service_role */
	const char *stream_conninfo; /* as a role with REPLICATION; must outlive it. NULL: changes cannot be
				      * read, and who subscribes to them is told */
	/* What it gives lives in the arena. */
	bool (*verify)(void *arg, struct arena *a, struct str token, struct realtime_holder *ret,
		       struct realtime_refusal *ret_refusal);
	void *arg;
};

struct realtime *realtime_new(uv_loop_t *loop, const struct realtime_spec *spec);

/* Completes a request for /websocket: the query names apikey and vsn, header_key is its x-api-key (.ptr NULL: none). */
void realtime_connect(struct realtime *r, struct http_request *req, struct str query, struct str header_key);

/* Messages over HTTP. done comes exactly once, maybe before these return: status 202 and an empty body, or what was
 * wrong as JSON. The body must live until then; token is whose policies decide about private topics. */
typedef void (*realtime_done_fn)(void *arg, unsigned status, const char *body);
void realtime_post(struct realtime *r, struct str token, struct str body, realtime_done_fn done, void *arg);
void realtime_post_one(struct realtime *r, struct str token, struct str topic, struct str event, bool is_private,
		       bool is_json, struct str payload, realtime_done_fn done, void *arg);

/* No more clients; those that are there are closed (1012: come again) evenly over spread_ms. on_drained comes when the
 * last has gone. */
void realtime_drain(struct realtime *r, int64_t spread_ms, void (*on_drained)(void *arg), void *arg);

/* Cuts what is left. After the pool was stopped, so that no answer is still to come. */
void realtime_stop(struct realtime *r);

struct realtime_stats {
	size_t clients, channels;
	uint64_t changes, checks; /* rows that came; questions to PostgreSQL whether somebody may see some of them */
	bool is_streaming;
};
void realtime_stats(const struct realtime *r, struct realtime_stats *ret);

#endif
