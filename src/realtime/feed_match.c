/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "realtime/feed.h"

static bool is_filter_free(const struct interest *interest)
{
	return interest->wish.filter_count == 0;
}

static enum match match_filters(const struct interest *interest, const struct feed_change *change)
{
	const struct feed_relation *relation = change->relation;
	bool is_old = change->event == FILTER_DELETE;
	const struct pgoutput_value *values = is_old ? change->old_values : change->new_values;
	enum match all = MATCH_YES;
	for (int f = 0; f < interest->wish.filter_count && all != MATCH_NO; f++) {
		const struct pgoutput_value *value = NULL;
		uint32_t type = 0;
		for (int i = 0; values != NULL && i < relation->column_count; i++) {
			if (!str_eq(relation->columns[i].name, str_from(interest->wish.filters[f].column))) continue;
			if (is_old && change->is_key_only && !relation->columns[i].is_key) break;
			value = &values[i];
			type = relation->columns[i].type;
		}
		enum match one = interest_match(interest, f, type, value);
		if (one != MATCH_YES) all = one == MATCH_NO ? MATCH_NO : MATCH_ASK;
	}
	return all;
}

static void match_change(struct batch *batch, struct feed_change *change, struct interest *const *wanting, int count)
{
	change->matches = arena_array(batch->arena, (size_t)count + 1, sizeof *change->matches);
	if (change->matches == NULL) abort();
	for (int i = 0; i < count; i++) {
		if ((wanting[i]->wish.events & change->event) == 0 || wanting[i]->groups == NULL) continue;
		enum match match = is_filter_free(wanting[i]) ? MATCH_YES : match_filters(wanting[i], change);
		if (match == MATCH_NO) continue;
		change->matches[change->match_count++] = (struct feed_match){interest_ref(wanting[i]), match};
	}
}

/* Changes of one table mostly come together: the interests in it are looked up once for all of them. */
void feed_match(struct batch *batch)
{
	struct realtime *r = batch->realtime;
	const struct feed_relation *relation = NULL;
	struct interest **wanting = NULL;
	int count = 0, all = (int)r->interests->by_key.count;
	for (int n = 0; n < batch->count; n++) {
		struct feed_change *change = batch->changes[n];
		change->index = n;
		if (change->relation->is_messages) continue;
		if (change->relation != relation) {
			relation = change->relation;
			wanting = arena_array(batch->arena, (size_t)all + 1, sizeof(struct interest *));
			if (wanting == NULL) abort();
			count = 0;
			for (struct interest *i = r->interests->first; i != NULL; i = i->next)
				if (interest_wants(i, str_from(relation->schema), str_from(relation->table),
						   FILTER_ALL))
					wanting[count++] = i;
		}
		match_change(batch, change, wanting, count);
	}
}
