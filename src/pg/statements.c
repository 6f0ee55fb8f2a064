/* SPDX-License-Identifier: Apache-2.0 */
#include "pg/statements.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct pg_statements {
	int max, count;
	uint64_t clock; /* counts uses */
	uint32_t names; /* names given so far; a name is never used twice on a connection */
	struct pg_prepared entries[];
};

struct pg_statements *pg_statements_new(int max)
{
	struct pg_statements *s = calloc(1, sizeof *s + (size_t)max * sizeof s->entries[0]);
	if (s == NULL) abort();
	s->max = max;
	return s;
}

void pg_statements_free(struct pg_statements *s)
{
	if (s == NULL) return;
	pg_statements_clear(s);
	free(s);
}

uint64_t pg_text_hash(const char *text)
{
	uint64_t h = 14695981039346656037u, word;
	size_t left = strlen(text);
	for (; left >= sizeof word; left -= sizeof word, text += sizeof word) {
		memcpy(&word, text, sizeof word);
		h = (h ^ word) * 0x9E3779B97F4A7C15u;
		h ^= h >> 32;
	}
	word = 0;
	memcpy(&word, text, left);
	h = (h ^ word) * 0x9E3779B97F4A7C15u;
	return h ^ h >> 29;
}

struct pg_prepared *pg_statements_find(struct pg_statements *s, const char *sql, uint64_t hash, uint64_t affinity)
{
	if (hash == 0) hash = pg_text_hash(sql);
	for (int i = 0; i < s->count; i++) {
		struct pg_prepared *p = &s->entries[i];
		if (p->hash != hash || p->affinity != affinity || strcmp(p->sql, sql) != 0) continue;
		p->last_use = ++s->clock;
		return p;
	}
	return NULL;
}

uint64_t pg_statements_mark(const struct pg_statements *s)
{
	return s->clock;
}

static struct pg_prepared *oldest(struct pg_statements *s)
{
	struct pg_prepared *found = &s->entries[0];
	for (int i = 1; i < s->count; i++)
		if (s->entries[i].last_use < found->last_use) found = &s->entries[i];
	return found;
}

struct pg_prepared *pg_statements_add(struct pg_statements *s, const char *sql, uint64_t affinity, uint64_t keep,
				      char ret_evicted[PG_STATEMENT_NAME_SIZE])
{
	struct pg_prepared *p;
	ret_evicted[0] = '\0';
	if (s->count < s->max) {
		p = &s->entries[s->count++];
	} else {
		p = oldest(s);
		if (p->last_use > keep) return NULL;
		memcpy(ret_evicted, p->name, PG_STATEMENT_NAME_SIZE);
		free(p->sql);
	}
	*p = (struct pg_prepared){.hash = pg_text_hash(sql), .affinity = affinity, .last_use = ++s->clock};
	p->sql = strdup(sql);
	if (p->sql == NULL) abort();
	(void)snprintf(p->name, sizeof p->name, "s%u", s->names++);
	return p;
}

void pg_statements_drop_unready(struct pg_statements *s)
{
	int kept = 0;
	for (int i = 0; i < s->count; i++) {
		if (!s->entries[i].is_ready) {
			free(s->entries[i].sql);
			continue;
		}
		s->entries[kept++] = s->entries[i];
	}
	s->count = kept;
}

void pg_statements_clear(struct pg_statements *s)
{
	for (int i = 0; i < s->count; i++) free(s->entries[i].sql);
	s->count = 0;
}

int pg_statements_count(const struct pg_statements *s)
{
	return s->count;
}
