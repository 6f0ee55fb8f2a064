/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "codec/json.h"
#include "http/private.h"

#define QUEUE_DEFAULT_BYTES (256u << 10)
#define STREAM_BLOCK_BYTES (16u << 10)

static struct MHD_Response *must(struct MHD_Response *response)
{
	if (response == NULL) abort();
	return response;
}

static void add_fields(struct http_request *req, struct MHD_Response *response, const struct http_reply_field *fields,
		       size_t count)
{
	/* A refused field is one with a line break in it: that is how it is left out. */
	for (size_t i = 0; i < count; i++) (void)MHD_add_response_header(response, fields[i].name, fields[i].value);
	if (req->server->is_draining) (void)MHD_add_response_header(response, "Connection", "close");
}

void http_request_answer(struct http_request *req, unsigned status, struct MHD_Response *response)
{
	req->status = status;
	req->response = response;
	if (!req->is_inside) http_request_resume(req);
}

/* Answers what nobody will read any more, too: an answer in on_head is a completion like any other. */
static bool is_answerable(const struct http_request *req)
{
	assert(req->state == REQUEST_HEAD || req->state == REQUEST_ASKED);
	return req->connection != NULL;
}

void http_reply(struct http_request *req, unsigned status, const struct http_reply_field *fields, size_t count,
		struct str body)
{
	if (is_answerable(req)) {
		char *bytes = (char *)(uintptr_t)body.ptr;
		struct MHD_Response *response = must(MHD_create_response_from_buffer(
		    body.len, bytes, body.len > 0 ? MHD_RESPMEM_MUST_COPY : MHD_RESPMEM_PERSISTENT));
		add_fields(req, response, fields, count);
		http_request_answer(req, status, response);
	}
	http_request_complete(req);
}

void http_reply_owned(struct http_request *req, unsigned status, const struct http_reply_field *fields, size_t count,
		      struct str body, void (*free_body)(void *arg), void *arg)
{
	if (is_answerable(req)) {
		char *bytes = (char *)(uintptr_t)body.ptr;
		struct MHD_Response *response =
		    must(MHD_create_response_from_buffer_with_free_callback_cls(body.len, bytes, free_body, arg));
		add_fields(req, response, fields, count);
		http_request_answer(req, status, response);
	} else {
		free_body(arg);
	}
	http_request_complete(req);
}

void http_reply_file(struct http_request *req, unsigned status, const struct http_reply_field *fields, size_t count,
		     int fd, uint64_t offset, uint64_t size)
{
	if (is_answerable(req)) {
		struct MHD_Response *response = must(MHD_create_response_from_fd_at_offset64(size, fd, offset));
		add_fields(req, response, fields, count);
		http_request_answer(req, status, response);
	} else {
		(void)close(fd);
	}
	http_request_complete(req);
}

void http_reply_error(struct http_request *req, const struct err *why)
{
	json_t *o JSON_CLEANUP = json_pack("{s:s, s:s}", "code", err_code_word(why->code), "message", why->msg);
	char *text = json_text(o);
	static const struct http_reply_field fields[] = {{"Content-Type", "application/json; charset=utf-8"}};
	http_reply(req, (unsigned)err_code_http_status(why->code), fields, 1, str_from(text));
	free(text);
}

static size_t queued(const struct http_stream *stream)
{
	return stream->queue.len - stream->queue_sent;
}

/* Takes n bytes from the front. The memory moves only when most of it has been sent. */
static void queue_take(struct http_stream *stream, char *to, size_t n)
{
	memcpy(to, stream->queue.ptr + stream->queue_sent, n);
	stream->queue_sent += n;
	if (stream->queue_sent * 2 < stream->queue.len) return;
	buf_consume(&stream->queue, stream->queue_sent);
	stream->queue_sent = 0;
}

static void tell_room(struct http_stream *stream)
{
	if (!stream->is_room_wanted || queued(stream) > stream->spec.queue_max_bytes / 2) return;
	stream->is_room_wanted = false;
	if (stream->spec.on_room != NULL) stream->spec.on_room(stream->spec.arg);
}

static ssize_t on_read(void *request, uint64_t position, char *to, size_t max)
{
	(void)position;
	struct http_request *req = request;
	struct http_stream *stream = &req->stream;
	if (req->is_gone) return MHD_CONTENT_READER_END_WITH_ERROR;
	size_t n = queued(stream) < max ? queued(stream) : max;
	if (n > 0) {
		queue_take(stream, to, n);
		/* What on_room writes comes with the next block; that it may complete the request is seen then. */
		tell_room(stream);
		return (ssize_t)n;
	}
	if (stream->is_ended)
		return stream->is_whole ? MHD_CONTENT_READER_END_OF_STREAM : MHD_CONTENT_READER_END_WITH_ERROR;
	http_request_suspend(req);
	return 0;
}

void http_reply_begin(struct http_request *req, unsigned status, const struct http_reply_field *fields, size_t count,
		      const struct http_stream_spec *spec)
{
	struct http_stream *stream = &req->stream;
	bool is_answered = is_answerable(req);
	stream->spec = *spec;
	if (stream->spec.queue_max_bytes == 0) stream->spec.queue_max_bytes = QUEUE_DEFAULT_BYTES;
	buf_init(&stream->queue, stream->spec.queue_max_bytes * 2); /* what was sent stays in front of it for a while */
	req->state = REQUEST_STREAMING;
	if (!is_answered) return;
	struct MHD_Response *response = must(MHD_create_response_from_callback(
	    spec->has_size ? spec->size : MHD_SIZE_UNKNOWN, STREAM_BLOCK_BYTES, on_read, req, NULL));
	/* libmicrohttpd 0.9.75 ends a chunked answer to HEAD with a last chunk, where no body may be: not chunked then,
	 * and the connection closed. */
	if (!spec->has_size && str_eq(http_method(req), STR("HEAD")))
		(void)MHD_set_response_options(response, MHD_RF_HTTP_1_0_COMPATIBLE_STRICT, MHD_RO_END);
	add_fields(req, response, fields, count);
	http_request_answer(req, status, response);
}

bool http_stream_write(struct http_request *req, struct str bytes)
{
	struct http_stream *stream = &req->stream;
	assert(req->state == REQUEST_STREAMING);
	if (req->is_gone || req->connection == NULL) return true;
	if (bytes.len > stream->spec.queue_max_bytes || queued(stream) > stream->spec.queue_max_bytes - bytes.len) {
		stream->is_room_wanted = true;
		return false;
	}
	buf_str(&stream->queue, bytes);
	if (!req->is_inside) http_request_resume(req);
	return true;
}

void http_stream_end(struct http_request *req, bool is_whole)
{
	assert(req->state == REQUEST_STREAMING);
	req->stream.is_ended = true;
	req->stream.is_whole = is_whole;
	if (req->connection != NULL && !req->is_inside) http_request_resume(req);
	http_request_complete(req);
}
