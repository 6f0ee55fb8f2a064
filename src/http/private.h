/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of the server share: server.c drives libmicrohttpd and owns the listening socket, request.c takes
 * requests in, head.c refuses heads that are too large, reply.c sends answers, upgrade.c lets one become a WebSocket.
 * Nobody else includes this. */
#ifndef FREEHOLD_HTTP_PRIVATE_H
#define FREEHOLD_HTTP_PRIVATE_H

#include <microhttpd.h>

#include "base/buf.h"
#include "http/server.h"

enum request_state {
	REQUEST_HEAD,
	REQUEST_BODY,
	REQUEST_DISCARD, /* refused; the rest of the body is read and dropped, then on_refused */
	REQUEST_ASKED, /* the application owes a completion */
	REQUEST_STREAMING, /* it owes http_stream_end */
	REQUEST_COMPLETED, /* it owes nothing any more */
};

struct http_stream {
	struct buf queue;
	size_t queue_sent; /* of the queue's first bytes */
	struct http_stream_spec spec;
	bool is_room_wanted;
	bool is_ended;
	bool is_whole;
};

struct http_request {
	struct http_server *server; /* NULL once the server was closed */
	struct MHD_Connection *connection; /* NULL once libmicrohttpd is done with it */
	struct http_request *next, *prev; /* among the server's, until connection is NULL */
	enum request_state state;

	struct arena *arena;
	struct str method, path, query;
	struct http_field *fields;
	size_t field_count;

	struct buf body;
	uint64_t body_max, body_seen;
	bool (*on_chunk)(void *arg, struct http_request *req, struct str bytes, struct err *err);
	void *chunk_arg;
	struct err refusal;
	bool is_head_seen;
	bool is_paused; /* no more of the body until http_body_resume */
	bool is_refused; /* by http_body_refuse */
	bool is_cut; /* answered past libmicrohttpd (head.c); nothing more is said */

	struct MHD_Response *response; /* until it is queued */
	unsigned status;
	struct http_stream stream;
	struct http_upgrade *upgrade; /* the answer makes it a WebSocket; NULL once it did */

	bool is_inside; /* in a callback of libmicrohttpd, which will look at the state when we return */
	bool is_queued;
	bool is_suspended;
	int64_t suspended_at_ms;

	bool is_gone;
	void (*on_gone)(void *arg);
	void *gone_arg;
	uv_poll_t *watch; /* of the client's leaving, while nothing else looks */
};

struct http_server {
	uv_loop_t *loop;
	struct MHD_Daemon *daemon;
	int listen_fd; /* -1 once quiesced */
	uint16_t port;
	struct http_handler handler;
	size_t body_max, arena_max;

	uv_poll_t poll; /* libmicrohttpd's epoll descriptor */
	uv_timer_t timer; /* its time-outs */
	uv_timer_t watch_timer; /* looks for requests that have waited long enough to be watched */
	uv_timer_t drain_timer;
	uv_prepare_t prepare; /* run libmicrohttpd before the loop sleeps, if it was kicked since */
	uv_check_t check; /* and after the callbacks of this round */
	bool is_kicked;

	struct http_request *requests;
	size_t active;
	size_t heads; /* of those, requests of which only the line is there */
	size_t open; /* connections */

	bool is_draining;
	int64_t drain_deadline_ms, drain_grace_ms;
	void (*on_drained)(void *arg);
	void *drained_arg;

	void (*on_closed)(void *arg);
	void *closed_arg;
	int open_handles;
};

/* server.c */
void http_server_kick(struct http_server *s);
void http_server_watch_later(struct http_server *s);

/* request.c: what libmicrohttpd calls. */
void *http_request_on_line(void *server, const char *target, struct MHD_Connection *connection);
enum MHD_Result http_request_on_access(void *server, struct MHD_Connection *connection, const char *url,
				       const char *method, const char *version, const char *bytes, size_t *size,
				       void **request);
void http_request_on_done(void *server, struct MHD_Connection *connection, void **request,
			  enum MHD_RequestTerminationCode how);
void http_request_forget_head(struct http_server *s, struct MHD_Connection *connection); /* it is closed */

void http_request_suspend(struct http_request *req);
void http_request_resume(struct http_request *req);
void http_request_watch(struct http_request *req);
void http_request_unwatch(struct http_request *req);
void http_request_tell_gone(struct http_request *req);

/* The application has completed it: freed as soon as libmicrohttpd is done too. */
void http_request_complete(struct http_request *req);

/* reply.c: the response is queued when libmicrohttpd looks next. */
void http_request_answer(struct http_request *req, unsigned status, struct MHD_Response *response);

/* head.c: what is too large is answered at once, and is_cut set. len: of the address as it came. */
void http_head_check_line(struct http_request *req, size_t len);
void http_head_check(struct http_request *req);

#endif
