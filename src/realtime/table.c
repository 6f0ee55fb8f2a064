/* SPDX-License-Identifier: Apache-2.0 */
#include "realtime/table.h"

#include <stdlib.h>

/* FNV-1a */
static uint64_t hash_of(struct str key)
{
	uint64_t hash = 14695981039346656037u;
	for (size_t i = 0; i < key.len; i++) hash = (hash ^ (unsigned char)key.ptr[i]) * 1099511628211u;
	return hash;
}

struct table_entry *table_find(const struct table *t, struct str key)
{
	uint64_t hash = hash_of(key);
	if (t->size == 0) return NULL;
	struct table_entry *e = t->slots[hash & (t->size - 1)];
	while (e != NULL && (e->hash != hash || !str_eq(e->key, key))) e = e->next;
	return e;
}

static void grow(struct table *t)
{
	size_t size = t->size == 0 ? 16 : t->size * 2;
	struct table_entry **slots = calloc(size, sizeof *slots);
	if (slots == NULL) abort();
	for (size_t i = 0; i < t->size; i++) {
		while (t->slots[i] != NULL) {
			struct table_entry *e = t->slots[i];
			t->slots[i] = e->next;
			e->next = slots[e->hash & (size - 1)];
			slots[e->hash & (size - 1)] = e;
		}
	}
	free(t->slots);
	t->slots = slots;
	t->size = size;
}

void table_add(struct table *t, struct table_entry *entry, struct str key)
{
	if (t->count >= t->size) grow(t);
	entry->key = key;
	entry->hash = hash_of(key);
	struct table_entry **slot = &t->slots[entry->hash & (t->size - 1)];
	entry->next = *slot;
	*slot = entry;
	t->count++;
}

void table_remove(struct table *t, struct table_entry *entry)
{
	struct table_entry **at = &t->slots[entry->hash & (t->size - 1)];
	while (*at != entry) at = &(*at)->next;
	*at = entry->next;
	t->count--;
}

void table_done(struct table *t)
{
	free(t->slots);
	*t = (struct table){0};
}
