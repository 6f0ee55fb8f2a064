/* SPDX-License-Identifier: Apache-2.0
 *
 * An HTTP/1.1 server on our own event loop: libmicrohttpd parses and writes, libuv waits on its epoll descriptor. One
 * thread; every callback runs on the loop and must not block it.
 *
 * A request goes through these states; the application sees it from on_head or on_request to its one completion:
 *
 *     head ──▶ body ──▶ asked ──▶ answered ──▶ freed
 *       │        │        │ http_reply_begin
 *       │        │        └──▶ streaming ── http_stream_end ──▶ answered
 *       │        └── too large, on_chunk refuses, http_body_refuse: on_refused
 *       └── http_reply in on_head: answered without reading the body
 *
 * on_request may answer at once or keep the request and answer later from any callback of the loop. Exactly one
 * completion is owed for each on_request: http_reply, http_reply_owned, http_reply_file, http_reply_error, or
 * http_reply_begin followed by http_stream_end. It is owed also when the client has gone or the server was closed: the
 * request stays valid until then, and what is sent goes nowhere. After the completion the request may no longer be
 * touched.
 *
 * A request that ends before on_request (the client leaves in the middle of its body) is simply freed: what it holds is
 * let go by arena_defer on its arena. */
#ifndef FREEHOLD_HTTP_SERVER_H
#define FREEHOLD_HTTP_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <uv.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

struct http_server;
struct http_request;

struct http_handler {
	/* Optional. The head is complete. Here a route asks for a streamed body or another limit, or refuses with
	 * http_reply; otherwise the body is collected up to the server's limit. */
	void (*on_head)(void *arg, struct http_request *req);

	/* The whole request is there. Owes one completion. */
	void (*on_request)(void *arg, struct http_request *req);

	/* Optional. The body was too large (ERR_LIMIT) or on_chunk refused it; on_request will not be called. Owes one
	 * completion. Without it http_reply_error answers. */
	void (*on_refused)(void *arg, struct http_request *req, const struct err *why);

	void *arg;
};

struct http_server_spec {
	/* Where to listen; the first that is set counts. */
	int fd; /* > 0: a listening socket that was handed over; the server closes it */
	const char *socket_path; /* made beside under another name, then renamed over: a predecessor loses nothing */
	mode_t socket_mode; /* of that file; 0 means 0600 */
	uint16_t tcp_port; /* on 127.0.0.1 when neither is set; 0: any, see http_server_port */

	/* Limits; 0 means what is given here. */
	size_t body_max_bytes; /* 1 MiB */
	size_t arena_max_bytes; /* 1 MiB; the collected body is not counted */
	unsigned connections_max; /* 6000 */
	unsigned idle_timeout_s; /* 75; a connection on which nothing moves and no answer is owed */
};

/* The handler is copied; its arg must outlive the server. */
bool http_server_start(uv_loop_t *loop, const struct http_server_spec *spec, const struct http_handler *handler,
		       struct http_server **ret_server, struct err *err);

/* A listening unix socket to hand over as fd, in the two steps the server makes it in: bound beside the path, and given
 * the path's name, which a predecessor may have until then. */
bool http_listen_unix(const char *path, mode_t mode, int *ret_fd, struct err *err);
bool http_name_unix(const char *path, struct err *err);

uint16_t http_server_port(const struct http_server *s); /* 0 for a unix socket */
size_t http_server_active(const struct http_server *s); /* requests that owe an answer or are being sent */

/* Stops listening, answers what was accepted, and calls on_drained once nothing runs any more or the deadline passed.
 * Then http_server_close is due. Neither may be called from inside on_head, on_request, on_refused or on_chunk. */
void http_server_drain(struct http_server *s, int64_t deadline_ms, void (*on_drained)(void *arg), void *arg);

/* Cuts what is left and frees the server; on_closed (may be NULL) comes when its handles are gone from the loop.
 * Requests that still owe a completion get their on_gone and stay valid until they are completed. */
void http_server_close(struct http_server *s, void (*on_closed)(void *arg), void *arg);

