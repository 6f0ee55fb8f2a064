/* SPDX-License-Identifier: Apache-2.0 */
#include "http/frame.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <wslay/wslay.h>

#define HEADER_MAX_BYTES 14

static ssize_t put_frame(const uint8_t *data, size_t len, int flags, void *arg)
{
	(void)flags;
	struct http_frame *frame = arg;
	memcpy(frame->bytes + frame->len, data, len);
	frame->len += len;
	return (ssize_t)len;
}

struct http_frame *http_frame_new(bool is_binary, struct str bytes)
{
	struct http_frame *frame = malloc(sizeof *frame + bytes.len + HEADER_MAX_BYTES);
	if (frame == NULL) abort();
	frame->references = 1;
	frame->len = 0;
	const struct wslay_frame_callbacks callbacks = {.send_callback = put_frame};
	struct wslay_frame_iocb iocb = {.fin = 1,
					.opcode = is_binary ? WSLAY_BINARY_FRAME : WSLAY_TEXT_FRAME,
					.payload_length = bytes.len,
					.data = (const uint8_t *)bytes.ptr,
					.data_length = bytes.len};
	wslay_frame_context_ptr context;
	if (wslay_frame_context_init(&context, &callbacks, frame) != 0) abort();
	ssize_t sent = wslay_frame_send(context, &iocb);
	assert(sent == (ssize_t)bytes.len);
	(void)sent;
	wslay_frame_context_free(context);
	return frame;
}

struct http_frame *frame_append(struct http_frame *frame, const uint8_t *bytes, size_t len)
{
	size_t had = frame != NULL ? frame->len : 0;
	struct http_frame *longer = realloc(frame, sizeof *longer + had + len);
	if (longer == NULL) abort();
	longer->references = 1;
	memcpy(longer->bytes + had, bytes, len);
	longer->len = had + len;
	return longer;
}

struct http_frame *http_frame_get(struct http_frame *frame)
{
	frame->references++;
	return frame;
}

void http_frame_put(struct http_frame *frame)
{
	if (frame != NULL && --frame->references == 0) free(frame);
}

struct http_frame *frame_queue_at(const struct frame_queue *q, size_t i)
{
	return q->ring[(q->from + i) % q->size];
}

static void grow(struct frame_queue *q)
{
	size_t size = q->size == 0 ? 8 : q->size * 2;
	struct http_frame **ring = malloc(size * sizeof *ring);
	if (ring == NULL) abort();
	for (size_t i = 0; i < q->count; i++) ring[i] = frame_queue_at(q, i);
	free(q->ring);
	q->ring = ring;
	q->size = size;
	q->from = 0;
}

void frame_queue_add(struct frame_queue *q, struct http_frame *frame)
{
	if (q->count == q->size) grow(q);
	q->ring[(q->from + q->count++) % q->size] = frame;
	q->bytes += frame->len;
}

static void drop_first(struct frame_queue *q)
{
	http_frame_put(frame_queue_at(q, 0));
	q->from = (q->from + 1) % q->size;
	q->count--;
}

void frame_queue_take(struct frame_queue *q, size_t bytes)
{
	q->bytes -= bytes;
	bytes += q->sent_bytes;
	while (q->count > 0 && bytes >= frame_queue_at(q, 0)->len) {
		bytes -= frame_queue_at(q, 0)->len;
		drop_first(q);
	}
	q->sent_bytes = bytes;
	if (q->count > 0) return;
	free(q->ring); /* most of the time nothing waits for most clients */
	q->ring = NULL;
	q->size = q->from = 0;
}

void frame_queue_done(struct frame_queue *q)
{
	while (q->count > 0) drop_first(q);
	free(q->ring);
	*q = (struct frame_queue){0};
}
