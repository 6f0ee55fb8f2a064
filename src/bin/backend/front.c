/* SPDX-License-Identifier: Apache-2.0 */
#include "bin/backend/front.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "bin/backend/access.h"
#include "codec/json.h"
#include "rest/problem.h"

#define FIELDS_MAX 64

struct visit {
	struct front *s;
	struct http_request *http;
	struct rest_call *call;
	struct rest_request request;
	struct rest_header headers[REST_HEADER_MAX];
};

static bool is_origin_allowed(const char *origins, struct str origin)
{
	struct str rest = str_from(origins), part;
	while (str_next(&rest, ',', &part))
		if (str_eq(str_trim(part), origin)) return true;
	return false;
}

/* What a page of another origin may see. Returns how many fields were set. */
static size_t cors_fields(const struct front *s, struct http_request *http, struct http_reply_field *fields)
{
	struct str origin = http_header(http, STR("origin"));
	const char *origins = s->settings->cors_origins;
	size_t n = 0;
	if (origin.ptr == NULL) return 0;
	if (origins != NULL) {
		if (!is_origin_allowed(origins, origin)) return 0;
		fields[n++] =
		    (struct http_reply_field){"Access-Control-Allow-Origin", arena_cstr(http_arena(http), origin)};
		fields[n++] = (struct http_reply_field){"Access-Control-Allow-Credentials", "true"};
	} else {
		fields[n++] = (struct http_reply_field){"Access-Control-Allow-Origin", "*"};
	}
	fields[n++] = (struct http_reply_field){
	    "Access-Control-Expose-Headers",
	    "Content-Encoding, Content-Location, Content-Range, Content-Type, Date, Location, Server, "
	    "Transfer-Encoding, Range-Unit"};
	return n;
}

static size_t trace_field(const struct front *s, struct http_request *http, struct http_reply_field *field)
{
	const char *name = s->settings->trace_header;
	struct str value = name != NULL ? http_header(http, str_from(name)) : (struct str){0};
	if (value.len == 0) return 0; /* the server sends no header without a value */
	*field = (struct http_reply_field){name, arena_cstr(http_arena(http), value)};
	return field->value != NULL;
}

static void on_room(void *arg)
{
	struct visit *v = arg;
	if (v->call != NULL) rest_resume(v->call);
}

static bool on_piece(void *arg, struct str bytes)
{
	return http_stream_write(((struct visit *)arg)->http, bytes);
}

static void on_end(void *arg, bool is_whole)
{
	struct visit *v = arg;
	v->call = NULL;
	http_stream_end(v->http, is_whole);
}

static const struct rest_sink sink = {on_piece, on_end};

static void on_reply(void *arg, const struct rest_reply *reply)
{
	struct visit *v = arg;
	struct arena *a = http_arena(v->http);
	struct http_reply_field fields[FIELDS_MAX];
	size_t n = cors_fields(v->s, v->http, fields);
	bool has_origin = n > 0;
	if (!reply->is_streamed) v->call = NULL;
	n += trace_field(v->s, v->http, fields + n);
	for (int i = 0; i < reply->header_count && n < FIELDS_MAX; i++) {
		const char *name = arena_cstr(a, reply->headers[i].name),
			   *value = arena_cstr(a, reply->headers[i].value);
		if (name == NULL || value == NULL) continue;
		if (has_origin && strcasecmp(name, "Access-Control-Allow-Origin") == 0) continue;
		fields[n++] = (struct http_reply_field){name, value};
	}
	if (access_is_logged(v->s->settings->log_level, (unsigned)reply->status))
		access_log(v->http, v->request.role, (unsigned)reply->status,
			   reply->is_streamed ? -1 : (int64_t)reply->body.len);
	if (reply->is_streamed) {
		http_reply_begin(v->http, (unsigned)reply->status, fields, n,
				 &(struct http_stream_spec){.on_room = on_room, .arg = v});
		return;
	}
	if (!str_eq(http_method(v->http), STR("HEAD")) || reply->status >= 400) {
		http_reply(v->http, (unsigned)reply->status, fields, n, reply->body);
		return;
	}
	/* As a stream, since how long the body would have been is not known. */
	http_reply_begin(v->http, (unsigned)reply->status, fields, n, &(struct http_stream_spec){0});
	http_stream_end(v->http, true);
}

