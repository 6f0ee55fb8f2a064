/* SPDX-License-Identifier: Apache-2.0 */
#include "bin/backend/files.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "bin/backend/caller.h"

#define ACCEL_HEADER "X-Freehold-Files"

/* One request. Of a streamed one the reply may come while the body still does: it is kept until it may be sent. */
struct passage {
	struct exchange *x;
	struct storage_call *call; /* NULL once it has replied */
	bool is_streamed, is_body_over, is_paused, has_reply, is_sent;
	struct storage_reply reply;
};

static struct str header_of(const void *req, struct str name)
{
	return http_header(req, name);
}

static bool header_at(const void *req, size_t i, struct str *ret_name, struct str *ret_value)
{
	if (i >= http_header_count(req)) return false;
	*ret_name = http_headers(req)[i].name;
	*ret_value = http_headers(req)[i].value;
	return true;
}

/* The edge says which host, and port, the client wrote. */
static struct str host_of(const struct http_request *req)
{
	struct str host = http_header(req, STR("X-Forwarded-Host"));
	if (host.ptr == NULL) host = http_header(req, STR("Host"));
	return host.ptr != NULL ? host : STR("");
}

/* A session token of S3's protocol, as if it were a bearer's. */
static bool know(void *arg, struct str token, struct str *ret_role, struct str *ret_claims)
{
	struct passage *p = arg;
	struct caller caller;
	struct token_refusal ignored;
	struct str none = {NULL, 0};
	char *bearer = arena_printf(p->x->arena, "Bearer %.*s", STR_FMT(token));
	if (bearer == NULL || !callers_find(p->x->gateway->callers, p->x->arena, none, str_from(bearer),
					    clock_wall_ms() / 1000, &caller, &ignored))
		return false;
	*ret_role = caller.role;
	*ret_claims = caller.claims;
	return true;
}

/* A body that comes from elsewhere. */
static bool on_stream_piece(void *arg, struct str bytes)
{
	return http_stream_write(((struct passage *)arg)->x->req, bytes);
}

static void on_stream_end(void *arg, bool is_whole)
{
	struct passage *p = arg;
	struct gateway *gateway = p->x->gateway;
	p->reply.stream = NULL;
	http_stream_end(p->x->req, is_whole);
	exchange_release(gateway);
}

static void on_stream_room(void *arg)
{
	struct passage *p = arg;
	if (p->reply.stream != NULL) storage_stream_resume(p->reply.stream);
}

static void on_stream_gone(void *arg)
{
	struct passage *p = arg;
	if (p->reply.stream == NULL) return;
	storage_stream_cancel(p->reply.stream);
	on_stream_end(p, false);
}

static void stream_reply(struct passage *p)
{
	struct exchange *x = p->x;
	exchange_begin(
	    x, (unsigned)p->reply.status,
	    &(struct http_stream_spec){.has_size = true, .size = p->reply.size, .on_room = on_stream_room, .arg = p});
	http_on_gone(x->req, on_stream_gone, p);
	storage_stream_begin(p->reply.stream, on_stream_piece, on_stream_end, p);
}

static void send_reply(struct passage *p)
{
	struct exchange *x = p->x;
	struct gateway *gateway = x->gateway;
	const struct storage_reply *reply = &p->reply;
	p->is_sent = true;
	for (int i = 0; i < reply->header_count; i++)
		exchange_field(x, reply->headers[i].name, reply->headers[i].value);
	if (reply->stream != NULL) {
		stream_reply(p);
		return;
	}
	if (reply->has_size && reply->fd <= 0) {
		exchange_begin(x, (unsigned)reply->status,
			       &(struct http_stream_spec){.has_size = true, .size = reply->size});
		http_stream_end(x->req, true);
	} else if (reply->fd > 0)
		exchange_end_file(x, (unsigned)reply->status, reply->fd, reply->offset, reply->size);
	else
		exchange_end(x, (unsigned)reply->status, reply->body, reply->cause);
	exchange_release(gateway);
}

static void on_reply(void *arg, const struct storage_reply *reply)
{
	struct passage *p = arg;
	struct err why;
	p->call = NULL;
	p->has_reply = true;
	p->reply = *reply;
	if (!p->is_streamed || p->is_body_over) {
		send_reply(p);
		return;
	}
	if (!p->is_paused) return; /* with the next of the body */
	p->is_paused = false;
	(void)err_set(&why, ERR_REFUSED, "refused");
	http_body_refuse(p->x->req, &why);
}

static void on_room(void *arg)
{
	struct passage *p = arg;
	if (!p->is_paused) return;
	p->is_paused = false;
	http_body_resume(p->x->req);
}

static bool on_chunk(void *arg, struct http_request *req, struct str bytes, struct err *err)
{
	struct passage *p = arg;
	if (p->has_reply) return err_set(err, ERR_REFUSED, "refused");
	if (storage_body(p->call, bytes)) return !p->has_reply || err_set(err, ERR_REFUSED, "refused");
	p->is_paused = true;
	http_body_pause(req);
	return true;
}

