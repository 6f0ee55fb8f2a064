/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/given.h"

#include <stddef.h>

/* FNV-1a. No bucket's name has a slash, so that the two together are one word. */
static uint32_t add(uint32_t hash, const char *text)
{
	for (const char *c = text; *c != '\0'; c++) hash = (hash ^ (unsigned char)*c) * 16777619u;
	return hash;
}

static uint32_t hash_of(const char *bucket, const char *key)
{
	uint32_t hash = add(2166136261u, bucket);
	return key == NULL ? hash : add(add(hash, "/"), key);
}

static uint32_t end_of(int64_t begun_ms)
{
	return (uint32_t)((begun_ms + GIVEN_EARLY_MS) / 1000);
}

void given_init(struct given *given, int64_t now_ms)
{
	for (size_t i = 0; i < GIVEN_OBJECTS; i++) given->objects[i] = end_of(now_ms);
	for (size_t i = 0; i < GIVEN_BUCKETS; i++) given->buckets[i] = end_of(now_ms);
}

static void raise_to(uint32_t *second, uint32_t end_s)
{
	if (end_s > *second) *second = end_s;
}

int64_t given_mark(struct given *given, const char *bucket, const char *key, int64_t now_ms)
{
	uint32_t end_s = end_of(now_ms);
	raise_to(&given->objects[hash_of(bucket, key) % GIVEN_OBJECTS], end_s);
	raise_to(&given->buckets[hash_of(bucket, NULL) % GIVEN_BUCKETS], end_s);
	return end_s;
}

int64_t given_wait_ms(const struct given *given, const char *bucket, const char *key, int64_t now_ms)
{
	const int64_t longest_ms = 1000 + GIVEN_EARLY_MS + GIVEN_LATE_MS;
	uint32_t hash = hash_of(bucket, key);
	int64_t end_s = key == NULL ? given->buckets[hash % GIVEN_BUCKETS] : given->objects[hash % GIVEN_OBJECTS];
	int64_t wait_ms = (end_s + 1) * 1000 + GIVEN_LATE_MS - now_ms;
	if (wait_ms > longest_ms) return longest_ms;
	return wait_ms > 0 ? wait_ms : 0;
}
