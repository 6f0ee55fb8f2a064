/* SPDX-License-Identifier: Apache-2.0
 *
 * What http/upgrade.c (the request that becomes a WebSocket) and http/websocket.c (the WebSocket) say to each other.
 * Nobody else includes this. */
#ifndef FREEHOLD_HTTP_UPGRADE_H
#define FREEHOLD_HTTP_UPGRADE_H

#include "http/websocket.h"

struct http_upgrade {
	struct http_sockets *sockets;
	void *arg;
};

/* The descriptor becomes the socket's; early is copied. */
void http_socket_open(struct http_sockets *sockets, int fd, struct str early, void *arg);

/* It will never be one. */
void http_socket_never(struct http_sockets *sockets, void *arg);

/* The request of http_socket_accept ended without an upgrade. */
void http_upgrade_fail(struct http_upgrade *upgrade);

#endif
