/* SPDX-License-Identifier: Apache-2.0
 *
 * What the administrative flows share. */
#ifndef FREEHOLD_AUTH_ADMIN_H
#define FREEHOLD_AUTH_ADMIN_H

#include "auth/call.h"

/* The user of the path (call->ids[0]) into call->user, then next; 404 when there is none. */
void admin_load_user(struct auth_call *call, void (*next)(struct auth_call *call));

/* The user of that id as it is now, as the answer. */
void admin_reply_user(struct auth_call *call, const char *user_id);

/* Traits of an audit entry about a user. The caller's. */
json_t *admin_traits(const char *user_id, const char *email, const char *phone);

/* Which page of a list, of how many rows each, and how many rows there are in all. */
struct admin_page {
	int64_t number, size, total;
};

/* Link (the next page and the last, with the rest of the request's query) and X-Total-Count. auth-js takes the first
 * parameter of each address for the page. */
void admin_add_page(struct auth_call *call, struct auth_reply *reply, const char *path, const struct admin_page *page);

/* For call->on_refused: 422 for an address or number that is taken. */
bool admin_on_taken(struct auth_call *call, const struct pg_error *why);

#endif
