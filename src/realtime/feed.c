/* SPDX-License-Identifier: Apache-2.0 */
#include "realtime/feed.h"

#include <stdlib.h>

#include "base/log.h"
#include "pg/stream.h"

#define BATCH_ARENA_BYTES (512u << 20)
#define LINGER_MS 30000 /* after the last client left, before the log is let go */
#define LATER_MS 2

enum { PUBLICATION_CHANGES, PUBLICATION_MESSAGES };

struct feed {
	struct realtime *realtime;
	struct pg_stream *stream;
	uv_timer_t kick; /* a batch is due */
	uv_timer_t linger;
	uv_timer_t later; /* the batch's transactions were not visible yet */
	struct feed_relation *relations;
	int64_t commit_us; /* of the transaction that is being read */
	uint32_t xid;
	struct feed_change *first, **end;
	size_t queue_bytes;
	bool is_full, is_stopped, was_streaming;
	struct batch *batch;
	uint64_t changes, checks;
	int open_handles;
};

static void start_batch(struct feed *feed);

/* Which events of the table anybody wants to hear of. */
static int wanted_events(struct feed *feed, struct feed_relation *relation)
{
	struct interests *all = feed->realtime->interests;
	if (relation->generation == all->generation) return relation->wanted_events;
	relation->generation = all->generation;
	relation->wanted_events = 0;
	for (struct interest *i = all->first; i != NULL; i = i->next)
		if (interest_wants(i, str_from(relation->schema), str_from(relation->table), FILTER_ALL))
			relation->wanted_events |= i->wish.events;
	return relation->wanted_events;
}

/* The queue */
static void on_kick(uv_timer_t *timer)
{
	struct feed *feed = timer->data;
	if (feed->batch == NULL && feed->first != NULL) start_batch(feed);
}

static void queue_add(struct feed *feed, struct feed_relation *relation, struct str bytes)
{
	struct feed_change *change = feed_change_new(relation, bytes);
	if (change == NULL) {
		log_error("realtime: a change of %s.%s does not fit its table and is passed over", relation->schema,
			  relation->table);
		return;
	}
	relation->references++;
	change->relation = relation;
	change->commit_us = feed->commit_us;
	change->xid = feed->xid;
	*feed->end = change;
	feed->end = &change->next;
	feed->queue_bytes += change->size;
	feed->changes++;
	if (feed->batch == NULL && !uv_is_active((uv_handle_t *)&feed->kick))
		(void)uv_timer_start(&feed->kick, on_kick, 0, 0);
}

static void note_commit(struct feed *feed, uint64_t end_lsn)
{
	struct feed_change *last = feed->first;
	if (last == NULL) {
		if (feed->batch == NULL) pg_stream_done_to(feed->stream, end_lsn);
		return;
	}
	/* The end of the list: its link is within its last member. */
	last = (struct feed_change *)(void *)((char *)feed->end - offsetof(struct feed_change, next));
	last->end_lsn = end_lsn;
}

static void take_change(struct feed *feed, const struct pgoutput_message *m, struct str bytes)
{
	struct feed_relation *relation = feed->relations;
	int event = m->kind == PGOUTPUT_INSERT   ? FILTER_INSERT
		    : m->kind == PGOUTPUT_UPDATE ? FILTER_UPDATE
						 : FILTER_DELETE;
	while (relation != NULL && relation->oid != m->relation) relation = relation->next;
	if (relation == NULL) return;
	bool is_wanted = relation->is_messages ? event == FILTER_INSERT : (wanted_events(feed, relation) & event) != 0;
	if (is_wanted) queue_add(feed, relation, bytes);
}

