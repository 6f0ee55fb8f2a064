/* SPDX-License-Identifier: Apache-2.0 */
#include "bin/backend/live.h"

#include <stdio.h>

#include "base/clock.h"
#include "codec/json.h"
#include "codec/jwt.h"
#include "codec/url.h"
#include "realtime/realtime.h"

static bool refuse(struct realtime_refusal *refusal, const char *code, const char *message)
{
	refusal->code = code;
	(void)snprintf(refusal->message, sizeof refusal->message, "%s", message);
	return false;
}

static bool refuse_expired(struct realtime_refusal *refusal, int64_t seconds)
{
	char words[80];
	(void)snprintf(words, sizeof words, "Token has expired %lld seconds ago", (long long)seconds);
	return refuse(refusal, "InvalidJWTToken", words);
}

/* PostgREST's reasons in Realtime's words. */
static bool refuse_token(struct str token, const struct token_refusal *why, int64_t now_s,
			 struct realtime_refusal *refusal)
{
	json_t *claims JSON_CLEANUP = NULL;
	struct err ignored;
	if (!jwt_peek(token, &claims, &ignored))
		return refuse(refusal, "MalformedJWT", "The token provided is not a valid JWT");
	if (strcmp(why->message, "JWT expired") == 0)
		return refuse_expired(refusal, now_s - json_int(claims, "exp", now_s));
	if (why->code != NULL && strcmp(why->code, "PGRST301") == 0)
		return refuse(refusal, "JwtSignatureError", "Failed to validate JWT signature");
	return refuse(refusal, "InvalidJWTToken", why->message);
}

/* The app's own keys have no end and need none; any other token must say when it ends. */
static bool verify(void *arg, struct arena *a, struct str token, struct realtime_holder *ret,
		   struct realtime_refusal *refusal)
{
	struct gateway *gateway = arg;
	struct caller caller;
	struct token_refusal why;
	json_t *claims JSON_CLEANUP = NULL;
	struct str own_role;
	struct err ignored;
	int64_t now_s = clock_wall_ms() / 1000;
	const char *header = arena_printf(a, "Bearer %.*s", STR_FMT(token));
	if (header == NULL) return refuse(refusal, "MalformedJWT", "The token provided is not a valid JWT");
	(void)callers_bearer(gateway->callers, token, (struct str){NULL, 0}, &own_role);
	if (!callers_find(gateway->callers, a, (struct str){NULL, 0}, str_from(header), now_s, &caller, &why))
		return refuse_token(token, &why, now_s, refusal);
	(void)json_parse(caller.claims, &claims, &ignored);
	const json_t *exp = json_object_get(claims, "exp");
	if (own_role.len == 0 && (!json_is_number(exp) || json_object_get(claims, "role") == NULL))
		return refuse(refusal, "InvalidJWTToken", "Fields `role` and `exp` are required in JWT");
	int64_t expires_s = json_is_number(exp) && own_role.len == 0 ? (int64_t)json_number_value(exp) : 0;
	if (expires_s > 0 && expires_s <= now_s) return refuse_expired(refusal, now_s - expires_s);
	*ret = (struct realtime_holder){.role = caller.role, .claims = caller.claims, .expires_s = expires_s};
	return true;
}

struct realtime *live_new(struct gateway *gateway, const char *stream_database)
{
	const struct realtime_spec spec = {
	    .pool = gateway->live_pool, .stream_conninfo = stream_database, .verify = verify, .arg = gateway};
	return realtime_new(gateway->loop, &spec);
}

static void on_posted(void *arg, unsigned status, const char *body)
{
	struct exchange *x = arg;
	struct gateway *gateway = x->gateway;
	if (body[0] != '\0') exchange_field(x, "Content-Type", "application/json; charset=utf-8");
	const char *copy = arena_strdup(x->arena, body);
	exchange_end(x, status, str_from(copy != NULL ? copy : ""), NULL);
	exchange_release(gateway);
}

static struct str token_of(const struct exchange *x)
{
	struct str word, token, header = http_header(x->req, STR("Authorization"));
	if (header.ptr != NULL && str_cut(header, ' ', &word, &token) && str_eq_nocase(word, STR("bearer")))
		return str_trim(token);
	struct str key = http_header(x->req, STR("apikey"));
	return key.ptr != NULL ? key : STR("");
}

/* /api/broadcast/TOPIC/events/EVENT */
static bool read_single(struct arena *a, struct str path, struct str *ret_topic, struct str *ret_event)
{
	struct err ignored;
	ptrdiff_t at = str_find(path, STR("/events/"));
	if (at <= 0) return false;
	struct str topic = str_sub(path, 0, (size_t)at), event = str_sub(path, (size_t)at + 8, path.len);
	return event.len > 0 && url_decode(a, topic, ret_topic, &ignored) && url_decode(a, event, ret_event, &ignored);
}

static void post_one(struct exchange *x, struct str path)
{
	struct str topic, event, private, type = http_header(x->req, STR("Content-Type"));
	bool is_json = str_has_prefix(type, STR("application/json"));
	if (!read_single(x->arena, path, &topic, &event)) {
		exchange_end_json(x, 404, NULL, "There is nothing at this path", NULL, NULL);
		return;
	}
	if (!is_json && !str_has_prefix(type, STR("application/octet-stream"))) {
		exchange_end_json(x, 415, NULL, "Unsupported Media Type", NULL, NULL);
		return;
	}
	bool is_private =
	    query_get(x->arena, http_query(x->req), STR("private"), &private) && str_eq(private, STR("true"));
	exchange_hold(x);
	realtime_post_one(x->gateway->realtime, token_of(x), topic, event, is_private, is_json, http_body(x->req),
			  on_posted, x);
}

void live_answer(struct exchange *x, struct str path)
{
	struct str one = STR("/api/broadcast/");
	bool is_post = str_eq(http_method(x->req), STR("POST"));
	if (str_eq(path, STR("/websocket"))) {
		realtime_connect(x->gateway->realtime, x->req, http_query(x->req),
				 http_header(x->req, STR("x-api-key")));
	} else if (is_post && str_eq(path, STR("/api/broadcast"))) {
		exchange_hold(x);
		realtime_post(x->gateway->realtime, token_of(x), http_body(x->req), on_posted, x);
	} else if (is_post && str_has_prefix(path, one)) {
		post_one(x, str_sub(path, one.len, path.len));
	} else {
		exchange_end_json(x, 404, NULL, "There is nothing at this path", NULL, NULL);
	}
}