/* The client left in the middle of its body. */
static void on_freed(void *arg)
{
	struct passage *p = arg;
	struct gateway *gateway = p->x->gateway;
	if (p->is_sent) return;
	if (p->call != NULL) storage_abandon(p->call);
	if (p->has_reply && p->reply.fd > 0) (void)close(p->reply.fd);
	exchange_release(gateway);
}

/* Where the client sees us. A browser's Origin knows best whether there is TLS, be it ended before the edge. */
static struct str origin_of(struct exchange *x)
{
	struct str host = http_header(x->req, STR("X-Forwarded-Host")), scheme, authority;
	struct str proto = http_header(x->req, STR("X-Forwarded-Proto")), origin = http_header(x->req, STR("Origin"));
	if (host.ptr == NULL) host = http_header(x->req, STR("Host"));
	if (host.ptr == NULL) return STR("");
	if (origin.ptr != NULL && str_cut(origin, '/', &scheme, &authority) &&
	    str_eq_nocase(str_sub(authority, 1, authority.len), host))
		return origin;
	bool is_tls = proto.ptr != NULL && str_eq(proto, STR("https"));
	const char *text = arena_printf(x->arena, "%s://%.*s", is_tls ? "https" : "http", STR_FMT(host));
	return text != NULL ? str_from(text) : STR("");
}

static void begin(struct passage *p, struct str path)
{
	struct exchange *x = p->x;
	struct str apikey = http_header(x->req, STR("apikey")),
		   authorization = http_header(x->req, STR("Authorization"));
	struct str accel = http_header(x->req, STR(ACCEL_HEADER));
	struct caller caller;
	struct token_refusal refusal = {.status = 0};
	bool is_sound = callers_find(x->gateway->callers, x->arena, apikey, authorization, clock_wall_ms() / 1000,
				     &caller, &refusal);
	bool is_known = is_sound && caller.bearer.len > 0;
	struct str words = is_sound ? STR("") : arena_str(x->arena, str_from(refusal.message));
	struct storage_request r = {.method = http_method(x->req),
				    .path = path,
				    .query = http_query(x->req),
				    .body = p->is_streamed ? STR("") : http_body(x->req),
				    .header = header_of,
				    .header_at = header_at,
				    .header_arg = x->req,
				    .full_path = http_path(x->req),
				    .host = host_of(x->req),
				    .know = know,
				    .is_authenticated = is_known,
				    .refusal = words.ptr != NULL ? words : STR(""),
				    .role = is_known ? caller.role : STR("anon"),
				    .claims = is_known ? caller.claims : STR("{\"role\":\"anon\"}"),
				    .origin = origin_of(x),
				    .accel = accel.ptr != NULL ? accel : STR(""),
				    .on_room = on_room,
				    .arena = x->arena};
	exchange_hold(x);
	struct storage_call *call = storage_handle(x->gateway->storage, &r, on_reply, p);
	if (call != NULL) p->call = call; /* NULL: it has replied, and all may be gone */
}

static struct passage *passage_new(struct gateway *gateway, struct http_request *req, bool is_streamed)
{
	struct exchange *x = exchange_new(gateway, req);
	struct passage *p = x != NULL ? arena_alloc(x->arena, sizeof *p) : NULL;
	if (p == NULL) {
		if (x != NULL)
			exchange_end_json(x, 413, NULL, "The request needs more memory than is set aside", NULL, NULL);
		return NULL;
	}
	*p = (struct passage){.x = x, .is_streamed = is_streamed};
	return p;
}

void files_on_head(struct gateway *gateway, struct http_request *req, struct str path)
{
	struct err why;
	if (gateway->storage == NULL) return;
	if (!storage_takes_body(http_method(req), path)) {
		http_body_limit(req, STORAGE_BODY_MAX_BYTES);
		return;
	}
	struct passage *p = passage_new(gateway, req, true);
	if (p == NULL) return;
	http_body_stream(req, UINT64_MAX / 2, on_chunk, p); /* storage knows the limit */
	begin(p, path);
	arena_defer(http_arena(req), on_freed, p);
	if (!p->has_reply && storage_body(p->call, STR(""))) return;
	http_body_pause(req);
	p->is_paused = !p->has_reply;
	(void)err_set(&why, ERR_REFUSED, "refused");
	if (p->has_reply) http_body_refuse(req, &why);
}

void files_on_request(struct gateway *gateway, struct http_request *req, struct str path)
{
	struct passage *p = http_stream_arg(req);
	if (p == NULL) {
		p = passage_new(gateway, req, false);
		if (p != NULL) begin(p, path);
		return;
	}
	p->is_body_over = true;
	if (p->has_reply)
		send_reply(p);
	else
		storage_body_end(p->call);
}

void files_on_refused(struct gateway *gateway, struct http_request *req, const struct err *why)
{
	struct passage *p = http_stream_arg(req);
	struct exchange *x;
	if (p != NULL && p->has_reply) {
		send_reply(p);
		return;
	}
	x = exchange_new(gateway, req);
	if (x != NULL) exchange_end_json(x, (unsigned)err_code_http_status(why->code), NULL, why->msg, NULL, NULL);
}
