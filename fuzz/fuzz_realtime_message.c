/* SPDX-License-Identifier: Apache-2.0
 *
 * What a client sends: the first byte is the version and whether it is binary. What is read can be read again once it
 * is written, joins are taken apart. */
#include <stdint.h>
#include <stdlib.h>

#include "codec/json.h"
#include "realtime/join.h"
#include "realtime/message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_text(enum message_version version, const struct message *m)
{
	struct buf b BUF_CLEANUP;
	struct message_read again;
	struct join join;
	struct err err;
	char *payload = json_text(m->payload);
	buf_init(&b, 1 << 24);
	join_read(m->payload, &join);
	message_write(version, m->join_ref, m->ref, m->topic, m->event, str_from(payload), &b);
	if (!message_read(version, false, buf_view(&b), &again, &err)) abort();
	if (!str_eq(again.message.topic, m->topic) || !json_equal(again.message.payload, m->payload)) abort();
	message_done(&again);
	free(payload);
}

static void check_binary(const struct message *m)
{
	struct buf b BUF_CLEANUP;
	json_t *value JSON_CLEANUP = NULL;
	struct err err;
	buf_init(&b, 1 << 24);
	if (!message_write_broadcast(m->topic, m->user_event, m->metadata, m->is_json, m->user_payload, &b)) abort();
	if (!m->is_json) return;
	buf_clear(&b);
	message_put_broadcast(m->user_event, m->metadata, m->user_payload, &b);
	if (!json_parse(buf_view(&b), &value, &err)) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0) return 0;
	enum message_version version = (data[0] & 1) != 0 ? MESSAGE_V2 : MESSAGE_V1;
	struct message_read m;
	struct err err;
	if (!message_read(version, (data[0] & 2) != 0, (struct str){(const char *)data + 1, size - 1}, &m, &err))
		return 0;
	if (m.message.payload != NULL)
		check_text(version, &m.message);
	else
		check_binary(&m.message);
	message_done(&m);
	return 0;
}
