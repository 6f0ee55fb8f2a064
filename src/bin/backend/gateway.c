/* SPDX-License-Identifier: Apache-2.0 */
#include "bin/backend/gateway.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "bin/backend/broker.h"
#include "bin/backend/exchange.h"
#include "bin/backend/files.h"
#include "bin/backend/health.h"
#include "bin/backend/letter.h"
#include "bin/backend/live.h"

#define REST_PREFIX "/rest/v1"
#define AUTH_PREFIX "/auth/v1"
#define REALTIME_PREFIX "/realtime/v1"
#define AI_PREFIX "/~ai"
#define MAIL_PREFIX "/~mail"
#define VERIFY_PATH "/.freehold/functions/verify" /* the edge asks; edge/config.c */

static const struct {
	const char *prefix, *what;
} not_served[] = {
    {FILES_PREFIX, "file storage (no folder for files is set)"},
    {"/functions/v1", "edge functions (the edge in front of this backend does)"},
    {"/graphql/v1", "GraphQL"},
    {"/pg", "the database's administration"},
    {"/analytics/v1", "analytics"},
};

/* "/rest/v1" and below, not "/rest/v10". */
static bool is_below(struct str path, const char *prefix, struct str *ret_rest)
{
	struct str head = str_from(prefix);
	if (!str_has_prefix(path, head)) return false;
	*ret_rest = str_sub(path, head.len, path.len);
	if (ret_rest->len == 0) *ret_rest = STR("/");
	return ret_rest->ptr[0] == '/';
}

static void preflight(struct exchange *x)
{
	struct str wanted = http_header(x->req, STR("Access-Control-Request-Headers"));
	const char *headers = wanted.ptr != NULL ? arena_cstr(x->arena, wanted) : NULL;
	exchange_field(x, "Access-Control-Allow-Methods", "GET,HEAD,PUT,PATCH,POST,DELETE,OPTIONS,TRACE,CONNECT");
	exchange_field(x, "Access-Control-Allow-Headers", headers != NULL ? headers : "*");
	exchange_field(x, "Access-Control-Max-Age", "3600");
	exchange_end(x, 200, STR(""), NULL);
}

static bool is_preflight(const struct http_request *req)
{
	return str_eq(http_method(req), STR("OPTIONS")) && http_header(req, STR("Origin")).ptr != NULL &&
	       http_header(req, STR("Access-Control-Request-Method")).ptr != NULL;
}

/* rest */
static void on_rest_room(void *arg)
{
	struct exchange *x = arg;
	if (x->rest_call != NULL) rest_resume(x->rest_call);
}

static bool on_rest_piece(void *arg, struct str bytes)
{
	return http_stream_write(((struct exchange *)arg)->req, bytes);
}

static void on_rest_end(void *arg, bool is_whole)
{
	struct exchange *x = arg;
	struct gateway *gateway = x->gateway;
	x->rest_call = NULL;
	http_stream_end(x->req, is_whole);
	exchange_release(gateway);
}

static const struct rest_sink rest_sink = {on_rest_piece, on_rest_end};

static void on_rest_reply(void *arg, const struct rest_reply *reply)
{
	struct exchange *x = arg;
	struct gateway *gateway = x->gateway;
	if (!reply->is_streamed) x->rest_call = NULL;
	for (int i = 0; i < reply->header_count; i++) {
		const char *name = arena_cstr(x->arena, reply->headers[i].name);
		exchange_field(x, name, arena_cstr(x->arena, reply->headers[i].value));
	}
	if (reply->is_streamed) {
		exchange_begin(x, (unsigned)reply->status,
			       &(struct http_stream_spec){.on_room = on_rest_room, .arg = x});
		return;
	}
	exchange_end(x, (unsigned)reply->status, reply->body, NULL);
	exchange_release(gateway);
}

static void on_rest_gone(void *arg)
{
	struct exchange *x = arg;
	if (x->rest_call != NULL) rest_cancel(x->rest_call);
}

static void end_refused(struct exchange *x, const struct token_refusal *why)
{
	if (why->code == NULL) {
		exchange_end_json(x, (unsigned)why->status, NULL, why->message, NULL,
				  "Double check the anon, service_role, publishable or secret key of this app.");
		return;
	}
	char *challenge =
	    arena_printf(x->arena, "Bearer error=\"invalid_token\", error_description=\"%s\"", why->message);
	exchange_field(x, "WWW-Authenticate", challenge);
	exchange_end_json(x, (unsigned)why->status, why->code, why->message, why->details, NULL);
}

