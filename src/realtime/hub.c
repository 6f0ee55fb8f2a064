/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "pg/pool.h"
#include "realtime/private.h"

#define WINDOW_S 60

bool bucket_take(struct bucket *b, double per_s)
{
	int64_t now_ms = clock_now_ms();
	double most = per_s * WINDOW_S;
	b->tokens = b->at_ms == 0 ? most : b->tokens + (double)(now_ms - b->at_ms) / 1000 * per_s;
	if (b->tokens > most) b->tokens = most;
	b->at_ms = now_ms;
	if (b->tokens < 1) return false;
	b->tokens--;
	return true;
}

static char *copy_key(struct str first, char between, struct str second)
{
	char *key = malloc(first.len + second.len + 2);
	if (key == NULL) abort();
	memcpy(key, first.ptr, first.len);
	key[first.len] = between;
	memcpy(key + first.len + 1, second.ptr, second.len);
	key[first.len + 1 + second.len] = '\0';
	return key;
}

struct identity *identity_get(struct realtime *r, struct str role, struct str claims)
{
	char *key = copy_key(role, '\0', claims);
	struct str text = {key, role.len + 1 + claims.len};
	struct identity *identity = (struct identity *)(void *)table_find(&r->identities, text);
	if (identity != NULL) {
		free(key);
		return identity_ref(identity);
	}
	identity = calloc(1, sizeof *identity);
	if (identity == NULL) abort();
	identity->references = 1;
	identity->key = key;
	identity->role = key;
	identity->claims = key + role.len + 1;
	identity->affinity = pg_affinity(role.ptr, role.len);
	table_add(&r->identities, &identity->entry, text);
	return identity;
}

struct identity *identity_ref(struct identity *identity)
{
	identity->references++;
	return identity;
}

void identity_put(struct realtime *r, struct identity *identity)
{
	if (identity == NULL || --identity->references > 0) return;
	table_remove(&r->identities, &identity->entry);
	free(identity->key);
	free(identity);
}

struct str topic_name(const struct channel *c)
{
	return str_from(c->name + strlen("realtime:"));
}

struct topic *topic_find(struct realtime *r, struct str name, bool is_private)
{
	char *key = copy_key(is_private ? STR("s") : STR("p"), ':', name);
	struct topic *topic = (struct topic *)(void *)table_find(&r->topics, (struct str){key, name.len + 2});
	free(key);
	return topic;
}

void topic_enter(struct channel *c)
{
	struct realtime *r = c->realtime;
	struct str name = topic_name(c);
	struct topic *topic = topic_find(r, name, c->is_private);
	if (topic == NULL) {
		topic = calloc(1, sizeof *topic);
		if (topic == NULL) abort();
		topic->key = copy_key(c->is_private ? STR("s") : STR("p"), ':', name);
		table_add(&r->topics, &topic->entry, (struct str){topic->key, name.len + 2});
	}
	c->topic = topic;
	c->topic_next = topic->channels;
	if (c->topic_next != NULL) c->topic_next->topic_prev = c;
	topic->channels = c;
}

void topic_leave(struct channel *c)
{
	struct topic *topic = c->topic;
	if (topic == NULL) return;
	if (c->topic_prev != NULL)
		c->topic_prev->topic_next = c->topic_next;
	else
		topic->channels = c->topic_next;
	if (c->topic_next != NULL) c->topic_next->topic_prev = c->topic_prev;
	c->topic = NULL;
	c->topic_next = c->topic_prev = NULL;
	if (topic->channels != NULL) return;
	table_remove(&c->realtime->topics, &topic->entry);
	free(topic->key);
	free(topic);
}
