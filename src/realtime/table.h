/* SPDX-License-Identifier: Apache-2.0
 *
 * A hash table whose entries are members of what they find. The key is borrowed from the entry's owner, who keeps it as
 * long as the entry is in. */
#ifndef FREEHOLD_REALTIME_TABLE_H
#define FREEHOLD_REALTIME_TABLE_H

#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

struct table_entry {
	struct table_entry *next;
	struct str key;
	uint64_t hash;
};

struct table {
	struct table_entry **slots;
	size_t size, count;
};

struct table_entry *table_find(const struct table *t, struct str key); /* NULL: not there */
void table_add(struct table *t, struct table_entry *entry, struct str key); /* must not be there */
void table_remove(struct table *t, struct table_entry *entry);
void table_done(struct table *t);

#endif
