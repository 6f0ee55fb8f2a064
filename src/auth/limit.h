/* SPDX-License-Identifier: Apache-2.0
 *
 * How often somebody may do something: a bucket of tokens for each kind of thing and each name (an address, a user),
 * filled again over a window. The table is of one size; when more names come than it holds, the one that was quiet
 * longest is forgotten. */
#ifndef FREEHOLD_AUTH_LIMIT_H
#define FREEHOLD_AUTH_LIMIT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

#define AUTH_LIMIT_NAMES 16384

struct auth_limit;

struct auth_limit_rule {
	double events; /* in each window; 0: never */
	int64_t window_ms;
	double at_once; /* 0: events; more than events counts as that */
};

struct auth_limit *auth_limit_new(void);
void auth_limit_free(struct auth_limit *limit);

/* Takes one token; false when there is none. */
bool auth_limit_take(struct auth_limit *limit, unsigned kind, struct str name, struct auth_limit_rule rule,
		     int64_t now_ms);

/* How long until there is one; 0: now. Takes none. */
int64_t auth_limit_wait_ms(struct auth_limit *limit, unsigned kind, struct str name, struct auth_limit_rule rule,
			   int64_t now_ms);

/* An IPv6 address counts as its network of 64 bits, which one person has whole. The name is in ret_name. */
struct str auth_limit_address(struct str address, char ret_name[64]);

#endif
