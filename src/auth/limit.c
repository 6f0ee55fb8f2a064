/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/limit.h"

#include <stdlib.h>
#include <sys/random.h>

#define WAYS 8 /* addresses that share a place by their hash */
#define PLACES (AUTH_LIMIT_ADDRESSES / WAYS)

struct bucket {
	uint64_t who; /* hash of the address; 0: free */
	double tokens;
	int64_t at_ms;
};

struct auth_limit {
	double per_window;
	uint64_t seed; /* so that nobody outside can choose addresses that meet */
	struct bucket buckets[PLACES][WAYS];
};

struct auth_limit *auth_limit_new(unsigned per_window)
{
	struct auth_limit *limit = calloc(1, sizeof *limit);
	if (limit == NULL) abort();
	limit->per_window = per_window;
	if (getrandom(&limit->seed, sizeof limit->seed, 0) != sizeof limit->seed) abort();
	return limit;
}

void auth_limit_free(struct auth_limit *limit)
{
	free(limit);
}

/* FNV-1a, begun at the seed and stirred at the end. */
static uint64_t hash(uint64_t seed, struct str text)
{
	uint64_t h = seed ^ 0xcbf29ce484222325u;
	for (size_t i = 0; i < text.len; i++) h = (h ^ (unsigned char)text.ptr[i]) * 0x100000001b3u;
	h = (h ^ h >> 33) * 0xff51afd7ed558ccdu;
	return (h ^ h >> 33) | 1;
}

static struct bucket *find(struct auth_limit *limit, uint64_t who, int64_t now_ms)
{
	struct bucket *row = limit->buckets[who / 2 % PLACES], *oldest = row;
	for (int i = 0; i < WAYS; i++) {
		if (row[i].who == who) return &row[i];
		if (row[i].who == 0 || (oldest->who != 0 && row[i].at_ms < oldest->at_ms)) oldest = &row[i];
	}
	*oldest = (struct bucket){who, limit->per_window, now_ms};
	return oldest;
}

bool auth_limit_take(struct auth_limit *limit, struct str address, int64_t now_ms)
{
	struct bucket *b = find(limit, hash(limit->seed, address), now_ms);
	b->tokens += (double)(now_ms - b->at_ms) * limit->per_window / AUTH_LIMIT_WINDOW_MS;
	if (b->tokens > limit->per_window) b->tokens = limit->per_window;
	b->at_ms = now_ms;
	if (b->tokens < 1) return false;
	b->tokens -= 1;
	return true;
}