static bool on_data(void *arg, struct str bytes)
{
	struct feed *feed = arg;
	struct pgoutput_message m;
	struct err err;
	if (!pgoutput_read(bytes, &m, &err)) {
		log_error("realtime: %s", err.msg);
		return true;
	}
	switch (m.kind) {
	case PGOUTPUT_BEGIN:
		feed->commit_us = m.commit_us;
		feed->xid = m.xid;
		break;
	case PGOUTPUT_COMMIT: note_commit(feed, m.end_lsn); break;
	case PGOUTPUT_RELATION:
		feed_relation_learn(&feed->relations, &m, feed->realtime->interests->generation - 1);
		break;
	case PGOUTPUT_INSERT:
	case PGOUTPUT_UPDATE:
	case PGOUTPUT_DELETE: take_change(feed, &m, bytes); break;
	default: break;
	}
	feed->is_full = feed->queue_bytes > FEED_QUEUE_MAX_BYTES;
	return !feed->is_full;
}

/* All channels that have joined. */
static void each_channel(struct realtime *r, void (*fn)(struct channel *c))
{
	for (struct client *client = r->clients; client != NULL; client = client->next)
		for (struct channel *c = client->channels, *next; c != NULL; c = next) {
			next = c->next;
			if (c->state == CHANNEL_JOINED) fn(c);
		}
}

static void on_begin(void *arg)
{
	struct feed *feed = arg;
	feed->was_streaming = true;
	each_channel(feed->realtime, subscribe_tell);
}

/* Those who had been told that changes come are told that some may be missed; when it begins again, so are they. */
static void tell_lost(struct channel *c)
{
	if (!c->is_told || !c->is_subscribed) return;
	c->is_told = false;
	channel_system(c, "postgres_changes", "error",
		       "The connection to PostgreSQL was lost: changes may be missed until it is there again");
}

static void drop_queue(struct feed *feed)
{
	while (feed->first != NULL) {
		struct feed_change *change = feed->first;
		feed->first = change->next;
		feed_change_free(change);
	}
	feed->end = &feed->first;
	feed->queue_bytes = 0;
	feed->is_full = false;
}

static void on_lost(void *arg, const char *why)
{
	struct feed *feed = arg;
	if (feed->was_streaming) {
		log_error("realtime: the log of changes was lost: %s", why);
		each_channel(feed->realtime, tell_lost);
	} else {
		log_info("realtime: the log of changes cannot be read yet: %s", why);
	}
	feed->was_streaming = false;
	while (feed->relations != NULL) feed_relation_forget(&feed->relations, feed->relations->oid);
}

/* A batch */
static void start_batch(struct feed *feed)
{
	size_t bytes = 0;
	struct arena *arena = arena_new(BATCH_ARENA_BYTES);
	struct batch *batch = arena_alloc(arena, sizeof *batch);
	if (batch == NULL) abort();
	*batch = (struct batch){.feed = feed, .realtime = feed->realtime, .arena = arena};
	while (feed->first != NULL && batch->count < FEED_BATCH_CHANGES && bytes < FEED_BATCH_BYTES) {
		struct feed_change *change = feed->first;
		feed->first = change->next;
		change->next = NULL;
		bytes += change->size;
		batch->changes[batch->count++] = change;
	}
	if (feed->first == NULL) feed->end = &feed->first;
	feed->queue_bytes -= bytes;
	feed->batch = batch;
	feed_match(batch);
	verdict_begin(batch);
}

void feed_give_out(struct batch *batch)
{
	struct feed *feed = batch->feed;
	uint64_t end_lsn = 0;
	for (int i = 0; i < batch->count && !feed->is_stopped; i++) {
		struct feed_change *change = batch->changes[i];
		if (change->relation->is_messages)
			give_message(batch->realtime, change);
		else if (!batch->is_lost)
			give_change(batch, change);
		if (change->end_lsn > end_lsn) end_lsn = change->end_lsn;
	}
	if (batch->is_lost && !feed->is_stopped) {
		each_channel(batch->realtime, tell_lost);
		if (feed_is_streaming(feed)) each_channel(batch->realtime, subscribe_tell);
	}
	for (struct checks *c = batch->checks; c != NULL; c = c->next) {
		c->identity->checks = NULL;
		identity_put(batch->realtime, c->identity);
	}
	for (int i = 0; i < batch->count; i++) feed_change_free(batch->changes[i]);
	feed->batch = NULL;
	arena_free(batch->arena);
	if (feed->realtime->regrouping > 0) each_channel(feed->realtime, subscribe_regroup);
	if (feed->is_stopped || feed->stream == NULL) return;
	if (end_lsn > 0) pg_stream_done_to(feed->stream, end_lsn);
	if (feed->is_full && feed->queue_bytes < FEED_QUEUE_MAX_BYTES / 2) {
		feed->is_full = false;
		pg_stream_resume(feed->stream);
	}
	if (feed->first != NULL) (void)uv_timer_start(&feed->kick, on_kick, 0, 0);
}

