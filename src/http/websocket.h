/* SPDX-License-Identifier: Apache-2.0
 *
 * WebSockets (RFC 6455) on the server: a request of http/server.h that asks for one becomes a connection of its own on
 * the same loop. Frames are read and written by wslay; libmicrohttpd is done with the connection once it was upgraded.
 *
 *     http_socket_accept ─▶ on_open ─▶ on_message … ─▶ on_closed
 *              └── the client left before the answer ──▶ on_closed
 *
 * Exactly one on_closed for each http_socket_accept, always from the loop, never from inside http_socket_send or
 * http_socket_close; a socket is NULL there if it never opened, and gone when on_closed returns. Pings are answered
 * here.
 *
 * What is sent waits in a queue with a declared maximum and leaves at the end of the loop's round. A client that stops
 * reading is cut when its queue is full or nothing of it has moved for stall_ms: the others never wait for it. One
 * frame may wait in many queues: its bytes are there once. */
#ifndef FREEHOLD_HTTP_WEBSOCKET_H
#define FREEHOLD_HTTP_WEBSOCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "base/str.h"

struct http_request;
struct http_sockets; /* all connections of one owner, with their limits and deadlines */
struct http_socket; /* one connection */
struct http_frame; /* a message as it goes over the wire */

/* Close codes: RFC 6455, section 7.4.1. */
#define HTTP_CLOSE_NORMAL 1000
#define HTTP_CLOSE_GOING_AWAY 1001
#define HTTP_CLOSE_ABNORMAL 1006 /* never on the wire: the connection broke, or was cut */
#define HTTP_CLOSE_POLICY 1008
#define HTTP_CLOSE_TOO_BIG 1009
#define HTTP_CLOSE_RESTART 1012

struct http_socket_handler {
	void (*on_open)(void *arg, struct http_socket *socket);
	/* A whole message; the bytes are gone when it returns. Text is well-formed UTF-8. */
	void (*on_message)(void *arg, struct http_socket *socket, bool is_binary, struct str bytes);
	/* code: what the client gave, or why we ended it; reason: for the log. */
	void (*on_closed)(void *arg, struct http_socket *socket, unsigned code, const char *reason);
};

struct http_sockets_spec {
	struct http_socket_handler handler;
	size_t message_max_bytes; /* of what a client sends; 0: 1 MiB. Past it 1009 */
	size_t queue_max_bytes; /* of what waits for one client; 0: 8 MiB */
	int64_t idle_ms; /* a client from which nothing came for so long is closed; 0: 60000 */
	int64_t stall_ms; /* a client that took nothing of what waits for it for so long is cut; 0: 30000 */
	int64_t close_ms; /* a client has so long to answer a close; 0: 5000 */
};

struct http_sockets *http_sockets_new(uv_loop_t *loop, const struct http_sockets_spec *spec);

/* Cuts what is left, each with its on_closed, and is gone when the loop has closed its handles. No request may be
 * accepted any more. */
void http_sockets_stop(struct http_sockets *sockets);
size_t http_sockets_count(const struct http_sockets *sockets);

/* The request asks for a WebSocket of version 13, correctly. */
bool http_socket_is_asked(const struct http_request *req);

/* The completion of such a request, in on_request or later: answers 101. arg goes to the handler. */
void http_socket_accept(struct http_sockets *sockets, struct http_request *req, void *arg);

/* One reference is the caller's. */
struct http_frame *http_frame_new(bool is_binary, struct str bytes);
struct http_frame *http_frame_get(struct http_frame *frame); /* one reference more */
void http_frame_put(struct http_frame *frame); /* one less; NULL is allowed */

/* Queues it; the caller's reference stays the caller's. False: the socket is closing or was just cut. */
bool http_socket_send(struct http_socket *socket, struct http_frame *frame);

/* What waits is sent first; then the close frame. reason: at most 123 bytes. Done again, it is nothing. */
void http_socket_close(struct http_socket *socket, unsigned code, const char *reason);

#endif
