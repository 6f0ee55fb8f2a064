/* SPDX-License-Identifier: Apache-2.0
 *
 * /health: 200 when the database answers as both roles within a deadline, else 503 with the reason. Time in which
 * this process did not run is not held against the database. */
#ifndef FREEHOLD_BIN_BACKEND_HEALTH_H
#define FREEHOLD_BIN_BACKEND_HEALTH_H

#include "bin/backend/exchange.h"

#define HEALTH_DEADLINE_MS 3000

void health_answer(struct exchange *x);

#endif
