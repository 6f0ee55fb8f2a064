/* SPDX-License-Identifier: Apache-2.0
 *
 * The last station of a batch (realtime/feed.h): a change becomes frames of those who may see it, a row of
 * realtime.messages a broadcast. */
#include <stdlib.h>

#include "base/log.h"
#include "realtime/feed.h"

#define FRAME_MAX_BYTES (16u << 20)
#define KEPT_FRAMES 8
#define NULL_STR ((struct str){NULL, 0})

/* A frame that many get is made once: the same topic, version, role and interests. */
struct kept_frame {
	const char *name;
	enum message_version version;
	const struct facts *facts;
	const struct filter_wish *wish;
	const int *ids;
	int id_count;
	struct http_frame *frame;
};

struct giving {
	const struct feed_change *change;
	struct batch *batch;
	struct kept_frame kept[KEPT_FRAMES];
	int kept_count;
	const struct facts *data_facts; /* that data is for */
	const struct filter_wish *data_wish;
	struct buf data;
};

static bool is_same_frame(const struct kept_frame *k, const struct channel *c, const struct facts *facts,
			  const struct filter_wish *wish)
{
	return k->facts == facts && k->wish == wish && k->version == c->client->version &&
	       k->id_count == c->found_count && memcmp(k->ids, c->found_ids, (size_t)k->id_count * sizeof(int)) == 0 &&
	       strcmp(k->name, c->name) == 0;
}

static struct http_frame *make_frame(struct giving *g, const struct channel *c, const struct facts *facts,
				     const struct filter_wish *wish)
{
	struct buf payload BUF_CLEANUP, b BUF_CLEANUP;
	if (g->data_facts != facts || g->data_wish != wish) {
		buf_clear(&g->data);
		payload_put(g->change, facts, wish, &g->data);
		g->data_facts = facts;
		g->data_wish = wish;
	}
	buf_init(&payload, FRAME_MAX_BYTES);
	buf_init(&b, FRAME_MAX_BYTES);
	buf_puts(&payload, "{\"data\":");
	buf_str(&payload, buf_view(&g->data));
	buf_puts(&payload, ",\"ids\":[");
	for (int i = 0; i < c->found_count; i++) buf_printf(&payload, "%s%d", i > 0 ? "," : "", c->found_ids[i]);
	buf_puts(&payload, "]}");
	message_write(c->client->version, NULL_STR, NULL_STR, str_from(c->name), STR("postgres_changes"),
		      buf_view(&payload), &b);
	if (buf_is_ok(&b) && buf_is_ok(&payload) && buf_is_ok(&g->data)) return http_frame_new(false, buf_view(&b));
	log_error("realtime: a change of %s.%s is too large to be sent", g->change->relation->schema,
		  g->change->relation->table);
	return http_frame_new(false, STR("[null,null,\"phoenix\",\"system\",{}]"));
}

static void keep_frame(struct giving *g, const struct channel *c, const struct facts *facts,
		       const struct filter_wish *wish, struct http_frame *frame)
{
	int at = g->kept_count < KEPT_FRAMES ? g->kept_count++ : KEPT_FRAMES - 1;
	if (g->kept[at].frame != NULL) http_frame_put(g->kept[at].frame);
	g->kept[at] =
	    (struct kept_frame){c->name, c->client->version, facts, wish, c->found_ids, c->found_count, frame};
}

static void give(struct giving *g, struct channel *c, const struct facts *facts, const struct filter_wish *wish)
{
	struct http_frame *frame = NULL;
	for (int i = 0; i < g->kept_count && frame == NULL; i++)
		if (is_same_frame(&g->kept[i], c, facts, wish)) frame = g->kept[i].frame;
	if (frame == NULL) {
		frame = make_frame(g, c, facts, wish);
		keep_frame(g, c, facts, wish, frame);
	}
	if (c->client->socket != NULL) (void)http_socket_send(c->client->socket, frame);
}

