/* SPDX-License-Identifier: Apache-2.0
 *
 * What clients want to hear of, each distinct wish once: its number, its filters as PostgreSQL understood them, and who
 * has it, grouped by identity (role and claims), so that questions are asked once for each group. */
#ifndef FREEHOLD_REALTIME_INTEREST_H
#define FREEHOLD_REALTIME_INTEREST_H

#include <jansson.h>
#include <stdbool.h>

#include "realtime/filter.h"
#include "realtime/pgoutput.h"
#include "realtime/private.h"
#include "realtime/value.h"

struct interest_group {
	struct interest_group *next;
	struct identity *identity;
	struct subscription *first;
};

/* A filter's value in PostgreSQL's own text form, of which IN has several. */
struct interest_filter {
	uint32_t column_type; /* as the column had it; 0: not asked yet */
	struct value_type type;
	char **values;
	int value_count;
};

struct interest {
	struct table_entry entry;
	struct interest *next, *prev;
	struct realtime *realtime;
	unsigned references;
	char *key; /* the wish as text */
	int id;
	struct arena *arena;
	struct filter_wish wish;
	const char *problem; /* with the wish itself; NULL: it can be read */
	struct interest_filter filters[FILTERS_MAX];
	struct interest_group *groups;
};

struct interests {
	struct table by_key;
	struct interest *first;
	int last_id;
	unsigned generation; /* counts comings and goings */
};

/* The interest of this wish, an object; one reference is the caller's. */
struct interest *interest_get(struct realtime *r, const json_t *wish);
struct interest *interest_ref(struct interest *interest);
void interest_put(struct interest *interest);
int interest_id(const struct interest *interest);

/* The subscription is in the group of this identity, and in no other. */
void interest_enter(struct subscription *s, struct identity *identity);
void interest_leave(struct subscription *s);

/* Takes what PostgreSQL made of a filter's value: a list of texts. */
void interest_learn(struct interest *interest, int filter, uint32_t column_type, const struct value_type *type,
		    const json_t *values);

/* Of a table, whatever the filters say. */
bool interest_wants(const struct interest *interest, struct str schema, struct str table, int events);

enum match { MATCH_NO, MATCH_YES, MATCH_ASK }; /* ASK: PostgreSQL must compare */

/* One filter against a value of a column; value NULL: the row has no such column. */
enum match interest_match(const struct interest *interest, int filter, uint32_t column_type,
			  const struct pgoutput_value *value);

#endif
