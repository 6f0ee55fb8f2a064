/* SPDX-License-Identifier: Apache-2.0
 *
 * Changes on their way from PostgreSQL's log to the channels, in the order of their commits:
 *
 *     pg/stream ─▶ queue ─▶ a batch: match (filters) ─▶ facts of tables and roles ─▶ checks (row security) ─▶ give out
 *
 * One batch at a time; what comes meanwhile waits in the queue, so that batches grow with the load. Past the queue's
 * maximum the log is not read. What nobody wants is dropped before it is queued. Rows of realtime.messages are
 * broadcasts and take the same way, so that they keep their place among the changes. */
#ifndef FREEHOLD_REALTIME_FEED_H
#define FREEHOLD_REALTIME_FEED_H

#include "realtime/interest.h"
#include "realtime/pgoutput.h"
#include "realtime/private.h"

#define FEED_QUEUE_MAX_BYTES (16u << 20)
#define FEED_BATCH_CHANGES 1000
#define FEED_BATCH_BYTES (4u << 20)

struct feed_column {
	struct str name;
	uint32_t type;
	bool is_key; /* of the replica identity */
};

struct feed_relation {
	struct feed_relation *next;
	unsigned references;
	uint32_t oid;
	char *schema, *table;
	bool is_messages;
	int column_count;
	struct feed_column *columns;
	char *bytes; /* the names */
	unsigned generation; /* of the interests that the next two are about */
	int wanted_events;
};

struct feed_match {
	struct interest *interest; /* a reference */
	enum match match;
};

struct feed_change {
	struct feed_change *next;
	struct feed_relation *relation;
	int event; /* FILTER_INSERT … */
	int64_t commit_us;
	uint32_t xid;
	uint64_t end_lsn; /* of the transaction whose last change it is; else 0 */
	size_t size;
	bool is_key_only;
	struct pgoutput_value *old_values, *new_values; /* as many as columns; NULL: none */

	int index; /* in its batch */
	struct feed_match *matches;
	int match_count;
};

/* What a role may see of a table. */
struct fact_column {
	struct str name, type_name, type_sql; /* type_name: "_text"; type_sql: "text[]" */
	struct value_type type;
	bool is_primary, may_read;
};

struct facts {
	struct facts *next;
	uint32_t relation;
	const char *role;
	bool has_rls;
	int column_count;
	struct fact_column *columns;
};

/* What an identity may see of the changed rows of a table: by the number of the change in its batch. */
struct checks {
	struct checks *next;
	struct checks *identity_next; /* of the same identity, another table */
	struct identity *identity; /* a reference */
	const struct feed_relation *relation;
	unsigned char *wanted, *visible;
	bool is_asked;
};

struct batch {
	struct feed *feed;
	struct realtime *realtime;
	struct arena *arena;
	struct feed_change *changes[FEED_BATCH_CHANGES];
	int count;
	struct facts *facts;
	struct checks *checks;
	int questions; /* that are under way */
	struct checks *next_check;
	bool is_lost; /* PostgreSQL could not be asked */
};

struct feed *feed_new(struct realtime *r);
void feed_stop(struct feed *feed);

/* Somebody came or went: the log is read while somebody is there. */
void feed_look(struct feed *feed);
bool feed_is_streaming(const struct feed *feed);
bool feed_is_busy(const struct feed *feed); /* in the middle of a batch */

/* A table of the publication was found: if it was not there when the log was begun, it is begun anew. */
void feed_need_changes(struct feed *feed);

/* feed_change.c: tables as the log told of them, and changes. A change holds its relation, and the interests it
 * matches. */
void feed_relation_learn(struct feed_relation **relations, const struct pgoutput_message *m, unsigned generation);
void feed_relation_forget(struct feed_relation **relations, uint32_t oid);
struct feed_change *feed_change_new(const struct feed_relation *relation, struct str bytes); /* NULL: does not fit it */
void feed_change_free(struct feed_change *change);

/* feed_match.c: which interests each change of the batch matches. */
void feed_match(struct batch *batch);

/* verdict.c: finds out what batch needs to know, then calls feed_give_out from the loop, or at once. */
void verdict_begin(struct batch *batch);
void feed_count_check(struct feed *feed);
void feed_later(struct feed *feed); /* verdict_begin again, in a moment */
void feed_counts(const struct feed *feed, uint64_t *ret_changes, uint64_t *ret_checks);
void feed_give_out(struct batch *batch);
const struct facts *verdict_facts(const struct batch *batch, const struct feed_relation *relation, const char *role);
bool verdict_is_visible(const struct facts *facts, const struct feed_change *change, const struct identity *identity);

/* give.c: to every channel that wants the change and may see it; a row of realtime.messages, as a broadcast. */
void give_change(struct batch *batch, const struct feed_change *change);
void give_message(struct realtime *r, const struct feed_change *change);

/* payload.c: why a role is told nothing but that something happened (upstream's words), or NULL. */
const char *payload_refusal(const struct feed_change *change, const struct facts *facts);

/* The "data" of a change for a role, as JSON; columns: those that were asked for, or NULL. */
void payload_put(const struct feed_change *change, const struct facts *facts, const struct filter_wish *wish,
		 struct buf *ret_json);

#endif
