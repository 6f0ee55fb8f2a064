/* SPDX-License-Identifier: Apache-2.0
 *
 * A channel from its join to its end, and the messages that its client sends to it. The words of its answers are those
 * of upstream's realtime_channel.ex. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "codec/json.h"
#include "realtime/feed.h"
#include "realtime/interest.h"
#include "realtime/private.h"

#define VERIFY_ARENA_BYTES 131072
#define WAITING_MAX_BYTES (8u << 20)
#define WISHES_MAX 200 /* postgres_changes of one channel */
#define ANSWER_MAX_BYTES (1u << 20)
#define NULL_STR ((struct str){NULL, 0})

static struct str or_null(const char *text)
{
	return text != NULL ? str_from(text) : NULL_STR;
}

/* What a channel says to its client. */
void channel_push(struct channel *c, struct str event, struct str payload)
{
	/* Phoenix gives pushes of a channel its join_ref; a text push is never an answer, so that it has no ref. */
	if (c->client != NULL)
		client_send(c->client, or_null(c->join_ref), NULL_STR, str_from(c->name), event, payload);
}

void channel_reply(struct channel *c, struct str ref, const char *status, struct str response)
{
	struct buf b BUF_CLEANUP;
	buf_init(&b, ANSWER_MAX_BYTES);
	buf_printf(&b, "{\"status\":\"%s\",\"response\":", status);
	buf_str(&b, response);
	buf_putc(&b, '}');
	if (c->client != NULL)
		client_send(c->client, or_null(c->join_ref), ref, str_from(c->name), STR("phx_reply"), buf_view(&b));
}

void channel_system(struct channel *c, const char *extension, const char *status, const char *message)
{
	struct buf b BUF_CLEANUP;
	buf_init(&b, ANSWER_MAX_BYTES);
	buf_printf(&b, "{\"extension\":\"%s\",\"status\":\"%s\",\"message\":", extension, status);
	message_put_string(str_from(message), &b);
	buf_puts(&b, ",\"channel\":");
	message_put_string(topic_name(c), &b);
	buf_putc(&b, '}');
	channel_push(c, STR("system"), buf_view(&b));
}

/* The end */
static void drop_waiting(struct channel *c)
{
	while (c->waiting != NULL) {
		struct waiting *w = c->waiting;
		c->waiting = w->next;
		free(w);
	}
	c->waiting_end = &c->waiting;
	c->waiting_bytes = 0;
}

void channel_unref(struct channel *c)
{
	if (--c->references > 0) return;
	assert(c->state == CHANNEL_CLOSED);
	free(c);
}

static void let_go(struct channel *c)
{
	drop_waiting(c);
	identity_put(c->realtime, c->identity);
	c->identity = NULL;
	free(c->join_ref);
	free(c->ref);
	free(c->name);
	free(c->token);
	free(c->presence_key_text);
	free(c->found_ids);
	json_decref(c->wishes);
	c->join_ref = c->ref = c->name = c->token = c->presence_key_text = NULL;
	c->found_ids = NULL;
	c->wishes = NULL;
}

void channel_end(struct channel *c, const char *event)
{
	struct client *client = c->client;
	struct realtime *r = c->realtime;
	if (c->state == CHANNEL_CLOSED) return;
	if (event != NULL && c->state == CHANNEL_JOINED)
		client_send(client, or_null(c->join_ref), or_null(c->join_ref), str_from(c->name), str_from(event),
			    STR("{}"));
	struct channel **at = &client->channels;
	while (*at != c) at = &(*at)->next;
	*at = c->next;
	client->channel_count--;
	r->channel_count--;
	subscribe_end(c);
	c->policies.presence_read = ALLOWED_NO; /* of its own leaving it hears nothing */
	presence_leave(c);
	topic_leave(c);
	c->state = CHANNEL_CLOSED;
	c->client = NULL;
	let_go(c);
	feed_look(r->feed);
	channel_unref(c);
}

void channel_shutdown(struct channel *c, const char *message)
{
	channel_system(c, "system", "error", message);
	channel_end(c, "phx_close");
}

/* Joining */
static void refuse_join(struct client *client, const struct message *m, const char *code, const char *message)
{
	struct buf reason BUF_CLEANUP, b BUF_CLEANUP;
	buf_init(&reason, 4096);
	buf_init(&b, 8192);
	buf_printf(&reason, "%s: %s", code, message);
	buf_puts(&b, "{\"status\":\"error\",\"response\":{\"reason\":");
	message_put_string(buf_view(&reason), &b);
	buf_puts(&b, "}}");
	client_send(client, m->join_ref, m->ref, m->topic, STR("phx_reply"), buf_view(&b));
	log_info("realtime: a join is refused: %.200s", buf_cstr(&reason));
}

