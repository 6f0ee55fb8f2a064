/* SPDX-License-Identifier: Apache-2.0 */
#include "realtime/interest.h"

#include <stdlib.h>

#include "codec/json.h"

#define ARENA_BYTES 262144

static void read_wish(struct interest *i, const json_t *wish)
{
	i->arena = arena_new(ARENA_BYTES);
	(void)filter_read(i->arena, wish, &i->wish, &i->problem);
}

struct interest *interest_get(struct realtime *r, const json_t *wish)
{
	struct interests *all = r->interests;
	char *key = json_dumps(wish, JSON_COMPACT | JSON_SORT_KEYS);
	if (key == NULL) abort();
	struct interest *i = (struct interest *)(void *)table_find(&all->by_key, str_from(key));
	if (i != NULL) {
		free(key);
		return interest_ref(i);
	}
	i = calloc(1, sizeof *i);
	if (i == NULL) abort();
	i->realtime = r;
	i->references = 1;
	i->key = key;
	i->id = ++all->last_id;
	read_wish(i, wish);
	table_add(&all->by_key, &i->entry, str_from(key));
	i->next = all->first;
	if (i->next != NULL) i->next->prev = i;
	all->first = i;
	all->generation++;
	return i;
}

struct interest *interest_ref(struct interest *interest)
{
	interest->references++;
	return interest;
}

static void forget(struct interest_filter *f)
{
	for (int i = 0; i < f->value_count; i++) free(f->values[i]);
	free(f->values);
	*f = (struct interest_filter){0};
}

void interest_put(struct interest *i)
{
	struct interests *all = i->realtime->interests;
	if (--i->references > 0) return;
	table_remove(&all->by_key, &i->entry);
	if (i->prev != NULL)
		i->prev->next = i->next;
	else
		all->first = i->next;
	if (i->next != NULL) i->next->prev = i->prev;
	all->generation++;
	for (int f = 0; f < i->wish.filter_count; f++) forget(&i->filters[f]);
	arena_free(i->arena);
	free(i->key);
	free(i);
}

int interest_id(const struct interest *interest)
{
	return interest->id;
}

void interest_enter(struct subscription *s, struct identity *identity)
{
	struct interest *i = s->interest;
	if (s->group != NULL && s->group->identity == identity) return;
	interest_leave(s);
	struct interest_group *group = i->groups;
	while (group != NULL && group->identity != identity) group = group->next;
	if (group == NULL) {
		group = calloc(1, sizeof *group);
		if (group == NULL) abort();
		group->identity = identity_ref(identity);
		group->next = i->groups;
		i->groups = group;
	}
	s->group = group;
	s->prev = NULL;
	s->next = group->first;
	if (s->next != NULL) s->next->prev = s;
	group->first = s;
}

void interest_leave(struct subscription *s)
{
	struct interest_group *group = s->group;
	if (group == NULL) return;
	if (s->prev != NULL)
		s->prev->next = s->next;
	else
		group->first = s->next;
	if (s->next != NULL) s->next->prev = s->prev;
	s->group = NULL;
	s->next = s->prev = NULL;
	if (group->first != NULL) return;
	struct interest_group **at = &s->interest->groups;
	while (*at != group) at = &(*at)->next;
	*at = group->next;
	identity_put(s->interest->realtime, group->identity);
	free(group);
}

void interest_learn(struct interest *interest, int filter, uint32_t column_type, const struct value_type *type,
		    const json_t *values)
{
	struct interest_filter *f = &interest->filters[filter];
	if (f->column_type == column_type) return;
	forget(f);
	f->column_type = column_type;
	f->type = *type;
	f->values = calloc(json_array_size(values) + 1, sizeof *f->values);
	if (f->values == NULL) abort();
	for (size_t i = 0; i < json_array_size(values); i++) {
		const char *text = json_string_value(json_array_get(values, i));
		if (text == NULL) continue; /* a null in a list equals nothing */
		f->values[f->value_count] = strdup(text);
		if (f->values[f->value_count++] == NULL) abort();
	}
}

static bool is_same(const char *wanted, struct str given)
{
	return strcmp(wanted, "*") == 0 || str_eq(str_from(wanted), given);
}

bool interest_wants(const struct interest *i, struct str schema, struct str table, int events)
{
	return i->problem == NULL && (i->wish.events & events) != 0 && is_same(i->wish.schema, schema) &&
	       is_same(i->wish.table, table);
}

static enum match decide(bool is_true, bool is_negated)
{
	return is_true != is_negated ? MATCH_YES : MATCH_NO;
}

static enum match match_is(const struct filter *f, const struct interest_filter *known,
			   const struct pgoutput_value *value)
{
	bool is_null = value->kind == PGOUTPUT_NULL;
	if (strcmp(f->value, "null") == 0 || strcmp(f->value, "unknown") == 0) return decide(is_null, f->is_negated);
	if (known->type.oid != VALUE_BOOL) return MATCH_ASK;
	bool is_true = str_eq(value->text, STR("t"));
	return decide(!is_null && is_true == (strcmp(f->value, "true") == 0), f->is_negated);
}

static bool is_among(const struct interest_filter *known, struct str text)
{
	for (int i = 0; i < known->value_count; i++)
		if (str_eq(str_from(known->values[i]), text)) return true;
	return false;
}

static enum match match_order(const struct filter *f, const struct interest_filter *known, struct str text)
{
	int64_t given, wanted;
	if (!value_is_whole(&known->type) || known->value_count != 1 || !str_to_int(text, &given) ||
	    !str_to_int(str_from(known->values[0]), &wanted))
		return MATCH_ASK;
	bool is_true = f->op == FILTER_LT    ? given < wanted
		       : f->op == FILTER_LTE ? given <= wanted
		       : f->op == FILTER_GT  ? given > wanted
					     : given >= wanted;
	return decide(is_true, f->is_negated);
}

enum match interest_match(const struct interest *interest, int filter, uint32_t column_type,
			  const struct pgoutput_value *value)
{
	const struct filter *f = &interest->wish.filters[filter];
	const struct interest_filter *known = &interest->filters[filter];
	if (value == NULL || value->kind == PGOUTPUT_UNCHANGED) return MATCH_NO;
	if (known->column_type != column_type) return MATCH_ASK;
	if (f->op == FILTER_IS) return match_is(f, known, value);
	if (value->kind == PGOUTPUT_NULL) return f->op == FILTER_ISDISTINCT ? decide(true, f->is_negated) : MATCH_NO;
	if (f->op >= FILTER_LT && f->op <= FILTER_GTE) return match_order(f, known, value->text);
	if (!value_is_canonical(&known->type) || known->value_count == 0) return MATCH_ASK;
	switch (f->op) {
	case FILTER_EQ:
	case FILTER_IN: return decide(is_among(known, value->text), f->is_negated);
	case FILTER_NEQ:
	case FILTER_ISDISTINCT: return decide(!is_among(known, value->text), f->is_negated);
	default: return MATCH_ASK;
	}
}