static void refuse(struct visit *v, const struct token_refusal *why)
{
	struct problem p;
	BUF_CLEANUP struct buf b;
	struct http_reply_field fields[10];
	struct arena *a = http_arena(v->http);
	size_t n = cors_fields(v->s, v->http, fields);
	n += trace_field(v->s, v->http, fields + n);
	const char *code = why->code != NULL ? why->code : "PGRST301";
	bool is_required = strcmp(code, "PGRST302") == 0;
	buf_init(&b, 8192);
	(void)problem_set(&p, why->status, code, why->message, why->details, NULL);
	problem_write(&p, &b);
	fields[n++] = (struct http_reply_field){"Content-Type", "application/json; charset=utf-8"};
	fields[n++] = (struct http_reply_field){"Proxy-Status", arena_printf(a, "PostgREST; error=%s", code)};
	if (why->status == 503) fields[n++] = (struct http_reply_field){"Retry-After", "1"};
	if (why->status == 401)
		fields[n++] = (struct http_reply_field){
		    "WWW-Authenticate",
		    is_required
			? "Bearer"
			: arena_printf(a, "Bearer error=\"invalid_token\", error_description=\"%s\"", why->message)};
	if (access_is_logged(v->s->settings->log_level, (unsigned)why->status))
		access_log(v->http, (struct str){0}, (unsigned)why->status, (int64_t)b.len);
	http_reply(v->http, (unsigned)why->status, fields, n, buf_view(&b));
}

/* The role and claims of the token, or of nobody. */
static bool authenticate(struct visit *v, struct token_refusal *refusal)
{
	const struct front *s = v->s;
	struct rest_request *r = &v->request;
	struct str header = http_header(v->http, STR("authorization")), scheme, token;
	const char *anon = s->settings->anon_role;
	struct token_holder holder;
	bool has_token =
	    header.ptr != NULL && str_cut(header, ' ', &scheme, &token) && str_eq_nocase(scheme, STR("bearer"));
	/* The server may have cut the space behind a token that is empty. */
	if (!has_token && header.ptr != NULL && str_eq_nocase(str_trim(header), STR("bearer")))
		has_token = true, token = STR("");
	if (has_token && s->tokens == NULL) {
		*refusal =
		    (struct token_refusal){.status = 500, .code = "PGRST300", .message = "Server lacks JWT secret"};
		return false;
	}
	if (has_token) {
		if (!token_find(s->tokens, r->arena, str_trim(token), clock_wall_ms() / 1000, &holder, refusal))
			return false;
		r->role = holder.role;
		r->claims = holder.claims;
		r->is_authenticated = anon == NULL || !str_eq(holder.role, str_from(anon));
		return true;
	}
	*refusal = (struct token_refusal){.status = 401, .code = "PGRST302", .message = "Anonymous access is disabled"};
	if (anon == NULL) return false;
	BUF_CLEANUP struct buf claims;
	buf_init(&claims, 8192);
	buf_puts(&claims, "{\"role\":");
	json_put_string(&claims, str_from(anon));
	buf_putc(&claims, '}');
	r->role = arena_str(r->arena, str_from(anon)); /* the settings may be replaced while the request waits */
	r->claims = arena_str(r->arena, buf_view(&claims));
	return r->role.ptr != NULL && r->claims.ptr != NULL;
}

static void on_gone(void *arg)
{
	struct visit *v = arg;
	if (v->call != NULL) rest_cancel(v->call);
}

