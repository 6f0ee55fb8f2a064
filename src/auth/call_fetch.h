/* SPDX-License-Identifier: Apache-2.0
 *
 * Another server asked within a flow. The answer lives as long as the request. */
#ifndef FREEHOLD_AUTH_CALL_FETCH_H
#define FREEHOLD_AUTH_CALL_FETCH_H

#include "auth/call.h"
#include "http/fetch.h"

#define CALL_FETCHES_MAX 128 /* at a time, of all calls; beyond that ERR_UNAVAILABLE */

/* done is called once, always from the loop; fetched is NULL when no answer came, and why then says what happened. What
 * spec points to must live as long as the request. */
typedef void (*call_fetched_fn)(struct auth_call *call, const struct http_fetched *fetched, const struct err *why);
void call_fetch(struct auth_call *call, const struct http_fetch_spec *spec, call_fetched_fn done);

/* The answer as JSON that lives as long as the request; NULL when it is none. */
json_t *call_fetched_json(struct auth_call *call, const struct http_fetched *fetched);

#endif
