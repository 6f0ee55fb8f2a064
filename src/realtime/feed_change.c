/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "realtime/feed.h"

static void relation_put(struct feed_relation *relation)
{
	if (--relation->references > 0) return;
	free(relation->schema);
	free(relation->table);
	free(relation->columns);
	free(relation->bytes);
	free(relation);
}

void feed_relation_forget(struct feed_relation **relations, uint32_t oid)
{
	for (struct feed_relation **at = relations; *at != NULL; at = &(*at)->next) {
		struct feed_relation *relation = *at;
		if (relation->oid != oid) continue;
		*at = relation->next;
		relation_put(relation);
		return;
	}
}

void feed_relation_learn(struct feed_relation **relations, const struct pgoutput_message *m, unsigned generation)
{
	struct feed_relation *relation = calloc(1, sizeof *relation);
	if (relation == NULL) abort();
	feed_relation_forget(relations, m->relation);
	relation->references = 1;
	relation->oid = m->relation;
	relation->schema = str_dup(m->schema);
	relation->table = str_dup(m->table);
	relation->is_messages = str_eq(m->schema, STR("realtime")) && str_has_prefix(m->table, STR("messages"));
	relation->bytes = str_dup(m->columns.bytes);
	relation->columns = calloc((size_t)m->columns.count + 1, sizeof *relation->columns);
	if (relation->columns == NULL) abort();
	struct pgoutput_list rest = {m->columns.count, {relation->bytes, m->columns.bytes.len}};
	struct pgoutput_column column;
	while (pgoutput_column(&rest, &column))
		relation->columns[relation->column_count++] =
		    (struct feed_column){column.name, column.type, column.is_key};
	relation->generation = generation;
	relation->next = *relations;
	*relations = relation;
}

void feed_change_free(struct feed_change *change)
{
	for (int i = 0; i < change->match_count; i++) interest_put(change->matches[i].interest);
	relation_put(change->relation);
	free(change);
}

static bool read_values(struct pgoutput_list *list, int count, struct pgoutput_value *to)
{
	for (int i = 0; i < count; i++)
		if (!pgoutput_value(list, &to[i])) return false;
	return true;
}

/* The change, its values and the message's bytes in one piece. */
struct feed_change *feed_change_new(const struct feed_relation *relation, struct str bytes)
{
	size_t count = (size_t)relation->column_count;
	struct feed_change *change = malloc(sizeof *change + 2 * count * sizeof(struct pgoutput_value) + bytes.len);
	struct pgoutput_message m;
	struct err ignored;
	if (change == NULL) abort();
	struct pgoutput_value *old = (struct pgoutput_value *)(void *)(change + 1), *new = old + count;
	char *own = (char *)(new + count);
	memcpy(own, bytes.ptr, bytes.len);
	*change = (struct feed_change){.size = bytes.len};
	if (!pgoutput_read((struct str){own, bytes.len}, &m, &ignored)) abort(); /* it was read before */
	bool has_new = m.kind != PGOUTPUT_DELETE;
	change->event = m.kind == PGOUTPUT_INSERT   ? FILTER_INSERT
			: m.kind == PGOUTPUT_UPDATE ? FILTER_UPDATE
						    : FILTER_DELETE;
	change->is_key_only = m.is_key_only;
	if (m.has_old) change->old_values = old;
	if (has_new) change->new_values = new;
	bool ok = (!m.has_old || read_values(&m.old_values, relation->column_count, old)) &&
		  (!has_new || read_values(&m.new_values, relation->column_count, new));
	if (ok) return change;
	free(change);
	return NULL;
}
