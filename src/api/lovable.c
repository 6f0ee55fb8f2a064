/* SPDX-License-Identifier: Apache-2.0
 *
 * The AI provider of an app, or of all. */
#include "app/lovable.h"
#include "api/routes.h"
#include "codec/json.h"

static const char *app_of(const struct route_call *c)
{
	return c->app[0] != '\0' ? c->app : NULL;
}

static void answer(struct route_call *c)
{
	json_t *list = NULL;
	struct app app;
	struct err err;
	const char *name = app_of(c);
	if ((name == NULL || app_get(c->d->flow.db, name, &app, &err)) && lovable_list(&c->d->flow, name, &list, &err))
		reply_json(c->req, 200, list);
	else
		reply_error(c->req, &err);
}

void route_ai(struct route_call *c)
{
	answer(c);
}

static void change(struct route_call *c, const json_t *body)
{
	struct err err;
	if (lovable_change(&c->d->flow, app_of(c), body, &err))
		answer(c);
	else
		reply_error(c->req, &err);
}

void route_ai_put(struct route_call *c)
{
	json_t *body = body_json(c->req);
	if (body == NULL) return;
	change(c, body);
	json_decref(body);
}

void route_ai_delete(struct route_call *c)
{
	change(c, NULL);
}
