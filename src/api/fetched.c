/* SPDX-License-Identifier: Apache-2.0
 *
 * Routes about what Freehold fetched itself: PostgreSQL that this Debian does not have, a newer PgBouncer. */
#include <string.h>

#include "api/routes.h"
#include "codec/json.h"
#include "upkeep/fetched.h"

void route_fetched(struct route_call *c)
{
	reply_json(c->req, 200, fetched_json(&c->d->flow));
}

void route_fetched_post(struct route_call *c)
{
	json_t *body = body_json(c->req);
	struct err err;
	if (body == NULL) return;
	const char *what = json_str(body, "do", "");
	bool is_look = strcmp(what, "look") == 0;
	if (!is_look && strcmp(what, "update") != 0 && strcmp(what, "back") != 0)
		(void)err_set(&err, ERR_INVALID, "\"do\" must be look, update or back, not \"%.40s\"", what);
	else if (fetched_looked_at_ms(&c->d->flow) < 0)
		(void)err_set(
		    &err, ERR_NOT_FOUND,
		    "nothing was fetched here: all PostgreSQL is this machine's own, which apt upgrade brings "
		    "up to date");
	else {
		route_begin_home_job(c, is_look ? FETCHED_LOOK_JOB : FETCHED_CHANGE_JOB, body);
		return;
	}
	json_decref(body);
	reply_error(c->req, &err);
}

void route_renew_post(struct route_call *c)
{
	route_begin_job(c, FETCHED_RENEW_JOB, json_object());
}
