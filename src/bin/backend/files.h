/* SPDX-License-Identifier: Apache-2.0
 *
 * /storage/v1: joins src/storage to the HTTP server. A request whose body is a file is handed over at its head, and its
 * body as it comes; every other one when it is there. Behind the edge files go out by the edge itself: it says so in
 * X-Freehold-Files, which no client gets past it. */
#ifndef FREEHOLD_BIN_BACKEND_FILES_H
#define FREEHOLD_BIN_BACKEND_FILES_H

#include "bin/backend/exchange.h"

#define FILES_PREFIX "/storage/v1"

/* In on_head, for what is below the prefix. */
void files_on_head(struct gateway *gateway, struct http_request *req, struct str path);

/* In on_request; path is what stands behind the prefix. And in on_refused, where any request may come: one that is not
 * ours is answered as the HTTP server would. */
void files_on_request(struct gateway *gateway, struct http_request *req, struct str path);
void files_on_refused(struct gateway *gateway, struct http_request *req, const struct err *why);

#endif
