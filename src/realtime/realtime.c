/* SPDX-License-Identifier: Apache-2.0 */
#include "realtime/realtime.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "codec/json.h"
#include "codec/url.h"
#include "http/server.h"
#include "realtime/feed.h"
#include "realtime/interest.h"
#include "realtime/private.h"

#define TICK_MS 1000
#define DRAIN_STEP_MS 100
#define POST_ARENA_BYTES (1u << 20)
#define POSTS_PER_S 1000 /* of all, on the average of a minute */
#define POST_MESSAGES_MAX 1000 /* in one request */

/* Once a second: tokens that ran out, and subscriptions that could not be asked for. */
static void look_at(struct channel *c, int64_t now_s)
{
	char words[100];
	if (c->expires_s > 0 && c->expires_s <= now_s && c->state == CHANNEL_JOINED) {
		(void)snprintf(words, sizeof words, "Token has expired %lld seconds ago",
			       (long long)(now_s - c->expires_s));
		channel_shutdown(c, words);
	} else if (c->is_put_off && !c->is_asking) {
		subscribe_begin(c);
	}
}

static void on_tick(uv_timer_t *timer)
{
	struct realtime *r = timer->data;
	int64_t now_s = clock_wall_ms() / 1000;
	for (struct client *client = r->clients; client != NULL; client = client->next)
		for (struct channel *c = client->channels, *next; c != NULL; c = next) {
			next = c->next;
			look_at(c, now_s);
		}
}

struct realtime *realtime_new(uv_loop_t *loop, const struct realtime_spec *spec)
{
	struct realtime *r = calloc(1, sizeof *r);
	const struct http_sockets_spec sockets = {
	    .handler = client_handler, .message_max_bytes = REALTIME_MESSAGE_MAX_BYTES, .idle_ms = REALTIME_IDLE_MS};
	if (r == NULL) abort();
	r->loop = loop;
	r->spec = *spec;
	r->sockets = http_sockets_new(loop, &sockets);
	r->interests = calloc(1, sizeof *r->interests);
	if (r->interests == NULL) abort();
	r->feed = feed_new(r);
	(void)uv_timer_init(loop, &r->timer);
	(void)uv_timer_init(loop, &r->drain_timer);
	r->timer.data = r->drain_timer.data = r;
	(void)uv_timer_start(&r->timer, on_tick, TICK_MS, TICK_MS);
	uv_unref((uv_handle_t *)&r->timer);
	r->open_handles = 2;
	return r;
}

/* Connecting */
static void refuse(struct http_request *req, unsigned status, const char *message)
{
	static const struct http_reply_field fields[] = {{"Content-Type", "application/json; charset=utf-8"},
							 {"Access-Control-Allow-Origin", "*"}};
	json_t *o JSON_CLEANUP = json_pack("{s:s}", "error", message);
	char *text = json_text(o);
	http_reply(req, status, fields, 2, str_from(text));
	free(text);
}

static bool find_version(struct arena *a, struct str query, enum message_version *ret)
{
	struct str vsn;
	*ret = MESSAGE_V1;
	if (!query_get(a, query, STR("vsn"), &vsn) || str_has_prefix(vsn, STR("1.0."))) return true;
	*ret = MESSAGE_V2;
	return str_has_prefix(vsn, STR("2.0."));
}

void realtime_connect(struct realtime *r, struct http_request *req, struct str query, struct str header_key)
{
	struct arena *a = http_arena(req);
	struct str key = header_key;
	enum message_version version;
	struct realtime_holder holder;
	struct realtime_refusal refusal;
	if (key.ptr == NULL) (void)query_get(a, query, STR("apikey"), &key);
	if (!http_socket_is_asked(req))
		refuse(req, 426, "This is the address of a WebSocket");
	else if (!find_version(a, query, &version))
		refuse(req, 403, "The version of the protocol (vsn) must be 1.0.0 or 2.0.0");
	else if (key.ptr == NULL || key.len == 0)
		refuse(req, 401, "API key is missing");
	else if (r->is_draining)
		refuse(req, 503, "Realtime is restarting, please standby");
	else if (r->client_count >= REALTIME_CLIENTS_MAX)
		refuse(req, 429, "Too many connected users");
	else if (!r->spec.verify(r->spec.arg, a, key, &holder, &refusal))
		refuse(req, 401, refusal.message);
	else
		client_new(r, req, version, key);
}

/* Over HTTP: {"messages": [{"topic","event","payload","private"}]}. Private ones are sent where the policies let the
 * token's role write; where they do not, upstream passes them over without a word. */
