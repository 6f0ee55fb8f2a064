/* SPDX-License-Identifier: Apache-2.0
 *
 * How often an address may try: a bucket of tokens each, filled again over five minutes. The table is of one size; when
 * more addresses come than it holds, the one that was quiet longest is forgotten. */
#ifndef FREEHOLD_AUTH_LIMIT_H
#define FREEHOLD_AUTH_LIMIT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

#define AUTH_LIMIT_ADDRESSES 8192
#define AUTH_LIMIT_WINDOW_MS (5 * 60 * 1000)

struct auth_limit;

struct auth_limit *auth_limit_new(unsigned per_window);
void auth_limit_free(struct auth_limit *limit);

/* Takes one token; false when there is none. */
bool auth_limit_take(struct auth_limit *limit, struct str address, int64_t now_ms);

#endif