static const struct rest_header *copy_headers(struct exchange *x, int *ret_count)
{
	size_t count = http_header_count(x->req);
	const struct http_field *from = http_headers(x->req);
	struct rest_header *to = arena_array(x->arena, count + 1, sizeof *to);
	if (to == NULL) return NULL;
	for (size_t i = 0; i < count; i++) to[i] = (struct rest_header){from[i].name, from[i].value};
	*ret_count = (int)count;
	return to;
}

static void to_rest(struct exchange *x, struct str path)
{
	struct caller caller;
	struct token_refusal refusal;
	if (!callers_find(x->gateway->callers, x->arena, http_header(x->req, STR("apikey")),
			  http_header(x->req, STR("Authorization")), clock_wall_ms() / 1000, &caller, &refusal)) {
		end_refused(x, &refusal);
		return;
	}
	struct rest_request *r = arena_alloc(x->arena, sizeof *r);
	int count = 0;
	const struct rest_header *headers = copy_headers(x, &count);
	if (r == NULL || headers == NULL) {
		exchange_end_json(x, 413, NULL, "The request needs more memory than is set aside for it", NULL, NULL);
		return;
	}
	*r = (struct rest_request){.method = http_method(x->req),
				   .path = path,
				   .full_path = http_path(x->req),
				   .query = http_query(x->req),
				   .headers = headers,
				   .header_count = count,
				   .body = http_body(x->req),
				   .role = caller.role,
				   .is_authenticated = !str_eq(caller.role, STR("anon")),
				   .claims = caller.claims,
				   .sink = &rest_sink,
				   .arena = x->arena};
	exchange_hold(x);
	http_on_gone(x->req, on_rest_gone, x);
	struct rest_call *call = rest_handle(x->gateway->rest, r, on_rest_reply, x);
	if (call != NULL) x->rest_call = call; /* NULL: answered already, and x may be gone */
}

/* auth */
static void on_auth_reply(void *arg, const struct auth_reply *reply)
{
	struct exchange *x = arg;
	struct gateway *gateway = x->gateway;
	for (int i = 0; i < reply->header_count; i++)
		exchange_field(x, reply->headers[i].name, reply->headers[i].value);
	exchange_end(x, (unsigned)reply->status, reply->body, reply->cause);
	exchange_release(gateway);
}

/* The edge writes these itself; the last of X-Forwarded-For is what it saw. */
static struct str address_of(const struct http_request *req)
{
	struct str address = http_header(req, STR("X-Real-IP")), rest = http_header(req, STR("X-Forwarded-For")), part;
	if (address.len > 0) return str_trim(address);
	while (str_next(&rest, ',', &part)) address = part;
	return address.ptr != NULL ? str_trim(address) : STR("");
}

static struct str text_of(const struct http_request *req, struct str name)
{
	struct str value = http_header(req, name);
	return value.ptr != NULL ? value : STR("");
}

static void to_auth(struct exchange *x, struct str path, struct str query)
{
	const struct http_request *req = x->req;
	struct str key_role;
	struct str bearer = callers_bearer(x->gateway->callers, http_header(req, STR("apikey")),
					   http_header(req, STR("Authorization")), &key_role);
	struct auth_request r = {.method = http_method(req),
				 .path = path,
				 .query = query,
				 .body = http_body(req),
				 .bearer = bearer,
				 .key_role = key_role,
				 .is_bearer_apikey = http_header(req, STR("Authorization")).len == 0,
				 .api_version = text_of(req, STR("X-Supabase-Api-Version")),
				 .user_agent = text_of(req, STR("User-Agent")),
				 .address = address_of(req),
				 .referer = text_of(req, STR("Referer")),
				 .redirect_to = text_of(req, STR("redirect_to")),
				 .arena = x->arena};
	exchange_hold(x);
	auth_handle(x->gateway->auth, &r, on_auth_reply, x);
}

