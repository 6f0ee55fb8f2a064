/* SPDX-License-Identifier: Apache-2.0
 *
 * The paths below /auth/v1, and which function begins each of them. */
#ifndef FREEHOLD_AUTH_ROUTE_H
#define FREEHOLD_AUTH_ROUTE_H

#include <stdbool.h>

#include "auth/auth.h"
#include "auth/problem.h"

struct auth_call;

enum auth_access { AUTH_ANYONE, AUTH_USER, AUTH_ADMIN };
enum auth_body { AUTH_NO_BODY, AUTH_JSON_BODY };

#define AUTH_ROUTE_IDS_MAX 2

struct auth_route {
	const char *method, *path; /* ":id" is a part that must be a UUID */
	enum auth_access access; /* checked before begin, in the database too */
	enum auth_body body; /* read before begin; anything but an object is refused */
	void (*begin)(struct auth_call *call);
};

/* NULL with a problem: 404 for a path that is none and for what is switched off, 405 for a method, 501 for upstream's
 * paths that are not served. ret_ids are in the request's arena, and anything: see below. */
const struct auth_route *auth_route_find(const struct auth_request *request, const char *ret_ids[AUTH_ROUTE_IDS_MAX],
					 struct auth_problem *ret_problem);

/* Whether they are UUIDs, asked once it is known who asks; 404 names the one that is none. */
bool auth_route_check_ids(const struct auth_route *route, const char *const ids[AUTH_ROUTE_IDS_MAX],
			  struct auth_problem *problem);

#endif
