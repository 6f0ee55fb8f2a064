/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "http/private.h"
#include "http/upgrade.h"

/* Of a body that was refused, so much is still read, so that a client that writes first and reads later sees the
 * answer. Beyond it the connection is cut. */
#define DISCARD_MAX_BYTES (16u << 20)
/* The same where it was refused while it was held up. Behind a proxy that passes bodies on as they come there is no
 * other way: one that cannot write any more does not look for an answer. */
#define DISCARD_HELD_MAX_BYTES (128u << 20)

static struct http_request *request_new(struct http_server *s, struct MHD_Connection *connection)
{
	struct http_request *req = calloc(1, sizeof *req);
	if (req == NULL) abort();
	req->server = s;
	req->connection = connection;
	req->arena = arena_new(s->arena_max);
	req->body_max = s->body_max;
	req->next = s->requests;
	if (s->requests != NULL) s->requests->prev = req;
	s->requests = req;
	s->active++;
	s->heads++;
	return req;
}

static void request_unlink(struct http_request *req)
{
	struct http_server *s = req->server;
	if (req->prev != NULL)
		req->prev->next = req->next;
	else
		s->requests = req->next;
	if (req->next != NULL) req->next->prev = req->prev;
	req->next = req->prev = NULL;
	s->active--;
	if (!req->is_head_seen) s->heads--;
}

static void request_free(struct http_request *req)
{
	if (req->response != NULL) MHD_destroy_response(req->response);
	buf_done(&req->body);
	buf_done(&req->stream.queue);
	arena_free(req->arena);
	free(req);
}

static bool is_owed(const struct http_request *req)
{
	return req->state == REQUEST_ASKED || req->state == REQUEST_STREAMING;
}

void http_request_complete(struct http_request *req)
{
	req->state = REQUEST_COMPLETED;
	req->on_gone = NULL;
	if (req->connection == NULL) request_free(req);
}

void http_request_tell_gone(struct http_request *req)
{
	if (req->is_gone) return;
	req->is_gone = true;
	void (*tell)(void *arg) = is_owed(req) ? req->on_gone : NULL;
	req->on_gone = NULL;
	if (tell != NULL) tell(req->gone_arg);
}

/* libmicrohttpd does not look at a suspended connection, so that we must: a client that leaves shows as EPOLLRDHUP. */
static void on_watch(uv_poll_t *watch, int status, int events)
{
	(void)status;
	(void)events;
	struct http_request *req = watch->data;
	http_request_unwatch(req);
	bool is_streaming = req->state == REQUEST_STREAMING;
	if (is_streaming) http_request_resume(req);
	http_request_tell_gone(req);
}

static void free_handle(uv_handle_t *handle)
{
	free(handle);
}

