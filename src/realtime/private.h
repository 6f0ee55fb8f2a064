/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of realtime share: who is connected, in which channels, and on which topics. Nobody else includes
 * this.
 *
 *     realtime ── clients ── channels ── topic (shared by the channels of one name and kind)
 *                               │  └──── identity (role and claims, shared by all that have the same)
 *                               └─────── subscriptions ── interest (shared by all that want the same)
 *
 * A channel:   joining ─▶ joined ─▶ closed. While something is asked of PostgreSQL on its behalf (is_busy) what its
 * client sends to it waits in order. It is kept until the last question about it is answered (references). */
#ifndef FREEHOLD_REALTIME_PRIVATE_H
#define FREEHOLD_REALTIME_PRIVATE_H

#include "base/buf.h"
#include "http/websocket.h"
#include "realtime/join.h"
#include "realtime/message.h"
#include "realtime/realtime.h"
#include "realtime/table.h"

/* Tokens that fill up to a minute's worth: the average of a minute is limited, a burst is not. */
struct bucket {
	double tokens;
	int64_t at_ms; /* 0: full */
};

struct identity {
	struct table_entry entry; /* "role\0claims" */
	unsigned references;
	char *key;
	const char *role, *claims;
	uint64_t affinity;
	struct checks *checks; /* of the batch that is under way */
};

struct presence {
	char *payload; /* an object; NULL: not tracked */
	char ref[24], ref_before[24]; /* phx_ref, and the one it took the place of */
};

enum allowed { ALLOWED_UNKNOWN, ALLOWED_NO, ALLOWED_YES };

/* What the policies on realtime.messages say. A public channel may do everything. */
struct policies {
	enum allowed broadcast_read, broadcast_write, presence_read, presence_write;
};

struct subscription {
	struct channel *channel;
	struct interest *interest;
	struct interest_group *group;
	struct subscription *next, *prev; /* in its group */
};

struct waiting { /* what came while the channel was busy */
	struct waiting *next;
	bool is_binary;
	size_t len;
	char bytes[];
};

enum channel_state { CHANNEL_JOINING, CHANNEL_JOINED, CHANNEL_CLOSED };

struct channel {
	struct realtime *realtime;
	struct client *client; /* NULL once closed */
	struct channel *next; /* of its client */
	struct channel *topic_next, *topic_prev;
	struct topic *topic;
	unsigned references;
	enum channel_state state;
	bool is_busy;

	char *name; /* "realtime:room" */
	char *join_ref; /* NULL: none was given */
	char *ref; /* of the join itself */
	bool is_private, acks, sends_self, has_presence, wants_ready;
	char *token;
	struct identity *identity;
	int64_t expires_s;
	struct policies policies;

	struct str presence_key;
	char *presence_key_text;
	struct presence presence;
	int presence_calls;
	int64_t presence_window_ms;

	json_t *wishes; /* postgres_changes as it was asked for, without nulls; NULL: none */
	struct subscription *subscriptions;
	int subscription_count;
	bool is_asking; /* whether the wishes can be fulfilled */
	bool is_subscribed; /* they are */
	bool is_told; /* that they are, since changes come */
	bool is_put_off; /* nobody could be asked; the timer asks again */
	bool is_regrouping; /* to its new identity, after the batch */
	const char *failure; /* of a wish that cannot be read, to be told after the join; the interest's */
	unsigned round; /* of the last question: an answer to an earlier one is out of date */

	int *found_ids; /* in the middle of giving out a change: the interests that it matched */
	int found_count;
	bool is_found;
	struct channel *next_found;

	struct waiting *waiting, **waiting_end;
	size_t waiting_bytes;
};

struct client {
	struct realtime *realtime;
	struct http_socket *socket; /* NULL until it opened */
	struct client *next, *prev;
	enum message_version version;
	char *token; /* the apikey it connected with */
	struct channel *channels;
	int channel_count;
	struct bucket events;
	bool is_leaving;
};

struct topic {
	struct table_entry entry; /* 'p' or 's' (private), then the name */
	char *key;
	struct channel *channels;
};

struct realtime {
	uv_loop_t *loop;
	struct realtime_spec spec;
	struct http_sockets *sockets;
	struct client *clients; /* those that opened */
	size_t client_count, channel_count;
	struct table topics, identities;
	struct interests *interests;
	struct feed *feed;
	uv_timer_t timer; /* once a second: tokens that ran out */
	struct bucket joins, posts;
	uint64_t phx_ref;
	unsigned regrouping; /* channels that wait for the end of the batch to be regrouped */

	bool is_draining, is_stopped;
	uv_timer_t drain_timer;
	size_t drain_step;
	void (*on_drained)(void *arg);
	void *drained_arg;
	int open_handles;
};

/* hub.c */
bool bucket_take(struct bucket *b, double per_s);
struct identity *identity_get(struct realtime *r, struct str role, struct str claims);
struct identity *identity_ref(struct identity *identity);
void identity_put(struct realtime *r, struct identity *identity); /* NULL is allowed */
struct topic *topic_find(struct realtime *r, struct str name, bool is_private); /* NULL: nobody is there */
void topic_enter(struct channel *c);
void topic_leave(struct channel *c);
struct str topic_name(const struct channel *c); /* "room" of "realtime:room" */

/* client.c */
void client_send(struct client *client, struct str join_ref, struct str ref, struct str topic, struct str event,
		 struct str payload);
void client_new(struct realtime *r, struct http_request *req, enum message_version version, struct str token);
extern const struct http_socket_handler client_handler;

/* channel.c */
void channel_join(struct client *client, const struct message *m);
void channel_take(struct channel *c, bool is_binary, struct str bytes, const struct message *m);
void channel_end(struct channel *c, const char *event); /* "phx_close", "phx_error"; NULL: the client has gone */
void channel_shutdown(struct channel *c, const char *message); /* a system message, and the end */
void channel_unref(struct channel *c);
void channel_push(struct channel *c, struct str event, struct str payload);
void channel_system(struct channel *c, const char *extension, const char *status, const char *message);
void channel_reply(struct channel *c, struct str ref, const char *status, struct str response);
void channel_idle(struct channel *c); /* no longer busy: what waited is taken up */

/* broadcast.c. from: who does not hear it; NULL: all do. id: of a row of realtime.messages, or "". */
void broadcast_send(struct topic *topic, const struct channel *from, struct str event, struct str id, bool is_json,
		    struct str payload);
void broadcast_object(struct topic *topic, const struct channel *from, struct str payload);
void broadcast_take(struct channel *c, const struct message *m);

/* presence.c */
void presence_take(struct channel *c, const struct message *m);
void presence_sync(struct channel *c); /* the state, to a channel that has just joined */
void presence_leave(struct channel *c); /* tells the others; nothing when it was not tracked */

/* policy.c. Asks what the channel's identity may do on its topic. done comes later, once, unless the channel has closed
 * by then; problem: why nothing could be found out, or NULL. */
typedef void (*policy_fn)(struct channel *c, const struct policies *policies, const char *problem);
void policy_ask(struct channel *c, policy_fn done);
typedef void (*policy_write_fn)(void *arg, bool may_write, const char *problem);
void policy_ask_write(struct realtime *r, const struct identity *identity, struct str topic, policy_write_fn done,
		      void *arg);

/* subscribe.c */
void subscribe_begin(struct channel *c); /* asks whether the wishes can be fulfilled, then makes the subscriptions */
void subscribe_end(struct channel *c); /* drops them */
void subscribe_regroup(struct channel *c);
void subscribe_tell(struct channel *c); /* if they are there and changes come: says so, once */

#endif
