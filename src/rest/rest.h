/* SPDX-License-Identifier: Apache-2.0
 *
 * /rest/v1: what PostgREST v14 answers, from its documentation and its behaviour. This module knows no HTTP library: a
 * request is a struct, the reply another.
 *
 *     bytes ─▶ target (target.h) ─▶ plan against the catalogue (plan.h) ─▶ SQL + parameters (sql.h) ─▶ one pipelined
 *     round trip (pg/pool.h) ─▶ reply (reply.h)
 *
 * PostgreSQL decides every permission: role and claims are set by the first statement of the pipeline, the request's
 * own is the second, and nothing outlives the transaction. */
#ifndef FREEHOLD_REST_REST_H
#define FREEHOLD_REST_REST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "pg/pool.h"

#define REST_URL_MAX_BYTES 65536 /* path and query together; beyond it 414 */
#define REST_BODY_MAX_BYTES (32u << 20) /* beyond it 413 */
#define REST_NESTING_MAX 16 /* depth of embeds and of and()/or() */
#define REST_HEADER_MAX 100

enum rest_tx_end {
	REST_TX_COMMIT, /* Prefer: tx=… is ignored */
	REST_TX_COMMIT_ALLOW_OVERRIDE,
	REST_TX_ROLLBACK,
	REST_TX_ROLLBACK_ALLOW_OVERRIDE,
};

enum rest_openapi_mode { REST_OPENAPI_FOLLOW, REST_OPENAPI_IGNORE, REST_OPENAPI_DISABLED };

/* Named after PostgREST's settings. */
struct rest_settings {
	const char *const *schemas; /* db-schemas; the first is the default */
	int schema_count;
	const char *const *extra_search_path; /* db-extra-search-path */
	int extra_search_path_count;
	const char *pre_request; /* db-pre-request, "schema.function"; NULL: none */
	int64_t max_rows; /* db-max-rows; 0: no limit */
	bool aggregates_enabled; /* db-aggregates-enabled */
	enum rest_tx_end tx_end; /* db-tx-end */
	const char *const *app_settings; /* app.settings.*: name, value, name, value … */
	int app_setting_count; /* pairs */
	const char *const *hoisted; /* db-hoisted-tx-settings; NULL: PostgREST's three */
	int hoisted_count;
	bool plan_enabled; /* db-plan-enabled */
	const char *root_spec; /* db-root-spec, a function; NULL: none */
	enum rest_openapi_mode openapi_mode;
	bool openapi_security; /* openapi-security-active */
	const char *openapi_address; /* openapi-server-proxy-uri; NULL: server_host and server_port */
	const char *server_host;
	int server_port;
	bool server_timing; /* server-timing-enabled */
	bool is_unprepared; /* db-prepared-statements=false: for a pooler that gives each transaction another session */
	const char *channel; /* db-channel; NULL: pgrst. Read by rest_new only */
	bool logs_queries; /* log-query: each statement, at the level of the request's answer */
};

struct rest_header {
	struct str name; /* any case in requests; as HTTP writes it in replies */
	struct str value;
};

/* Where the body of a large answer goes, piece by piece; arg is rest_handle's. */
struct rest_sink {
	bool (*write)(void *arg, struct str bytes); /* false: nothing was taken; again after rest_resume */
	void (*end)(void *arg, bool is_whole); /* once; the call is gone. Not whole: the client must see that */
};

/* Everything is borrowed until the reply was given, and a streamed one ended. */
struct rest_request {
	struct str method; /* "GET" … */
	struct str path; /* behind the prefix, as sent: "/todos", "/rpc/add_them" */
	struct str full_path; /* as the client sent it, for request.path; empty: path */
	struct str query; /* behind the '?', as sent */
	const struct rest_header *headers;
	int header_count;
	struct str body;
	struct str role; /* the database role: of the token, or the anonymous one */
	bool is_authenticated; /* by a token: what is forbidden answers 403 then, else 401 */
	struct str claims; /* of the token as a JSON object, role included */
	int64_t auth_us; /* what checking the token took, for Server-Timing */
	const struct rest_sink *sink; /* NULL: every answer is held as a whole, however large */
	struct arena *arena; /* what the reply points into lives here; the caller frees it after sending */
};

struct rest_reply {
	int status;
	const char *reason; /* a phrase of the app's own (RAISE … PTxyz), or NULL */
	const struct rest_header *headers; /* Content-Type and the like; never Content-Length, Date, Connection */
	int header_count;
	bool is_streamed; /* the body follows by the sink */
	struct str body; /* to be left out for HEAD by the caller; lives in the request's arena */
};

typedef void (*rest_reply_fn)(void *arg, const struct rest_reply *reply);

struct rest;
struct rest_call;

/* Starts loading the catalogue; requests that come before it is there wait for it (up to the pool's deadline). The
 * pool and the settings must outlive the rest. `listen_conninfo`: a connection of its own for NOTIFY; NULL: none. */
struct rest *rest_new(uv_loop_t *loop, struct pg_pool *pool, const struct rest_settings *settings,
		      const char *listen_conninfo);

/* No request may be under way. */
void rest_free(struct rest *rest);

/* done is called exactly once, from inside or later. The call may be given to rest_cancel until then; where the reply
 * is streamed, until the sink's end. NULL when done was called already. */
struct rest_call *rest_handle(struct rest *rest, const struct rest_request *request, rest_reply_fn done, void *arg);

/* The client has left: its query is cancelled. done or the sink's end is still called, possibly from inside. */
void rest_cancel(struct rest_call *call);

/* The sink has room again. */
void rest_resume(struct rest_call *call);

void rest_reload(struct rest *rest); /* the catalogue, as NOTIFY pgrst does */
bool rest_is_ready(const struct rest *rest); /* there is a catalogue, and it is not being loaded for the first time */

/* Other settings, from the next catalogue on, which is loaded now: the two change together. release (may be NULL) is
 * called when no request uses them any more. */
void rest_configure(struct rest *rest, const struct rest_settings *settings, void (*release)(void *arg), void *arg);

/* NOTIFY calls this instead of loading the catalogue: who reads settings from the database does that first, and then
 * calls rest_configure or rest_reload. */
void rest_on_notify(struct rest *rest, void (*on_notify)(void *arg), void *arg);

/* Called once, when the first catalogue is there. */
void rest_on_ready(struct rest *rest, void (*on_ready)(void *arg), void *arg);

/* What has happened so far; for the owner's metrics. */
struct rest_stats {
	uint64_t pool_timeouts; /* requests that had to wait for a connection too long */
	uint64_t catalogue_loads, catalogue_failures;
	double catalogue_load_s; /* what the last one took */
	bool is_loading;
};
void rest_stats(const struct rest *rest, struct rest_stats *ret_stats);

/* The catalogue as JSON, for people who look for what is wrong; nothing without one. Its form may change. */
void rest_write_catalogue(const struct rest *rest, struct buf *ret_json);

#endif
