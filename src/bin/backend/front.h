/* SPDX-License-Identifier: Apache-2.0
 *
 * A request to a standalone backend: preflights of browsers, the token, and then rest, whose answer gets the headers
 * that pages of other origins and traces need. */
#ifndef FREEHOLD_BIN_BACKEND_FRONT_H
#define FREEHOLD_BIN_BACKEND_FRONT_H

#include "bin/backend/pgrst.h"
#include "bin/backend/token.h"
#include "http/server.h"
#include "rest/rest.h"

struct front {
	const struct pgrst *settings; /* may be replaced between requests; rest holds what it needs itself */
	struct tokens *tokens; /* NULL: no keys */
	struct rest *rest; /* NULL: settings in the database have not been read yet; 503 until then */
};

/* http_handler's on_request; arg is the front. */
void front_request(void *arg, struct http_request *http);

#endif