static void on_later(uv_timer_t *timer)
{
	struct feed *feed = timer->data;
	if (feed->batch != NULL) verdict_begin(feed->batch);
}

void feed_later(struct feed *feed)
{
	(void)uv_timer_start(&feed->later, on_later, LATER_MS, 0);
}

void feed_count_check(struct feed *feed)
{
	feed->checks++;
}

/* Beginning and end */
struct feed *feed_new(struct realtime *r)
{
	struct feed *feed = calloc(1, sizeof *feed);
	if (feed == NULL) abort();
	feed->realtime = r;
	feed->end = &feed->first;
	(void)uv_timer_init(r->loop, &feed->kick);
	(void)uv_timer_init(r->loop, &feed->linger);
	(void)uv_timer_init(r->loop, &feed->later);
	feed->kick.data = feed->linger.data = feed->later.data = feed;
	feed->open_handles = 3;
	return feed;
}

static void let_go(struct feed *feed)
{
	pg_stream_stop(feed->stream);
	feed->stream = NULL;
	feed->was_streaming = false;
	drop_queue(feed);
	while (feed->relations != NULL) feed_relation_forget(&feed->relations, feed->relations->oid);
}

static void on_linger(uv_timer_t *timer)
{
	let_go(timer->data);
}

void feed_look(struct feed *feed)
{
	struct realtime *r = feed->realtime;
	if (feed->is_stopped || r->spec.stream_conninfo == NULL) return;
	if (r->channel_count == 0) {
		if (feed->stream != NULL && !uv_is_active((uv_handle_t *)&feed->linger))
			(void)uv_timer_start(&feed->linger, on_linger, LINGER_MS, 0);
		return;
	}
	(void)uv_timer_stop(&feed->linger);
	if (feed->stream != NULL) return;
	const struct pg_stream_settings settings = {
	    .conninfo = r->spec.stream_conninfo,
	    .publications = {[PUBLICATION_CHANGES] = "supabase_realtime",
			     [PUBLICATION_MESSAGES] = "supabase_realtime_messages_publication"},
	    .publication_count = 2,
	    .on_begin = on_begin,
	    .on_data = on_data,
	    .on_lost = on_lost,
	    .arg = feed};
	feed->stream = pg_stream_new(r->loop, &settings);
}

bool feed_is_busy(const struct feed *feed)
{
	return feed->batch != NULL;
}

bool feed_is_streaming(const struct feed *feed)
{
	return feed->stream != NULL && pg_stream_is_streaming(feed->stream);
}

void feed_need_changes(struct feed *feed)
{
	if (feed_is_streaming(feed) && !pg_stream_has(feed->stream, PUBLICATION_CHANGES))
		pg_stream_restart(feed->stream);
}

static void on_handle_closed(uv_handle_t *handle)
{
	struct feed *feed = handle->data;
	if (--feed->open_handles == 0) free(feed);
}

void feed_stop(struct feed *feed)
{
	feed->is_stopped = true;
	let_go(feed);
	uv_close((uv_handle_t *)&feed->kick, on_handle_closed);
	if (feed->batch != NULL) feed_give_out(feed->batch);
	uv_close((uv_handle_t *)&feed->linger, on_handle_closed);
	uv_close((uv_handle_t *)&feed->later, on_handle_closed);
}

void feed_counts(const struct feed *feed, uint64_t *ret_changes, uint64_t *ret_checks)
{
	*ret_changes = feed->changes;
	*ret_checks = feed->checks;
}
