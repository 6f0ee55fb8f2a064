/* SPDX-License-Identifier: Apache-2.0
 *
 * Messages of a WebSocket as they go over the wire (http_frame_new and its siblings are in websocket.h), and the queue
 * of those that wait for one client. For websocket.c. */
#ifndef FREEHOLD_HTTP_FRAME_H
#define FREEHOLD_HTTP_FRAME_H

#include <stddef.h>
#include <stdint.h>

#include "http/websocket.h"

struct http_frame {
	unsigned references;
	size_t len;
	char bytes[];
};

/* Bytes that are frames already, behind those of a frame with one reference, which it takes over; NULL: a new one. */
struct http_frame *frame_append(struct http_frame *frame, const uint8_t *bytes, size_t len);

/* A ring that grows; who adds minds its size. Zeroed is empty. */
struct frame_queue {
	struct http_frame **ring;
	size_t size, from, count;
	size_t bytes; /* that wait, of all of them */
	size_t sent_bytes; /* of the first */
};

struct http_frame *frame_queue_at(const struct frame_queue *q, size_t i);
void frame_queue_add(struct frame_queue *q, struct http_frame *frame); /* takes over a reference */
void frame_queue_take(struct frame_queue *q, size_t bytes); /* they were sent */
void frame_queue_done(struct frame_queue *q);

#endif