/* Interests of one channel that want the same columns of the same change come in one message. */
static void find_channels(struct giving *g, const struct feed_match *m, struct channel **found)
{
	for (struct interest_group *group = m->interest->groups; group != NULL; group = group->next) {
		const struct facts *facts = verdict_facts(g->batch, g->change->relation, group->identity->role);
		if (facts == NULL || !verdict_is_visible(facts, g->change, group->identity)) continue;
		for (struct subscription *s = group->first; s != NULL; s = s->next) {
			struct channel *c = s->channel;
			if (!c->is_found) {
				c->is_found = true;
				c->found_count = 0;
				c->next_found = *found;
				*found = c;
			}
			c->found_ids[c->found_count++] = m->interest->id;
		}
	}
}

static const struct filter_wish no_columns;

/* Wishes with columns of their own get messages of their own. */
void give_change(struct batch *batch, const struct feed_change *change)
{
	struct giving g = {.change = change, .batch = batch};
	buf_init(&g.data, FRAME_MAX_BYTES);
	for (int pass = -1; pass < change->match_count; pass++) {
		struct channel *found = NULL;
		const struct filter_wish *wish = pass < 0 ? &no_columns : &change->matches[pass].interest->wish;
		if (pass >= 0 && wish->column_count == 0) continue;
		for (int m = pass < 0 ? 0 : pass; m < (pass < 0 ? change->match_count : pass + 1); m++)
			if (change->matches[m].match == MATCH_YES &&
			    (pass >= 0 || change->matches[m].interest->wish.column_count == 0))
				find_channels(&g, &change->matches[m], &found);
		for (struct channel *c = found; c != NULL; c = c->next_found)
			give(&g, c, verdict_facts(batch, change->relation, c->identity->role), wish);
		for (struct channel *c = found; c != NULL; c = c->next_found) c->is_found = false;
		/* What the kept frames compare with is in the channels, and changes with the next pass. */
		for (int i = 0; i < g.kept_count; i++) http_frame_put(g.kept[i].frame);
		g.kept_count = 0;
		memset(g.kept, 0, sizeof g.kept);
	}
	buf_done(&g.data);
}

/* A row of realtime.messages. */
static struct str field(const struct feed_change *change, struct str name)
{
	const struct feed_relation *relation = change->relation;
	for (int i = 0; i < relation->column_count; i++)
		if (str_eq(relation->columns[i].name, name) && change->new_values[i].kind == PGOUTPUT_TEXT)
			return change->new_values[i].text;
	return NULL_STR;
}

static int hex_digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : 0;
}

/* "\x0aff" */
static void decode_bytes(struct str text, struct buf *ret)
{
	for (size_t i = 2; i + 1 < text.len; i += 2)
		buf_putc(ret, (char)(hex_digit(text.ptr[i]) << 4 | hex_digit(text.ptr[i + 1])));
}

void give_message(struct realtime *r, const struct feed_change *change)
{
	struct str topic_text = field(change, STR("topic")), event = field(change, STR("event"));
	struct str payload = field(change, STR("payload")), bytes = field(change, STR("binary_payload"));
	bool is_private = str_eq(field(change, STR("private")), STR("t"));
	struct str id = field(change, STR("id"));
	if (topic_text.ptr == NULL || event.ptr == NULL || (payload.ptr == NULL && bytes.ptr == NULL)) return;
	if (payload.len > REALTIME_PAYLOAD_MAX_BYTES || bytes.len / 2 > REALTIME_PAYLOAD_MAX_BYTES) {
		log_info("realtime: a message of the database to %.*s is larger than %u bytes and is not sent",
			 STR_FMT(topic_text), REALTIME_PAYLOAD_MAX_BYTES);
		return;
	}
	struct topic *topic = topic_find(r, topic_text, is_private);
	if (topic == NULL) return;
	if (bytes.ptr == NULL) {
		broadcast_send(topic, NULL, event, id, true, payload);
		return;
	}
	struct buf decoded BUF_CLEANUP;
	buf_init(&decoded, REALTIME_PAYLOAD_MAX_BYTES + 1);
	decode_bytes(bytes, &decoded);
	broadcast_send(topic, NULL, event, id, false, buf_view(&decoded));
}
