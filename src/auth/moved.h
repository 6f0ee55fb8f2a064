/* SPDX-License-Identifier: Apache-2.0
 *
 * Sessions that a moved project's users bring with a refresh token of upstream's newer kind (moved_token.h). The first
 * such token of a session becomes a row of auth.refresh_tokens, and from there on it is a token like any: swapped, used
 * again within the interval, and the end of its family when somebody has a copy. No second one is taken: who brings
 * another one afterwards has an old copy, which ends the session as upstream does it. */
#ifndef FREEHOLD_AUTH_MOVED_H
#define FREEHOLD_AUTH_MOVED_H

#include "auth/call.h"

/* Goes on with next, or answers. token must live as long as the request. When it goes on, call->sql holds what the swap
 * is to be added to. */
void moved_take(struct auth_call *call, const char *token, void (*next)(struct auth_call *call));

#endif