/* What was asked. All borrowed from the request. */
struct str http_method(const struct http_request *req);
struct str http_path(const struct http_request *req); /* before '?', as it came, not percent-decoded */
struct str http_query(const struct http_request *req); /* after '?', as it came; empty when there is none */
struct str http_body(const struct http_request *req); /* complete in on_request; empty for a streamed one */
struct arena *http_arena(struct http_request *req); /* freed with the request */

struct http_field {
	struct str name;
	struct str value;
};

/* The value, names compared without case; .ptr is NULL when there is no such header. With several of one name, the
 * first. */
struct str http_header(const struct http_request *req, struct str name);
size_t http_header_count(const struct http_request *req);
const struct http_field *http_headers(const struct http_request *req);

/* The address at the other end of a TCP connection, "192.0.2.7" or "2001:db8::7". False on a unix socket. */
bool http_peer_address(const struct http_request *req, char *ret_text, size_t size);

/* In on_head only. The body is collected up to max_bytes. */
void http_body_limit(struct http_request *req, size_t max_bytes);

/* In on_head only. The body goes to on_chunk as it comes, up to max_bytes, whether its length was declared or it is
 * chunked; on_request follows when it is complete. False from on_chunk refuses the request. */
void http_body_stream(struct http_request *req, uint64_t max_bytes,
		      bool (*on_chunk)(void *arg, struct http_request *req, struct str bytes, struct err *err),
		      void *arg);

/* A streamed body may be held up, in on_head or on_chunk: no on_chunk and no on_request come until http_body_resume,
 * and the client waits in its turn, so that no more than what was shown is ever held. Paused in on_head, nothing of the
 * body has been read yet. The request may end all the same: what waits for something learns so by arena_defer. */
void http_body_pause(struct http_request *req);
void http_body_resume(struct http_request *req);

/* Only while it is paused: it goes on to on_refused, at once where nothing was read and the body is large. */
void http_body_refuse(struct http_request *req, const struct err *why);

/* In on_request and on_refused: the arg of http_body_stream; NULL where the body was not streamed. */
void *http_stream_arg(const struct http_request *req);

/* Tells, at most once and not after the completion, that the client has gone or the server was closed. A request
 * answered within a quarter of a second may never hear of it. */
void http_on_gone(struct http_request *req, void (*on_gone)(void *arg), void *arg);
bool http_is_gone(const struct http_request *req);

/* A header of an answer. Content-Length, Date and Connection are written by the server. A value with a line break is
 * left out. */
struct http_reply_field {
	const char *name;
	const char *value;
};

/* Completions. Fields and body are copied; fields may be NULL when count is 0. */
void http_reply(struct http_request *req, unsigned status, const struct http_reply_field *fields, size_t count,
		struct str body);

/* The body is not copied: free_body(arg) is called when it has been sent or never will be. */
void http_reply_owned(struct http_request *req, unsigned status, const struct http_reply_field *fields, size_t count,
		      struct str body, void (*free_body)(void *arg), void *arg);

/* Sends size bytes of a file from offset on, by sendfile(2): nothing of it is held in memory. The descriptor is closed.
 * A byte that is not in the page cache is waited for. */
void http_reply_file(struct http_request *req, unsigned status, const struct http_reply_field *fields, size_t count,
		     int fd, uint64_t offset, uint64_t size);

/* {"code":"not-found","message":"…"} with the status of the code. */
void http_reply_error(struct http_request *req, const struct err *why);

/* A streamed answer. Up to queue_max_bytes wait for a slow client. */
struct http_stream_spec {
	size_t queue_max_bytes; /* 0: 256 KiB */
	bool has_size; /* all of it is size bytes: the client is told; more or less than that cuts the connection */
	uint64_t size;
	void (*on_room)(void *arg); /* optional: a write was refused before, and now half the queue is free */
	void *arg;
};
void http_reply_begin(struct http_request *req, unsigned status, const struct http_reply_field *fields, size_t count,
		      const struct http_stream_spec *spec);

/* Takes all of it or, when it does not fit, nothing: then it is false, and on_room tells when to come again. A chunk
 * larger than the whole queue never fits. When the client has gone everything is taken and dropped. */
bool http_stream_write(struct http_request *req, struct str bytes);

/* The completion of a streamed answer. is_whole false cuts the connection, so that the client does not take it for
 * complete. */
void http_stream_end(struct http_request *req, bool is_whole);

#endif
