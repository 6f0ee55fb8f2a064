/* SPDX-License-Identifier: Apache-2.0
 *
 * Broadcasts to the channels of a topic: from a client, over HTTP, from the database. Each way of writing one is
 * encoded once for all that hear it. */
#include <stdlib.h>

#include "codec/json.h"
#include "realtime/private.h"

#define FRAME_MAX_BYTES (REALTIME_PAYLOAD_MAX_BYTES * 2)
#define NULL_STR ((struct str){NULL, 0})

/* The three ways: an object in either version's text, and 2.0.0's binary. */
struct encoded {
	struct http_frame *text[2], *binary;
};

static void encoded_done(struct encoded *e)
{
	http_frame_put(e->text[0]);
	http_frame_put(e->text[1]);
	http_frame_put(e->binary);
}

static struct http_frame *encode_object(enum message_version version, const struct channel *c, struct str payload)
{
	struct buf b BUF_CLEANUP;
	buf_init(&b, FRAME_MAX_BYTES);
	message_write(version, NULL_STR, NULL_STR, str_from(c->name), STR("broadcast"), payload, &b);
	return buf_is_ok(&b) ? http_frame_new(false, buf_view(&b)) : NULL;
}

static bool hears(const struct channel *c, const struct channel *from)
{
	return c != from && c->client->socket != NULL && c->policies.broadcast_read == ALLOWED_YES;
}

void broadcast_object(struct topic *topic, const struct channel *from, struct str payload)
{
	struct encoded e = {{NULL, NULL}, NULL};
	for (struct channel *c = topic->channels; c != NULL; c = c->topic_next) {
		struct http_frame **frame = &e.text[c->client->version];
		if (!hears(c, from)) continue;
		if (*frame == NULL) *frame = encode_object(c->client->version, c, payload);
		if (*frame != NULL) (void)http_socket_send(c->client->socket, *frame);
	}
	encoded_done(&e);
}

static struct http_frame *encode_binary(const struct channel *c, struct str event, struct str metadata, bool is_json,
					struct str payload)
{
	struct buf b BUF_CLEANUP;
	buf_init(&b, FRAME_MAX_BYTES);
	if (!message_write_broadcast(str_from(c->name), event, metadata, is_json, payload, &b)) return NULL;
	return buf_is_ok(&b) ? http_frame_new(true, buf_view(&b)) : NULL;
}

void broadcast_send(struct topic *topic, const struct channel *from, struct str event, struct str id, bool is_json,
		    struct str payload)
{
	struct encoded e = {{NULL, NULL}, NULL};
	struct buf object BUF_CLEANUP, metadata BUF_CLEANUP;
	buf_init(&object, FRAME_MAX_BYTES);
	buf_init(&metadata, 200);
	if (id.len > 0) {
		buf_puts(&metadata, "{\"id\":");
		message_put_string(id, &metadata);
		buf_putc(&metadata, '}');
	}
	for (struct channel *c = topic->channels; c != NULL; c = c->topic_next) {
		bool is_binary = c->client->version == MESSAGE_V2 && strlen(c->name) <= MESSAGE_NAME_MAX &&
				 event.len <= MESSAGE_NAME_MAX;
		if (!hears(c, from) || (!is_binary && !is_json)) continue; /* bytes have no form in 1.0.0 */
		struct http_frame **frame = is_binary ? &e.binary : &e.text[c->client->version];
		if (*frame == NULL && is_binary)
			*frame = encode_binary(c, event, buf_view(&metadata), is_json, payload);
		if (*frame == NULL && !is_binary) {
			buf_clear(&object);
			message_put_broadcast(event, buf_view(&metadata), payload, &object);
			*frame = encode_object(c->client->version, c, buf_view(&object));
		}
		if (*frame != NULL) (void)http_socket_send(c->client->socket, *frame);
	}
	encoded_done(&e);
}

static size_t payload_bytes(const struct message *m, const char *text)
{
	return m->payload != NULL ? strlen(text) : m->user_payload.len;
}

void broadcast_take(struct channel *c, const struct message *m)
{
	if (c->policies.broadcast_write != ALLOWED_YES) return; /* upstream says nothing either */
	const struct channel *from = c->sends_self ? NULL : c;
	char *text = m->payload != NULL ? json_text(m->payload) : NULL;
	bool fits = payload_bytes(m, text) <= REALTIME_PAYLOAD_MAX_BYTES;
	if (fits && m->payload != NULL)
		broadcast_object(c->topic, from, str_from(text));
	else if (fits)
		broadcast_send(c->topic, from, m->user_event, STR(""), m->is_json, m->user_payload);
	free(text);
	if (!c->acks) return;
	if (fits)
		channel_reply(c, m->ref, "ok", STR("{}"));
	else
		channel_reply(c, m->ref, "error", STR("\"payload_size_exceeded\""));
}
