/* SPDX-License-Identifier: Apache-2.0 */
#include "realtime/join.h"

#include <strings.h>

#define REPLAY_LIMIT 25 /* where the client names none */

static bool flag(const json_t *object, const char *name)
{
	const json_t *value = json_object_get(object, name);
	if (json_is_string(value)) return strcasecmp(json_string_value(value), "true") == 0;
	return json_is_true(value);
}

static struct str text(const json_t *object, const char *name)
{
	const json_t *value = json_object_get(object, name);
	if (!json_is_string(value)) return (struct str){NULL, 0};
	return (struct str){json_string_value(value), json_string_length(value)};
}

static void read_replay(const json_t *replay, struct join *j)
{
	const json_t *since = json_object_get(replay, "since"), *limit = json_object_get(replay, "limit");
	j->has_replay = replay != NULL;
	j->is_replay_sound = json_is_integer(since) && (limit == NULL || json_is_integer(limit));
	j->replay_since_ms = json_integer_value(since);
	j->replay_limit = limit != NULL ? json_integer_value(limit) : REPLAY_LIMIT;
}

void join_read(const json_t *payload, struct join *ret)
{
	const json_t *config = json_object_get(payload, "config");
	const json_t *broadcast = json_object_get(config, "broadcast"), *presence = json_object_get(config, "presence");
	struct join j = {.is_private = flag(config, "private"),
			 .acks = flag(broadcast, "ack"),
			 .sends_self = flag(broadcast, "self"),
			 .wants_ready = flag(broadcast, "replication_ready"),
			 .has_presence = flag(presence, "enabled"),
			 .presence_key = text(presence, "key"),
			 .token = text(payload, "access_token")};
	if (j.token.ptr == NULL) j.token = text(payload, "user_token");
	const json_t *changes = json_object_get(config, "postgres_changes");
	if (json_is_array(changes) && json_array_size(changes) > 0) j.changes = changes;
	read_replay(json_object_get(broadcast, "replay"), &j);
	*ret = j;
}
