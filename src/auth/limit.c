/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/limit.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

#define WAYS 8 /* names that share a place by their hash */
#define PLACES (AUTH_LIMIT_NAMES / WAYS)

struct bucket {
	uint64_t who; /* hash of kind and name; 0: free */
	double tokens;
	int64_t at_ms;
};

struct auth_limit {
	uint64_t seed; /* so that nobody outside can choose names that meet */
	struct bucket buckets[PLACES][WAYS];
};

struct auth_limit *auth_limit_new(void)
{
	struct auth_limit *limit = calloc(1, sizeof *limit);
	if (limit == NULL) abort();
	if (getrandom(&limit->seed, sizeof limit->seed, 0) != sizeof limit->seed) abort();
	return limit;
}

void auth_limit_free(struct auth_limit *limit)
{
	free(limit);
}

/* FNV-1a, begun at the seed and stirred at the end. */
static uint64_t hash(uint64_t seed, unsigned kind, struct str text)
{
	uint64_t h = (seed ^ 0xcbf29ce484222325u ^ kind) * 0x100000001b3u;
	for (size_t i = 0; i < text.len; i++) h = (h ^ (unsigned char)text.ptr[i]) * 0x100000001b3u;
	h = (h ^ h >> 33) * 0xff51afd7ed558ccdu;
	return (h ^ h >> 33) | 1;
}

static struct bucket *find(struct auth_limit *limit, uint64_t who, double tokens, int64_t now_ms)
{
	struct bucket *row = limit->buckets[who / 2 % PLACES], *oldest = row;
	for (int i = 0; i < WAYS; i++) {
		if (row[i].who == who) return &row[i];
		if (row[i].who == 0 || (oldest->who != 0 && row[i].at_ms < oldest->at_ms)) oldest = &row[i];
	}
	*oldest = (struct bucket){who, tokens, now_ms};
	return oldest;
}

/* Filled up to now. */
static struct bucket *fill(struct auth_limit *limit, unsigned kind, struct str name, struct auth_limit_rule rule,
			   int64_t now_ms)
{
	double most = rule.at_once > 0 && rule.at_once < rule.events ? rule.at_once : rule.events;
	struct bucket *b = find(limit, hash(limit->seed, kind, name), most, now_ms);
	b->tokens += (double)(now_ms - b->at_ms) * rule.events / (double)rule.window_ms;
	if (b->tokens > most) b->tokens = most;
	b->at_ms = now_ms;
	return b;
}

bool auth_limit_take(struct auth_limit *limit, unsigned kind, struct str name, struct auth_limit_rule rule,
		     int64_t now_ms)
{
	struct bucket *b = fill(limit, kind, name, rule, now_ms);
	if (b->tokens < 1) return false;
	b->tokens -= 1;
	return true;
}

int64_t auth_limit_wait_ms(struct auth_limit *limit, unsigned kind, struct str name, struct auth_limit_rule rule,
			   int64_t now_ms)
{
	const struct bucket *b = fill(limit, kind, name, rule, now_ms);
	if (b->tokens >= 1) return 0;
	if (rule.events <= 0) return rule.window_ms;
	double wait_ms = (1 - b->tokens) * (double)rule.window_ms / rule.events;
	return wait_ms < 1 ? 1 : (int64_t)wait_ms;
}

struct str auth_limit_address(struct str address, char ret_name[64])
{
	struct in6_addr bytes;
	(void)snprintf(ret_name, 64, "%.*s", STR_FMT(address));
	if (str_find_char(address, ':') < 0 || inet_pton(AF_INET6, ret_name, &bytes) != 1) return address;
	if (IN6_IS_ADDR_V4MAPPED(&bytes)) return address;
	(void)snprintf(ret_name, 64, "%02x%02x%02x%02x%02x%02x%02x%02x/64", bytes.s6_addr[0], bytes.s6_addr[1],
		       bytes.s6_addr[2], bytes.s6_addr[3], bytes.s6_addr[4], bytes.s6_addr[5], bytes.s6_addr[6],
		       bytes.s6_addr[7]);
	return str_from(ret_name);
}
