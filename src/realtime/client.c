/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "base/log.h"
#include "realtime/private.h"

#define ANSWER_MAX_BYTES (16u << 20)

void client_send(struct client *client, struct str join_ref, struct str ref, struct str topic, struct str event,
		 struct str payload)
{
	struct buf b BUF_CLEANUP;
	buf_init(&b, ANSWER_MAX_BYTES);
	message_write(client->version, join_ref, ref, topic, event, payload, &b);
	if (!buf_is_ok(&b) || client->socket == NULL) return;
	struct http_frame *frame = http_frame_new(false, buf_view(&b));
	(void)http_socket_send(client->socket, frame);
	http_frame_put(frame);
}

static void reply(struct client *client, const struct message *m, bool is_ok, struct str response)
{
	struct buf b BUF_CLEANUP;
	buf_init(&b, 1024);
	buf_printf(&b, "{\"status\":\"%s\",\"response\":", is_ok ? "ok" : "error");
	buf_str(&b, response);
	buf_putc(&b, '}');
	client_send(client, m->join_ref, m->ref, m->topic, STR("phx_reply"), buf_view(&b));
}

static struct channel *find_channel(const struct client *client, struct str topic)
{
	struct channel *c = client->channels;
	while (c != NULL && !str_eq(str_from(c->name), topic)) c = c->next;
	return c;
}

/* A message to an earlier channel of the same name. */
static bool is_stale(const struct channel *c, const struct message *m)
{
	return m->join_ref.ptr != NULL && c->join_ref != NULL && !str_eq(m->join_ref, str_from(c->join_ref));
}

static void take_join(struct client *client, struct channel *c, const struct message *m)
{
	if (c != NULL) channel_end(c, "phx_close");
	if (!str_has_prefix(m->topic, STR("realtime:")))
		reply(client, m, false, STR("{\"reason\":\"unmatched topic\"}"));
	else
		channel_join(client, m);
}

/* Phoenix.Socket's rules: the heartbeat, joins and leaves; the rest is the channel's. */
static void take(struct client *client, bool is_binary, struct str bytes, const struct message *m)
{
	struct channel *c = find_channel(client, m->topic);
	if (str_eq(m->topic, STR("phoenix")) && str_eq(m->event, STR("heartbeat"))) {
		reply(client, m, true, STR("{}"));
	} else if (str_eq(m->event, STR("phx_join")) && m->payload != NULL) {
		take_join(client, c, m);
	} else if (str_eq(m->event, STR("phx_leave"))) {
		reply(client, m, true, STR("{}"));
		if (c != NULL && !is_stale(c, m)) channel_end(c, "phx_close");
	} else if (c == NULL || is_stale(c, m)) {
		reply(client, m, false, STR("{\"reason\":\"unmatched topic\"}"));
	} else if (!bucket_take(&client->events, REALTIME_EVENTS_PER_S)) {
		channel_shutdown(c, "Too many messages per second");
	} else {
		channel_take(c, is_binary, bytes, m);
	}
}

static void on_message(void *arg, struct http_socket *socket, bool is_binary, struct str bytes)
{
	struct client *client = arg;
	struct message_read m;
	struct err err;
	if (!message_read(client->version, is_binary, bytes, &m, &err)) {
		log_info("realtime: a client is closed: %s", err.msg);
		http_socket_close(socket, HTTP_CLOSE_POLICY, "this is no message of the Phoenix protocol");
		return;
	}
	take(client, is_binary, bytes, &m.message);
	message_done(&m);
}

static void on_open(void *arg, struct http_socket *socket)
{
	struct client *client = arg;
	struct realtime *r = client->realtime;
	client->socket = socket;
	client->next = r->clients;
	if (client->next != NULL) client->next->prev = client;
	r->clients = client;
	r->client_count++;
}

static void unlink_client(struct client *client)
{
	struct realtime *r = client->realtime;
	if (client->prev != NULL)
		client->prev->next = client->next;
	else
		r->clients = client->next;
	if (client->next != NULL) client->next->prev = client->prev;
	r->client_count--;
}

static void on_closed(void *arg, struct http_socket *socket, unsigned code, const char *reason)
{
	struct client *client = arg;
	client->socket = NULL;
	client->is_leaving = true;
	if (code == HTTP_CLOSE_ABNORMAL && strstr(reason, "does not read") != NULL)
		log_info("realtime: a client was cut: %s", reason);
	while (client->channels != NULL) channel_end(client->channels, NULL);
	if (socket != NULL) unlink_client(client);
	free(client->token);
	free(client);
}

const struct http_socket_handler client_handler = {on_open, on_message, on_closed};

void client_new(struct realtime *r, struct http_request *req, enum message_version version, struct str token)
{
	struct client *client = calloc(1, sizeof *client);
	if (client == NULL) abort();
	client->realtime = r;
	client->version = version;
	client->token = str_dup(token);
	http_socket_accept(r->sockets, req, client);
}