struct post {
	struct realtime *realtime;
	struct arena *arena;
	struct identity *identity;
	json_t *messages;
	size_t at; /* the next */
	bool is_single, is_json; /* realtime_post_one; payload below */
	struct str payload;
	realtime_done_fn done;
	void *arg;
};

static void finish_post(struct post *p, unsigned status, const char *body)
{
	realtime_done_fn done = p->done;
	void *arg = p->arg;
	identity_put(p->realtime, p->identity);
	json_decref(p->messages);
	arena_free(p->arena);
	done(arg, status, body);
}

static void deliver(struct post *p, const json_t *m, bool is_private)
{
	struct topic *topic = topic_find(p->realtime, str_from(json_str(m, "topic", "")), is_private);
	if (topic == NULL) return;
	struct str event = str_from(json_str(m, "event", ""));
	if (p->is_single) {
		broadcast_send(topic, NULL, event, STR(""), p->is_json, p->payload);
		return;
	}
	struct buf b BUF_CLEANUP;
	buf_init(&b, REALTIME_PAYLOAD_MAX_BYTES * 2);
	char *payload = json_text(json_object_get(m, "payload"));
	char *id = json_object_get(m, "id") != NULL ? json_dumps(json_object_get(m, "id"), JSON_ENCODE_ANY) : NULL;
	message_put_broadcast(event, STR(""), str_from(payload), &b);
	if (id != NULL) {
		b.len--;
		buf_printf(&b, ",\"meta\":{\"id\":");
		buf_puts(&b, id);
		buf_puts(&b, "}}");
	}
	broadcast_object(topic, NULL, buf_view(&b));
	free(payload);
	free(id);
}

static void step_post(struct post *p);

static void on_may_write(void *arg, bool may_write, const char *problem)
{
	struct post *p = arg;
	const json_t *m = json_array_get(p->messages, p->at++);
	if (may_write) {
		deliver(p, m, true);
	} else if (p->is_single) {
		finish_post(p, problem != NULL ? 422 : 403,
			    problem != NULL ? "{\"message\":\"Tenant database unavailable\"}"
					    : "{\"message\":\"Unauthorized\"}");
		return;
	}
	step_post(p);
}

static void step_post(struct post *p)
{
	while (p->at < json_array_size(p->messages)) {
		const json_t *m = json_array_get(p->messages, p->at);
		if (json_bool(m, "private", false)) {
			policy_ask_write(p->realtime, p->identity, str_from(json_str(m, "topic", "")), on_may_write, p);
			return;
		}
		deliver(p, m, false);
		p->at++;
	}
	finish_post(p, 202, "");
}

/* NULL: sound. */
static const char *find_fault(const json_t *m)
{
	if (json_str(m, "topic", "")[0] == '\0')
		return "{\"errors\":{\"messages\":[{\"topic\":[\"can't be blank\"]}]}}";
	if (json_str(m, "event", "")[0] == '\0')
		return "{\"errors\":{\"messages\":[{\"event\":[\"can't be blank\"]}]}}";
	const json_t *payload = json_object_get(m, "payload");
	if (payload == NULL || json_is_null(payload))
		return "{\"errors\":{\"messages\":[{\"payload\":[\"can't be blank\"]}]}}";
	return json_is_object(payload) ? NULL : "{\"errors\":{\"messages\":[{\"payload\":[\"is invalid\"]}]}}";
}

static const char *check_messages(struct realtime *r, const json_t *messages, unsigned *ret_status)
{
	*ret_status = 422;
	if (!json_is_array(messages) || json_array_size(messages) == 0)
		return "{\"errors\":{\"messages\":[\"can't be blank\"]}}";
	if (json_array_size(messages) > POST_MESSAGES_MAX) {
		*ret_status = 429;
		return "{\"message\":\"Too many messages to broadcast, please reduce the batch size\"}";
	}
	for (size_t i = 0; i < json_array_size(messages); i++) {
		const char *fault = find_fault(json_array_get(messages, i));
		if (fault != NULL) return fault;
		if (bucket_take(&r->posts, POSTS_PER_S)) continue;
		*ret_status = 429;
		return "{\"message\":\"You have exceeded your rate limit\"}";
	}
	return NULL;
}

