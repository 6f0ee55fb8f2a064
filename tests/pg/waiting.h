/* SPDX-License-Identifier: Apache-2.0
 *
 * For tests of what runs on a loop beside a database: the loop goes on while they wait. */
#ifndef FREEHOLD_TESTS_PG_WAITING_H
#define FREEHOLD_TESTS_PG_WAITING_H

#include <stdint.h>
#include <uv.h>

#include "ownbox.h"

void wait_for(uv_loop_t *loop, int64_t ms);

/* Until the query gives the text, as this role; fails the test after 20 seconds. */
void wait_until(uv_loop_t *loop, const struct ownbox *box, const char *role, const char *sql, const char *want);

#endif