/* "sb_…" stands for whatever the client connected with. */
static bool take_token(struct channel *c, struct str token, struct realtime_refusal *refusal)
{
	struct realtime *r = c->realtime;
	struct realtime_holder holder;
	if (token.ptr == NULL || str_has_prefix(token, STR("sb_"))) token = str_from(c->client->token);
	struct arena *a = arena_new(VERIFY_ARENA_BYTES);
	bool ok = r->spec.verify(r->spec.arg, a, token, &holder, refusal);
	if (ok) {
		struct identity *before = c->identity;
		c->identity = identity_get(r, holder.role, holder.claims);
		identity_put(r, before);
		c->expires_s = holder.expires_s;
		char *text = str_dup(token);
		free(c->token);
		c->token = text;
	}
	arena_free(a);
	return ok;
}

static void make_presence_key(struct channel *c, struct str wanted)
{
	char text[40];
	if (wanted.len == 0) {
		(void)snprintf(text, sizeof text, "%08llx-%08llx", (unsigned long long)clock_wall_ms() / 1000,
			       (unsigned long long)++c->realtime->phx_ref);
		wanted = str_from(text);
	}
	c->presence_key_text = str_dup(wanted);
	c->presence_key = (struct str){c->presence_key_text, wanted.len};
}

static struct channel *channel_new(struct client *client, const struct message *m, const struct join *join)
{
	struct channel *c = calloc(1, sizeof *c);
	if (c == NULL) abort();
	c->realtime = client->realtime;
	c->client = client;
	c->references = 1;
	c->name = str_dup(m->topic);
	c->join_ref = m->join_ref.ptr != NULL ? str_dup(m->join_ref) : m->ref.ptr != NULL ? str_dup(m->ref) : NULL;
	c->ref = m->ref.ptr != NULL ? str_dup(m->ref) : NULL;
	c->is_private = join->is_private;
	c->acks = join->acks;
	c->sends_self = join->sends_self;
	c->has_presence = join->has_presence;
	c->wants_ready = join->wants_ready;
	c->waiting_end = &c->waiting;
	make_presence_key(c, join->presence_key);
	c->next = client->channels;
	client->channels = c;
	client->channel_count++;
	client->realtime->channel_count++;
	return c;
}

/* Each wish gets the number of what it wants, which changes then carry. */
static void make_wishes(struct channel *c, const json_t *changes)
{
	if (changes == NULL) return;
	c->wishes = json_array();
	for (size_t i = 0; i < json_array_size(changes) && json_array_size(c->wishes) < WISHES_MAX; i++) {
		json_t *wish = json_array_get(changes, i);
		if (!json_is_object(wish)) continue;
		json_t *own = json_deep_copy(wish);
		(void)json_array_append_new(c->wishes, own);
	}
	subscribe_begin(c);
}

static void answer_join(struct channel *c, struct str ref)
{
	struct buf b BUF_CLEANUP;
	buf_init(&b, ANSWER_MAX_BYTES);
	json_t *list JSON_CLEANUP = json_array();
	for (size_t i = 0; i < json_array_size(c->wishes); i++) {
		json_t *wish = json_copy(json_array_get(c->wishes, i));
		(void)json_object_set_new(wish, "id", json_integer(interest_id(c->subscriptions[i].interest)));
		(void)json_array_append_new(list, wish);
	}
	char *text = json_text(list);
	buf_printf(&b, "{\"postgres_changes\":");
	buf_puts(&b, text);
	buf_putc(&b, '}');
	free(text);
	channel_reply(c, ref, "ok", buf_view(&b));
}

static void finish_join(struct channel *c, struct str ref)
{
	c->state = CHANNEL_JOINED;
	topic_enter(c);
	feed_look(c->realtime->feed);
	answer_join(c, ref);
	presence_sync(c);
	subscribe_tell(c);
}

static bool may_read(const struct policies *p)
{
	return p->broadcast_read == ALLOWED_YES || p->presence_read == ALLOWED_YES;
}

static void cannot_read(const struct channel *c, char *ret, size_t size)
{
	(void)snprintf(ret, size, "You do not have permissions to read from this Channel topic: %s", topic_name(c).ptr);
}

static void on_join_policies(struct channel *c, const struct policies *policies, const char *problem)
{
	char words[400];
	struct str ref = or_null(c->ref);
	const struct message m = {.join_ref = or_null(c->join_ref), .ref = ref, .topic = str_from(c->name)};
	c->policies = *policies;
	if (problem != NULL) {
		refuse_join(c->client, &m, "UnableToConnectToProject",
			    "Realtime was unable to connect to the project database");
		channel_end(c, NULL);
	} else if (!may_read(policies)) {
		cannot_read(c, words, sizeof words);
		refuse_join(c->client, &m, "Unauthorized", words);
		channel_end(c, NULL);
	} else {
		finish_join(c, ref);
		channel_idle(c);
	}
}

