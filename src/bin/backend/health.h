/* SPDX-License-Identifier: Apache-2.0
 *
 * /health: 200 when the database answers as both roles within a deadline, else 503 with the reason. */
#ifndef FREEHOLD_BIN_BACKEND_HEALTH_H
#define FREEHOLD_BIN_BACKEND_HEALTH_H

#include "bin/backend/exchange.h"

#define HEALTH_DEADLINE_MS 3000

void health_answer(struct exchange *x);

#endif
