/* SPDX-License-Identifier: Apache-2.0
 *
 * A question to an app's database, for a route: one statement that answers one JSON value, run from the daemon's loop
 * over a connection of its own. */
#ifndef FREEHOLD_API_APP_QUERY_H
#define FREEHOLD_API_APP_QUERY_H

#include "api/routes.h"

#define APP_QUERY_PARAMS_MAX 8
#define APP_QUERY_MS 10000

/* The statement gives one row with one column of JSON text, an object, or none: then `none` is what was not found.
 * Parameters are copied. The answer is 200 with the object, to which `extra` (may be NULL, taken) is added. Owes the
 * request's completion. */
void app_query(struct route_call *c, const char *sql, const char *const *params, int param_count, const char *none,
	       json_t *extra);

/* The same as another role (a plain name, no superuser's) than the one that keeps the users. */
void app_query_as(struct route_call *c, const char *role, const char *sql, const char *const *params, int param_count,
		  const char *none, json_t *extra);

/* The same as the app's owner, who is no superuser and cannot become one: also of statements that may call what the app
 * made. finish completes the answer before it goes out. */
void app_query_then(struct route_call *c, const char *sql, void (*finish)(json_t *answer));

#endif
