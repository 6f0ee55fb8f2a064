/* SPDX-License-Identifier: Apache-2.0
 *
 * What a database says, expected now or soon; where something runs on a loop beside it, the loop goes on meanwhile. */
#ifndef FREEHOLD_TESTS_PG_WAITING_H
#define FREEHOLD_TESTS_PG_WAITING_H

#include <stdint.h>
#include <uv.h>

#include "ownbox.h"

/* The query gives the text, as this role, or the test fails. */
void is_now(const struct ownbox *box, const char *role, const char *sql, const char *want);

void wait_for(uv_loop_t *loop, int64_t ms);

/* Until the query gives the text, as this role; fails the test after 20 seconds. */
void wait_until(uv_loop_t *loop, const struct ownbox *box, const char *role, const char *sql, const char *want);

#endif