void http_request_watch(struct http_request *req)
{
	if (req->watch != NULL || req->is_gone || req->connection == NULL) return;
	const union MHD_ConnectionInfo *info =
	    MHD_get_connection_info(req->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	uv_poll_t *watch = calloc(1, sizeof *watch);
	if (watch == NULL) abort();
	if (info == NULL || uv_poll_init(req->server->loop, watch, info->connect_fd) != 0) {
		free(watch);
		return;
	}
	watch->data = req;
	(void)uv_poll_start(watch, UV_DISCONNECT, on_watch);
	req->watch = watch;
}

void http_request_unwatch(struct http_request *req)
{
	if (req->watch == NULL) return;
	(void)uv_poll_stop(req->watch);
	uv_close((uv_handle_t *)req->watch, free_handle);
	req->watch = NULL;
}

void http_request_suspend(struct http_request *req)
{
	if (req->is_suspended) return;
	req->is_suspended = true;
	req->suspended_at_ms = clock_now_ms();
	MHD_suspend_connection(req->connection);
	if (req->state == REQUEST_STREAMING)
		http_request_watch(req);
	else if (!req->is_paused)
		http_server_watch_later(req->server);
}

void http_request_resume(struct http_request *req)
{
	if (!req->is_suspended || req->connection == NULL) return;
	req->is_suspended = false;
	MHD_resume_connection(req->connection);
	http_server_kick(req->server);
}

/* The request line is there, nothing else. What libmicrohttpd would take apart and decode is kept as it came. */
void *http_request_on_line(void *server, const char *target, struct MHD_Connection *connection)
{
	struct http_server *s = server;
	struct http_request *req = request_new(s, connection);
	struct str whole = arena_str(req->arena, str_from(target));
	if (whole.ptr == NULL) whole = STR("");
	if (!str_cut(whole, '?', &req->path, &req->query)) req->path = whole, req->query = STR("");
	http_head_check_line(req, strlen(target));
	return req;
}

static enum MHD_Result count_field(void *count, enum MHD_ValueKind kind, const char *key, size_t key_size,
				   const char *value, size_t value_size)
{
	(void)kind, (void)key, (void)key_size, (void)value, (void)value_size;
	++*(size_t *)count;
	return MHD_YES;
}

static enum MHD_Result copy_field(void *request, enum MHD_ValueKind kind, const char *key, size_t key_size,
				  const char *value, size_t value_size)
{
	(void)kind;
	struct http_request *req = request;
	struct str name = arena_str(req->arena, (struct str){key, key_size});
	struct str text = arena_str(req->arena, (struct str){value, value != NULL ? value_size : 0});
	if (name.ptr == NULL || text.ptr == NULL) return MHD_NO;
	req->fields[req->field_count++] = (struct http_field){name, text};
	return MHD_YES;
}

/* Copied, because the application may keep the request longer than the connection lives. */
static bool copy_head(struct http_request *req, const char *method, struct err *err)
{
	size_t count = 0;
	(void)MHD_get_connection_values_n(req->connection, MHD_HEADER_KIND, count_field, &count);
	req->method = arena_str(req->arena, str_from(method));
	req->fields = arena_array(req->arena, count + 1, sizeof *req->fields);
	if (req->method.ptr != NULL && req->fields != NULL)
		(void)MHD_get_connection_values_n(req->connection, MHD_HEADER_KIND, copy_field, req);
	if (req->method.ptr == NULL) req->method = STR("GET");
	if (req->fields == NULL || req->field_count < count)
		return err_set(err, ERR_LIMIT, "the request's headers are larger than the %zu bytes set aside for it",
			       req->server->arena_max);
	return true;
}

static bool too_large(struct http_request *req)
{
	return err_set(&req->refusal, ERR_LIMIT, "the request body is larger than the %llu bytes allowed here",
		       (unsigned long long)req->body_max);
}

/* A body whose declared length is hopeless is not read at all; curl asks first when it sends Expect. */
static bool is_hopeless(const struct http_request *req)
{
	int64_t length;
	if (!str_to_int(http_header(req, STR("Content-Length")), &length) || length < 0) return false;
	if ((uint64_t)length <= req->body_max) return false;
	return (uint64_t)length > req->body_max + DISCARD_MAX_BYTES || http_header(req, STR("Expect")).ptr != NULL;
}

static void ask_refused(struct http_request *req)
{
	const struct http_handler *handler = &req->server->handler;
	req->state = REQUEST_ASKED;
	if (handler->on_refused != NULL)
		handler->on_refused(handler->arg, req, &req->refusal);
	else
		http_reply_error(req, &req->refusal);
}

/* Refused while it waited at its head. What is short is read and dropped, as elsewhere. */
static void refuse_at_head(struct http_request *req)
{
	int64_t length;
	bool is_short = str_to_int(http_header(req, STR("Content-Length")), &length) && length >= 0 &&
			length <= (int64_t)DISCARD_HELD_MAX_BYTES && http_header(req, STR("Expect")).ptr == NULL;
	if (!is_short) {
		ask_refused(req);
		return;
	}
	req->state = REQUEST_DISCARD;
	req->body_max = DISCARD_HELD_MAX_BYTES;
}

static void begin_body(struct http_request *req)
{
	req->state = REQUEST_BODY;
	buf_init(&req->body, req->on_chunk == NULL ? (size_t)req->body_max : 0);
	if (is_hopeless(req)) {
		(void)too_large(req);
		ask_refused(req);
	}
}

static void begin_or_refuse(struct http_request *req)
{
	if (req->is_refused)
		refuse_at_head(req);
	else
		begin_body(req);
}

static void step_head(struct http_request *req, const char *method)
{
	const struct http_handler *handler = &req->server->handler;
	req->is_head_seen = true;
	req->server->heads--;
	bool is_copied = copy_head(req, method, &req->refusal);
	http_head_check(req);
	if (req->is_cut) return;
	if (!is_copied) {
		ask_refused(req);
		return;
	}
	if (handler->on_head != NULL) handler->on_head(handler->arg, req);
	if (req->state != REQUEST_HEAD || req->is_paused) return;
	begin_or_refuse(req);
}

/* What still comes is read, within limits, so that the answer is heard. */
static void discard(struct http_request *req)
{
	req->state = REQUEST_DISCARD;
	if (req->body_max > req->body_seen + DISCARD_HELD_MAX_BYTES)
		req->body_max = req->body_seen + DISCARD_HELD_MAX_BYTES;
}

/* False: the client goes on sending what was refused; cut. */
static bool step_body(struct http_request *req, struct str bytes)
{
	req->body_seen += bytes.len;
	if (req->is_refused && req->state == REQUEST_BODY) discard(req);
	if (req->state == REQUEST_BODY && req->body_seen > req->body_max) {
		(void)too_large(req);
		req->state = REQUEST_DISCARD;
		buf_done(&req->body);
	}
	if (req->state == REQUEST_DISCARD) return req->body_seen <= req->body_max + DISCARD_MAX_BYTES;
	if (req->on_chunk == NULL)
		buf_str(&req->body, bytes);
	else if (!req->on_chunk(req->chunk_arg, req, bytes, &req->refusal))
		discard(req);
	return true;
}

static void step_end_of_body(struct http_request *req)
{
	const struct http_handler *handler = &req->server->handler;
	if (req->state == REQUEST_DISCARD || req->is_refused) {
		ask_refused(req);
		return;
	}
	req->state = REQUEST_ASKED;
	handler->on_request(handler->arg, req);
}

/* Leaves a callback of libmicrohttpd: with an answer, or waiting for one. */
static enum MHD_Result leave(struct http_request *req)
{
	if (req->response != NULL) {
		struct MHD_Response *response = req->response;
		req->response = NULL;
		req->is_queued = true;
		enum MHD_Result result = MHD_queue_response(req->connection, req->status, response);
		MHD_destroy_response(response);
		return result;
	}
	if (req->state == REQUEST_ASKED || req->is_paused) http_request_suspend(req);
	return MHD_YES;
}

enum MHD_Result http_request_on_access(void *server, struct MHD_Connection *connection, const char *url,
				       const char *method, const char *version, const char *bytes, size_t *size,
				       void **request)
{
	(void)server, (void)connection, (void)url, (void)version;
	struct http_request *req = *request;
	bool is_kept = true;
	assert(req != NULL && !req->is_queued);
	/* It may hand on what it has read already, although it was suspended: left with it. */
	if (req->is_paused) return MHD_YES;
	req->is_inside = true;
	if (req->state == REQUEST_HEAD && req->is_head_seen) {
		begin_or_refuse(
		    req); /* asked again since it was suspended there: an answer may still come before the body */
	} else if (req->state == REQUEST_HEAD) {
		step_head(req, method);
	} else if (*size > 0) {
		is_kept = step_body(req, (struct str){bytes, *size});
		*size = 0;
	} else if (req->state == REQUEST_BODY || req->state == REQUEST_DISCARD) {
		step_end_of_body(req);
	}
	req->is_inside = false;
	return is_kept && !req->is_cut ? leave(req) : MHD_NO;
}

void http_request_on_done(void *server, struct MHD_Connection *connection, void **request,
			  enum MHD_RequestTerminationCode how)
{
	(void)server, (void)connection, (void)how;
	struct http_request *req = *request;
	if (req == NULL) return;
	*request = NULL;
	http_request_unwatch(req);
	request_unlink(req);
	req->connection = NULL;
	req->is_suspended = false;
	if (req->upgrade != NULL) http_upgrade_fail(req->upgrade);
	if (req->is_paused) return; /* stays until it is resumed */
	if (!is_owed(req)) {
		request_free(req);
		return;
	}
	http_request_tell_gone(req);
}

/* libmicrohttpd says nothing of a request whose head it gave up on. */
void http_request_forget_head(struct http_server *s, struct MHD_Connection *connection)
{
	struct http_request *req = s->heads > 0 ? s->requests : NULL;
	while (req != NULL && (req->is_head_seen || req->connection != connection)) req = req->next;
	if (req == NULL) return;
	request_unlink(req);
	request_free(req);
}

struct str http_method(const struct http_request *req)
{
	return req->method;
}

struct str http_path(const struct http_request *req)
{
	return req->path;
}

struct str http_query(const struct http_request *req)
{
	return req->query;
}

struct str http_body(const struct http_request *req)
{
	return buf_view(&req->body);
}

void *http_stream_arg(const struct http_request *req)
{
	return req->chunk_arg;
}

struct arena *http_arena(struct http_request *req)
{
	return req->arena;
}

struct str http_header(const struct http_request *req, struct str name)
{
	for (size_t i = 0; i < req->field_count; i++)
		if (str_eq_nocase(req->fields[i].name, name)) return req->fields[i].value;
	return (struct str){NULL, 0};
}

size_t http_header_count(const struct http_request *req)
{
	return req->field_count;
}

const struct http_field *http_headers(const struct http_request *req)
{
	return req->fields;
}

bool http_peer_address(const struct http_request *req, char *ret_text, size_t size)
{
	if (req->connection == NULL) return false;
	const union MHD_ConnectionInfo *info =
	    MHD_get_connection_info(req->connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
	if (info == NULL || info->client_addr == NULL) return false;
	const struct sockaddr *address = info->client_addr;
	const void *bytes = address->sa_family == AF_INET
				? (const void *)&((const struct sockaddr_in *)(const void *)address)->sin_addr
				: (const void *)&((const struct sockaddr_in6 *)(const void *)address)->sin6_addr;
	if (address->sa_family != AF_INET && address->sa_family != AF_INET6) return false;
	return inet_ntop(address->sa_family, bytes, ret_text, (socklen_t)size) != NULL;
}

void http_body_limit(struct http_request *req, size_t max_bytes)
{
	assert(req->state == REQUEST_HEAD);
	req->body_max = max_bytes;
}

void http_body_stream(struct http_request *req, uint64_t max_bytes,
		      bool (*on_chunk)(void *arg, struct http_request *req, struct str bytes, struct err *err),
		      void *arg)
{
	assert(req->state == REQUEST_HEAD && on_chunk != NULL);
	req->body_max = max_bytes;
	req->on_chunk = on_chunk;
	req->chunk_arg = arg;
}

void http_body_pause(struct http_request *req)
{
	assert((req->state == REQUEST_HEAD || req->state == REQUEST_BODY) && req->on_chunk != NULL);
	req->is_paused = true;
}

void http_body_resume(struct http_request *req)
{
	if (!req->is_paused) return;
	req->is_paused = false;
	if (req->connection == NULL)
		request_free(req);
	else if (!req->is_inside)
		http_request_resume(req);
}

void http_body_refuse(struct http_request *req, const struct err *why)
{
	assert(req->is_paused);
	req->refusal = *why;
	req->is_refused = true;
	http_body_resume(req);
}

void http_on_gone(struct http_request *req, void (*on_gone)(void *arg), void *arg)
{
	req->on_gone = on_gone;
	req->gone_arg = arg;
}

bool http_is_gone(const struct http_request *req)
{
	return req->is_gone;
}
