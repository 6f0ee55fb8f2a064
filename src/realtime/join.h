/* SPDX-License-Identifier: Apache-2.0
 *
 * The payload of phx_join: {"config": {"broadcast", "presence", "postgres_changes", "private"}, "access_token"}. What
 * is of the wrong type counts as not given, as upstream has it (channels/payloads/). Pure. */
#ifndef FREEHOLD_REALTIME_JOIN_H
#define FREEHOLD_REALTIME_JOIN_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

/* Borrowed from the payload. */
struct join {
	bool is_private;
	bool acks, sends_self; /* broadcasts: each is answered; the sender hears its own */
	bool wants_ready; /* to be told when broadcasts from the database arrive */
	bool has_presence;
	struct str presence_key; /* empty: to be made up */
	struct str token; /* access_token; .ptr NULL: none */
	const json_t *changes; /* a list without nulls is not promised; NULL: none */
	bool has_replay;
	bool is_replay_sound;
	int64_t replay_since_ms, replay_limit;
};

void join_read(const json_t *payload, struct join *ret);

#endif
