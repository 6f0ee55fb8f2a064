/* SPDX-License-Identifier: Apache-2.0
 *
 * /~oauth/initiate, as @lovable.dev/cloud-auth-js opens it: ?provider=google&redirect_uri=…&state=…, in the same tab.
 * It becomes /auth/v1/authorize, whose answer comes back to redirect_uri with tokens in the fragment, where supabase-js
 * takes them up. Within the builder's preview (response_mode=web_message) only the builder's own origin is believed, so
 * that there is nothing to answer. Pure. */
#ifndef FREEHOLD_BIN_BACKEND_BROKER_H
#define FREEHOLD_BIN_BACKEND_BROKER_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

#define BROKER_PATH "/~oauth/initiate"

/* The query of /authorize. ERR_INVALID says why not. */
bool broker_query(struct arena *a, struct str query, struct str *ret_query, struct err *err);

#endif