static struct post *post_new(struct realtime *r, struct str token, realtime_done_fn done, void *arg)
{
	struct arena *a = arena_new(POST_ARENA_BYTES);
	struct post *p = arena_alloc(a, sizeof *p);
	struct realtime_holder holder;
	struct realtime_refusal refusal;
	if (p == NULL) abort();
	*p = (struct post){.realtime = r, .arena = a, .done = done, .arg = arg};
	if (token.len > 0 && r->spec.verify(r->spec.arg, a, token, &holder, &refusal)) {
		p->identity = identity_get(r, holder.role, holder.claims);
		return p;
	}
	finish_post(p, 401, "{\"message\":\"Unauthorized\"}");
	return NULL;
}

void realtime_post(struct realtime *r, struct str token, struct str body, realtime_done_fn done, void *arg)
{
	struct post *p = post_new(r, token, done, arg);
	json_t *root JSON_CLEANUP = NULL;
	struct err err;
	unsigned status;
	if (p == NULL) return;
	if (!json_parse(body, &root, &err)) {
		finish_post(p, 400, "{\"message\":\"The body is no JSON\"}");
		return;
	}
	p->messages = json_incref(json_object_get(root, "messages"));
	const char *fault = check_messages(r, p->messages, &status);
	if (fault != NULL)
		finish_post(p, status, fault);
	else
		step_post(p);
}

void realtime_post_one(struct realtime *r, struct str token, struct str topic, struct str event, bool is_private,
		       bool is_json, struct str payload, realtime_done_fn done, void *arg)
{
	struct post *p = post_new(r, token, done, arg);
	json_t *value JSON_CLEANUP = NULL;
	struct err err;
	if (p == NULL) return;
	p->is_single = true;
	p->is_json = is_json;
	p->payload = payload;
	if (is_json && !json_parse(payload, &value, &err)) {
		finish_post(p, 400, "{\"message\":\"The body is no JSON\"}");
		return;
	}
	if (payload.len > REALTIME_PAYLOAD_MAX_BYTES) {
		finish_post(p, 422, "{\"errors\":{\"payload\":[\"Payload size exceeds tenant limit\"]}}");
		return;
	}
	if (!bucket_take(&r->posts, POSTS_PER_S)) {
		finish_post(p, 429, "{\"message\":\"You have exceeded your rate limit\"}");
		return;
	}
	p->messages = json_pack("[{s:s%, s:s%, s:b}]", "topic", topic.ptr, topic.len, "event", event.ptr, event.len,
				"private", is_private);
	if (p->messages == NULL)
		finish_post(p, 422, "{\"errors\":{\"topic\":[\"is invalid\"]}}");
	else
		step_post(p);
}

/* The end */
static void on_drain_step(uv_timer_t *timer)
{
	struct realtime *r = timer->data;
	size_t left = r->drain_step;
	for (struct client *client = r->clients; client != NULL && left > 0; client = client->next) {
		if (client->is_leaving || client->socket == NULL) continue;
		client->is_leaving = true;
		http_socket_close(client->socket, HTTP_CLOSE_RESTART, "Realtime is restarting");
		left--;
	}
	if (http_sockets_count(r->sockets) > 0) return;
	void (*on_drained)(void *arg) = r->on_drained;
	(void)uv_timer_stop(timer);
	r->on_drained = NULL;
	if (on_drained != NULL) on_drained(r->drained_arg);
}

void realtime_drain(struct realtime *r, int64_t spread_ms, void (*on_drained)(void *arg), void *arg)
{
	int64_t steps = spread_ms / DRAIN_STEP_MS > 0 ? spread_ms / DRAIN_STEP_MS : 1;
	r->is_draining = true;
	r->drain_step = r->client_count / (size_t)steps + 1;
	r->on_drained = on_drained;
	r->drained_arg = arg;
	(void)uv_timer_start(&r->drain_timer, on_drain_step, 0, DRAIN_STEP_MS);
}

static void on_handle_closed(uv_handle_t *handle)
{
	struct realtime *r = handle->data;
	if (--r->open_handles > 0) return;
	table_done(&r->topics);
	table_done(&r->identities);
	table_done(&r->interests->by_key);
	free(r->interests);
	free(r);
}

void realtime_stop(struct realtime *r)
{
	r->is_stopped = true;
	http_sockets_stop(r->sockets);
	feed_stop(r->feed);
	uv_close((uv_handle_t *)&r->timer, on_handle_closed);
	uv_close((uv_handle_t *)&r->drain_timer, on_handle_closed);
}

void realtime_stats(const struct realtime *r, struct realtime_stats *ret)
{
	*ret = (struct realtime_stats){
	    .clients = r->client_count, .channels = r->channel_count, .is_streaming = feed_is_streaming(r->feed)};
	feed_counts(r->feed, &ret->changes, &ret->checks);
}
