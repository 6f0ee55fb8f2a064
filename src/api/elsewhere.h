/* SPDX-License-Identifier: Apache-2.0
 *
 * Routes of a database elsewhere (app/elsewhere.h), and which other routes there are not for an app that has one. */
#ifndef FREEHOLD_API_ELSEWHERE_H
#define FREEHOLD_API_ELSEWHERE_H

#include "api/routes.h"

void route_external(struct route_call *c);
void route_external_put(struct route_call *c);

/* False, with what to do instead, where the route of this pattern is about a cluster of Freehold's and the app has
 * none. */
bool elsewhere_has_route(struct route_call *c, const char *pattern, struct err *err);

#endif