/* May the caller of a function that wants a token have it? 204, or 401 and why. The app's keys will do, as upstream. */
static void to_verify(struct exchange *x)
{
	struct str apikey = http_header(x->req, STR("apikey")), bearer = http_header(x->req, STR("Authorization"));
	struct caller caller;
	struct token_refusal refusal;
	bool is_missing = apikey.len == 0 && bearer.len == 0;
	if (bearer.len > 0) apikey = (struct str){NULL, 0}; /* upstream's relay does not look at it */
	if (!is_missing &&
	    callers_find(x->gateway->callers, x->arena, apikey, bearer, clock_wall_ms() / 1000, &caller, &refusal)) {
		exchange_end(x, 204, STR(""), NULL);
		return;
	}
	exchange_field(x, "X-Freehold-Why", is_missing ? "missing" : "invalid");
	exchange_end(x, 401, STR(""), is_missing ? "a function was called without a token" : refusal.message);
}

/* The builder's own button. */
static void to_broker(struct exchange *x)
{
	struct str query;
	struct err err;
	if (broker_query(x->arena, http_query(x->req), &query, &err))
		to_auth(x, STR("/authorize"), query);
	else
		exchange_end_json(x, (unsigned)err_code_http_status(err.code), "validation_failed", err.msg, NULL,
				  NULL);
}

static void on_ai_done(void *gateway)
{
	exchange_release(gateway);
}

/* It answers by itself. */
static void to_ai(struct exchange *x, struct str path)
{
	exchange_hold(x);
	ai_answer(x->gateway->ai, x->req, path, on_ai_done, x->gateway);
}

static void elsewhere(struct exchange *x, struct str path)
{
	char text[160];
	struct str ignored;
	for (size_t i = 0; i < sizeof not_served / sizeof *not_served; i++) {
		if (!is_below(path, not_served[i].prefix, &ignored)) continue;
		(void)snprintf(text, sizeof text, "Freehold does not serve this yet: %s", not_served[i].what);
		exchange_end_json(x, 501, "not_implemented", text, NULL,
				  "The rest of the app works; this part answers as soon as it is there.");
		return;
	}
	exchange_end_json(x, 404, NULL, "There is nothing at this path", NULL, NULL);
}

static void on_request(void *arg, struct http_request *req)
{
	struct gateway *gateway = arg;
	struct str path = http_path(req), below;
	if (!is_preflight(req) && is_below(path, FILES_PREFIX, &below) && gateway->storage != NULL) {
		files_on_request(gateway, req, below);
		return;
	}
	struct exchange *x = exchange_new(gateway, req);
	if (x == NULL) return;
	if (is_preflight(req))
		preflight(x);
	else if (is_below(path, REST_PREFIX, &below))
		to_rest(x, below);
	else if (is_below(path, AUTH_PREFIX, &below))
		to_auth(x, below, http_query(req));
	else if (is_below(path, REALTIME_PREFIX, &below))
		live_answer(x, below);
	else if (str_eq(path, STR(VERIFY_PATH)))
		to_verify(x);
	else if (is_below(path, AI_PREFIX, &below))
		to_ai(x, below);
	else if (is_below(path, MAIL_PREFIX, &below))
		letter_answer(x, below);
	else if (str_eq(path, STR(BROKER_PATH)))
		to_broker(x);
	else if (str_eq(path, STR("/health")))
		health_answer(x);
	else
		elsewhere(x, path);
}

static void on_head(void *arg, struct http_request *req)
{
	struct str below;
	if (is_below(http_path(req), AUTH_PREFIX, &below)) http_body_limit(req, AUTH_BODY_MAX_BYTES);
	if (is_below(http_path(req), AI_PREFIX, &below)) http_body_limit(req, AI_BODY_MAX_BYTES);
	if (is_below(http_path(req), MAIL_PREFIX, &below)) http_body_limit(req, LETTER_BODY_MAX_BYTES);
	if (is_below(http_path(req), REALTIME_PREFIX, &below)) http_body_limit(req, REALTIME_MESSAGE_MAX_BYTES);
	if (!is_preflight(req) && is_below(http_path(req), FILES_PREFIX, &below)) files_on_head(arg, req, below);
}

static void on_refused(void *arg, struct http_request *req, const struct err *why)
{
	files_on_refused(arg, req, why);
}

struct http_handler gateway_handler(struct gateway *gateway)
{
	return (struct http_handler){
	    .on_head = on_head, .on_request = on_request, .on_refused = on_refused, .arg = gateway};
}
