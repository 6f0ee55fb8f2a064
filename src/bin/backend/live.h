/* SPDX-License-Identifier: Apache-2.0
 *
 * /realtime/v1 joined to HTTP: the WebSocket, and messages by POST. */
#ifndef FREEHOLD_BIN_BACKEND_LIVE_H
#define FREEHOLD_BIN_BACKEND_LIVE_H

#include "bin/backend/exchange.h"

/* The database's connection strings are the config's, which must outlive it. */
struct realtime *live_new(struct gateway *gateway, const char *stream_database);

/* path: below /realtime/v1. */
void live_answer(struct exchange *x, struct str path);

#endif