/* The headers asked for, between the one that is always allowed and those that need no asking. */
static char *allowed_headers(struct arena *a, struct str wanted)
{
	static const char *const simple[] = {"Accept", "Accept-Language", "Content-Language"};
	BUF_CLEANUP struct buf b;
	struct str rest = wanted, part;
	bool is_asked[3] = {false};
	buf_init(&b, 1 << 16);
	buf_puts(&b, "Authorization");
	while (str_next(&rest, ',', &part)) {
		part = str_trim(part);
		for (int i = 0; i < 3; i++) is_asked[i] = is_asked[i] || str_eq_nocase(part, str_from(simple[i]));
		if (part.len > 0) buf_printf(&b, ", %.*s", STR_FMT(part));
	}
	for (int i = 0; i < 3; i++)
		if (!is_asked[i]) buf_printf(&b, ", %s", simple[i]);
	return arena_strdup(a, buf_cstr(&b));
}

static void preflight(struct front *s, struct http_request *http)
{
	struct http_reply_field fields[9];
	struct str wanted = http_header(http, STR("access-control-request-headers"));
	size_t n = cors_fields(s, http, fields) - 1; /* the last is what an answer exposes */
	fields[n++] =
	    (struct http_reply_field){"Access-Control-Allow-Methods", "GET, POST, PATCH, PUT, DELETE, OPTIONS, HEAD"};
	if (wanted.ptr != NULL)
		fields[n++] = (struct http_reply_field){"Access-Control-Allow-Headers",
							allowed_headers(http_arena(http), wanted)};
	fields[n++] = (struct http_reply_field){"Access-Control-Max-Age", "86400"};
	n += trace_field(s, http, fields + n);
	http_reply(http, 200, fields, n, STR(""));
}

/* What is asked for from an origin that is not allowed, or with a method we do not have, is no preflight to us. */
static bool is_preflight(const struct front *s, const struct http_request *http)
{
	static const char *const methods[] = {"GET", "POST", "PATCH", "PUT", "DELETE", "OPTIONS", "HEAD"};
	struct str origin = http_header(http, STR("origin")),
		   wanted = http_header(http, STR("access-control-request-method"));
	const char *origins = s->settings->cors_origins;
	if (!str_eq(http_method(http), STR("OPTIONS")) || origin.ptr == NULL || wanted.ptr == NULL) return false;
	if (origins != NULL && !is_origin_allowed(origins, origin)) return false;
	for (size_t i = 0; i < sizeof methods / sizeof *methods; i++)
		if (str_eq(wanted, str_from(methods[i]))) return true;
	return false;
}

void front_request(void *arg, struct http_request *http)
{
	struct front *s = arg;
	struct token_refusal refusal;
	if (is_preflight(s, http)) {
		preflight(s, http);
		return;
	}
	struct visit *v = arena_alloc(http_arena(http), sizeof *v);
	if (v == NULL) abort();
	v->s = s;
	v->http = http;
	struct rest_request *r = &v->request;
	*r = (struct rest_request){.method = http_method(http),
				   .path = http_path(http),
				   .query = http_query(http),
				   .headers = v->headers,
				   .body = http_body(http),
				   .sink = &sink,
				   .arena = http_arena(http)};
	for (size_t i = 0; i < http_header_count(http) && r->header_count < REST_HEADER_MAX; i++)
		v->headers[r->header_count++] =
		    (struct rest_header){http_headers(http)[i].name, http_headers(http)[i].value};
	int64_t start_us = clock_now_us();
	if (!authenticate(v, &refusal)) {
		refuse(v, &refusal);
		return;
	}
	r->auth_us = clock_now_us() - start_us;
	if (s->rest == NULL) {
		refuse(v, &(struct token_refusal){.status = 503,
						  .code = "PGRST002",
						  .message =
						      "Could not query the database for the schema cache. Retrying."});
		return;
	}
	http_on_gone(http, on_gone, v);
	struct rest_call *call = rest_handle(s->rest, r, on_reply, v);
	if (call != NULL) v->call = call; /* NULL: answered already */
}
