/* SPDX-License-Identifier: Apache-2.0
 *
 * Messages of the Phoenix protocol as Realtime's clients speak it, in two versions:
 *
 *   1.0.0  {"topic","event","payload","ref","join_ref"}
 *   2.0.0  [join_ref, ref, topic, event, payload], and binary frames for broadcasts whose payload stays as it is:
 *          from a client   3, lengths of join_ref, ref, topic, event, metadata, encoding (0 bytes, 1 JSON), then these
 *          to a client     4, lengths of topic, event, metadata, encoding, then these
 *
 * Source: realtime-js lib/serializer.ts; Realtime's socket/v2_serializer.ex. Pure. */
#ifndef FREEHOLD_REALTIME_MESSAGE_H
#define FREEHOLD_REALTIME_MESSAGE_H

#include <jansson.h>
#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

enum message_version { MESSAGE_V1, MESSAGE_V2 };

#define MESSAGE_NAME_MAX 255 /* of a topic or an event in a binary frame */

/* .ptr NULL: null, or not there. */
struct message {
	struct str join_ref, ref, topic, event;
	json_t *payload; /* an object; NULL: the four below */
	bool is_json;
	struct str user_event, metadata, user_payload;
};

/* The texts are borrowed from the bytes, or from the JSON that ret keeps; message_done lets go of it. */
struct message_read {
	struct message message;
	json_t *root;
};
bool message_read(enum message_version version, bool is_binary, struct str bytes, struct message_read *ret,
		  struct err *err);
void message_done(struct message_read *m);

/* payload: JSON text. join_ref and ref: .ptr NULL is null. */
void message_write(enum message_version version, struct str join_ref, struct str ref, struct str topic,
		   struct str event, struct str payload, struct buf *ret_text);

/* A broadcast to 2.0.0 whose payload stays as it is. False: a name is too long for it. */
bool message_write_broadcast(struct str topic, struct str event, struct str metadata, bool is_json, struct str payload,
			     struct buf *ret_bytes);

/* The same as the object that text messages carry; payload and metadata (may be empty) are JSON text. */
void message_put_broadcast(struct str event, struct str metadata, struct str payload, struct buf *ret_text);

/* A JSON string. What is no UTF-8 becomes U+FFFD. */
void message_put_string(struct str text, struct buf *ret_text);

#endif