static bool is_join_welcome(struct client *client, const struct message *m, const struct join *join)
{
	struct realtime *r = client->realtime;
	if (m->topic.len == strlen("realtime:"))
		refuse_join(client, m, "TopicNameRequired", "You must provide a topic name");
	else if (r->is_draining)
		refuse_join(client, m, "RealtimeRestarting", "Realtime is restarting, please standby");
	else if (client->channel_count >= REALTIME_CHANNELS_MAX)
		refuse_join(client, m, "ChannelRateLimitReached", "Too many channels");
	else if (join->has_replay && !join->is_private)
		refuse_join(client, m, "UnableToReplayMessages", "Replay is not allowed for public channels");
	else if (!bucket_take(&r->joins, REALTIME_JOINS_PER_S)) {
		refuse_join(client, m, "ClientJoinRateLimitReached", "Too many joins per second");
		http_socket_close(client->socket, HTTP_CLOSE_NORMAL, "too many joins");
	} else
		return true;
	return false;
}

void channel_join(struct client *client, const struct message *m)
{
	struct join join;
	struct realtime_refusal refusal;
	join_read(m->payload, &join);
	if (!is_join_welcome(client, m, &join)) return;
	struct channel *c = channel_new(client, m, &join);
	if (!take_token(c, join.token, &refusal)) {
		refuse_join(client, m, refusal.code, refusal.message);
		channel_end(c, NULL);
		return;
	}
	make_wishes(c, join.changes);
	if (!c->is_private) {
		c->policies = (struct policies){ALLOWED_YES, ALLOWED_YES, ALLOWED_YES, ALLOWED_YES};
		finish_join(c, m->ref);
		return;
	}
	c->is_busy = true;
	policy_ask(c, on_join_policies);
}

/* A new token */
static bool is_revoked(enum allowed before, enum allowed now)
{
	return before == ALLOWED_YES && now != ALLOWED_YES;
}

static void on_new_policies(struct channel *c, const struct policies *policies, const char *problem)
{
	char words[400];
	const struct policies before = c->policies;
	c->policies = *policies;
	if (problem != NULL) {
		channel_shutdown(c, "Realtime was unable to connect to the project database");
		return;
	}
	if (!may_read(policies)) {
		cannot_read(c, words, sizeof words);
		channel_shutdown(c, words);
		return;
	}
	if (is_revoked(before.broadcast_read, policies->broadcast_read) ||
	    is_revoked(before.presence_read, policies->presence_read)) {
		(void)snprintf(words, sizeof words, "You no longer have permission to read from this Channel topic: %s",
			       topic_name(c).ptr);
		channel_shutdown(c, words);
		return;
	}
	channel_idle(c);
}

static void take_new_token(struct channel *c, const struct message *m)
{
	struct realtime_refusal refusal;
	const json_t *value = json_object_get(m->payload, "access_token");
	struct str token = {json_string_value(value), json_string_length(value)};
	if (!json_is_string(value) || str_has_prefix(token, STR("sb_")) || str_eq(token, str_from(c->token))) return;
	struct identity *before = identity_ref(c->identity);
	if (!take_token(c, token, &refusal)) {
		channel_shutdown(c, refusal.message);
	} else {
		if (c->wishes != NULL && before != c->identity) subscribe_begin(c);
		if (c->is_private) {
			c->is_busy = true;
			policy_ask(c, on_new_policies);
		}
	}
	identity_put(c->realtime, before);
}

/* Messages */
static void take(struct channel *c, const struct message *m)
{
	if (str_eq(m->event, STR("broadcast")))
		broadcast_take(c, m);
	else if (m->payload != NULL && str_eq(m->event, STR("presence")))
		presence_take(c, m);
	else if (m->payload != NULL && str_eq(m->event, STR("access_token")))
		take_new_token(c, m);
	/* What else comes is ignored, as upstream does. */
}

static void wait_for_it(struct channel *c, bool is_binary, struct str bytes)
{
	if (c->waiting_bytes + bytes.len > WAITING_MAX_BYTES) {
		channel_shutdown(c, "Too many messages per second");
		return;
	}
	struct waiting *w = malloc(sizeof *w + bytes.len);
	if (w == NULL) abort();
	w->next = NULL;
	w->is_binary = is_binary;
	w->len = bytes.len;
	memcpy(w->bytes, bytes.ptr, bytes.len);
	*c->waiting_end = w;
	c->waiting_end = &w->next;
	c->waiting_bytes += bytes.len;
}

void channel_take(struct channel *c, bool is_binary, struct str bytes, const struct message *m)
{
	if (c->is_busy)
		wait_for_it(c, is_binary, bytes);
	else
		take(c, m);
}

void channel_idle(struct channel *c)
{
	struct message_read m;
	struct err ignored;
	c->is_busy = false;
	c->references++;
	while (c->state == CHANNEL_JOINED && !c->is_busy && c->waiting != NULL) {
		struct waiting *w = c->waiting;
		c->waiting = w->next;
		c->waiting_bytes -= w->len;
		if (c->waiting == NULL) c->waiting_end = &c->waiting;
		if (message_read(c->client->version, w->is_binary, (struct str){w->bytes, w->len}, &m, &ignored)) {
			take(c, &m.message);
			message_done(&m);
		}
		free(w);
	}
	channel_unref(c);
}
