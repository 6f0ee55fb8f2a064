/* SPDX-License-Identifier: Apache-2.0
 *
 * Who is on a topic, in the form of Phoenix.Presence: {key: {"metas": [{…, "phx_ref"}]}}. One process holds all of an
 * app's channels, so that there is nothing to reconcile. */
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "base/clock.h"
#include "codec/json.h"
#include "realtime/private.h"

#define STATE_MAX_BYTES (32u << 20)
#define NULL_STR ((struct str){NULL, 0})

static void put_meta(const struct presence *p, struct buf *b)
{
	struct str payload = str_from(p->payload);
	buf_str(b, str_sub(payload, 0, payload.len - 1));
	buf_printf(b, "%s\"phx_ref\":\"%s\"", payload.len > 2 ? "," : "", p->ref);
	if (p->ref_before[0] != '\0') buf_printf(b, ",\"phx_ref_prev\":\"%s\"", p->ref_before);
	buf_putc(b, '}');
}

static void put_one(struct str key, const struct presence *p, struct buf *b)
{
	if (p == NULL || p->payload == NULL) {
		buf_puts(b, "{}");
		return;
	}
	buf_putc(b, '{');
	message_put_string(key, b);
	buf_puts(b, ":{\"metas\":[");
	put_meta(p, b);
	buf_puts(b, "]}}");
}

static int by_key(const void *a, const void *b)
{
	const struct channel *x = *(struct channel *const *)a, *y = *(struct channel *const *)b;
	size_t shorter = x->presence_key.len < y->presence_key.len ? x->presence_key.len : y->presence_key.len;
	int order = memcmp(x->presence_key.ptr, y->presence_key.ptr, shorter);
	if (order != 0) return order;
	return (x->presence_key.len > y->presence_key.len) - (x->presence_key.len < y->presence_key.len);
}

static void put_state(const struct topic *topic, struct buf *b)
{
	size_t count = 0;
	for (struct channel *c = topic->channels; c != NULL; c = c->topic_next) count += c->presence.payload != NULL;
	struct channel **tracked = calloc(count + 1, sizeof *tracked);
	if (tracked == NULL) abort();
	count = 0;
	for (struct channel *c = topic->channels; c != NULL; c = c->topic_next)
		if (c->presence.payload != NULL) tracked[count++] = c;
	qsort(tracked, count, sizeof *tracked, by_key);
	buf_putc(b, '{');
	for (size_t i = 0; i < count; i++) {
		bool is_first = i == 0 || by_key(&tracked[i - 1], &tracked[i]) != 0;
		bool is_last = i + 1 == count || by_key(&tracked[i], &tracked[i + 1]) != 0;
		if (i > 0) buf_putc(b, ',');
		if (is_first) {
			message_put_string(tracked[i]->presence_key, b);
			buf_puts(b, ":{\"metas\":[");
		}
		put_meta(&tracked[i]->presence, b);
		if (is_last) buf_puts(b, "]}");
	}
	buf_putc(b, '}');
	free(tracked);
}

void presence_sync(struct channel *c)
{
	if (!c->has_presence || c->policies.presence_read != ALLOWED_YES) return;
	struct buf b BUF_CLEANUP;
	buf_init(&b, STATE_MAX_BYTES);
	put_state(c->topic, &b);
	channel_push(c, STR("presence_state"), buf_view(&b));
}

/* joined and left: NULL is nothing. */
static void tell(struct topic *topic, struct str key, const struct presence *joined, const struct presence *left)
{
	struct http_frame *frames[2] = {NULL, NULL};
	struct buf payload BUF_CLEANUP;
	buf_init(&payload, STATE_MAX_BYTES);
	buf_puts(&payload, "{\"joins\":");
	put_one(key, joined, &payload);
	buf_puts(&payload, ",\"leaves\":");
	put_one(key, left, &payload);
	buf_putc(&payload, '}');
	for (struct channel *c = topic->channels; c != NULL; c = c->topic_next) {
		struct http_frame **frame = &frames[c->client->version];
		if (c->policies.presence_read != ALLOWED_YES || c->client->socket == NULL) continue;
		if (*frame == NULL) {
			struct buf b BUF_CLEANUP;
			buf_init(&b, STATE_MAX_BYTES);
			message_write(c->client->version, NULL_STR, NULL_STR, str_from(c->name), STR("presence_diff"),
				      buf_view(&payload), &b);
			*frame = http_frame_new(false, buf_view(&b));
		}
		(void)http_socket_send(c->client->socket, *frame);
	}
	http_frame_put(frames[0]);
	http_frame_put(frames[1]);
}

void presence_leave(struct channel *c)
{
	struct presence left = c->presence;
	c->presence = (struct presence){0};
	if (left.payload == NULL) return;
	if (c->topic != NULL) tell(c->topic, c->presence_key, NULL, &left);
	free(left.payload);
}

/* Takes the payload over. */
static void track(struct channel *c, char *payload)
{
	struct presence before = c->presence;
	if (before.payload != NULL && strcmp(before.payload, payload) == 0) {
		free(payload);
		return;
	}
	c->has_presence = true;
	c->presence.payload = payload;
	(void)snprintf(c->presence.ref, sizeof c->presence.ref, "%llx.%llx", (unsigned long long)clock_wall_ms() / 1000,
		       (unsigned long long)++c->realtime->phx_ref);
	(void)snprintf(c->presence.ref_before, sizeof c->presence.ref_before, "%s", before.ref);
	tell(c->topic, c->presence_key, &c->presence, before.payload != NULL ? &before : NULL);
	free(before.payload);
}

static bool is_too_often(struct channel *c)
{
	int64_t now_ms = clock_now_ms();
	if (c->presence_window_ms == 0 || now_ms > c->presence_window_ms) {
		c->presence_calls = 1;
		c->presence_window_ms = now_ms + REALTIME_PRESENCE_WINDOW_MS;
		return false;
	}
	return ++c->presence_calls > REALTIME_PRESENCE_CALLS;
}

static void take_track(struct channel *c, const struct message *m)
{
	const json_t *payload = json_object_get(m->payload, "payload");
	if (payload != NULL && !json_is_object(payload)) {
		channel_reply(c, m->ref, "error", STR("{\"reason\":\"Presence track payload must be a map\"}"));
		return;
	}
	if (c->policies.presence_write != ALLOWED_YES) {
		channel_reply(c, m->ref, "error", STR("{}"));
		return;
	}
	char *text = payload != NULL ? json_text(payload) : strdup("{}");
	if (text == NULL) abort();
	if (strlen(text) > REALTIME_PAYLOAD_MAX_BYTES) {
		free(text);
		channel_shutdown(c, "Track message size exceeded");
		return;
	}
	track(c, text);
	channel_reply(c, m->ref, "ok", STR("{}"));
}

void presence_take(struct channel *c, const struct message *m)
{
	const char *event = json_str(m->payload, "event", NULL);
	if (event != NULL && is_too_often(c)) {
		channel_shutdown(c, "Client presence rate limit exceeded");
	} else if (event == NULL) {
		channel_reply(c, m->ref, "ok", STR("{}"));
	} else if (strcasecmp(event, "track") == 0) {
		take_track(c, m);
	} else if (strcasecmp(event, "untrack") == 0) {
		presence_leave(c);
		channel_reply(c, m->ref, "ok", STR("{}"));
	} else {
		channel_reply(c, m->ref, "error", STR("{}"));
	}
}
