/* SPDX-License-Identifier: Apache-2.0
 *
 * An app's files: the keys of S3's protocol. */
#include <stdio.h>

#include "api/routes.h"
#include "api/worker.h"
#include "codec/json.h"
#include "edge/edge.h"
#include "flow/s3_keys.h"
#include "flow/signin.h"

/* Where clients of S3 look, beside what is answered. */
static json_t *endpoint_of(struct route_call *c)
{
	char url[EDGE_HOST_SIZE];
	edge_app_url(&c->d->flow.edge, c->app, url);
	return json_sprintf("%s/storage/v1/s3", url);
}

void route_storage_keys(struct route_call *c)
{
	struct err err;
	struct app app;
	json_t *keys = NULL;
	if (app_get(c->d->flow.db, c->app, &app, &err) && s3_keys_list(&c->d->flow, c->app, &keys, &err))
		reply_json(
		    c->req, 200,
		    json_pack("{s:o, s:o, s:s}", "keys", keys, "endpoint", endpoint_of(c), "region", "us-east-1"));
	else
		reply_error(c->req, &err);
}

void route_storage_keys_post(struct route_call *c)
{
	struct err err;
	struct app app;
	char id[S3_KEY_ID_SIZE], secret[S3_KEY_SECRET_SIZE];
	json_t *body JSON_CLEANUP = body_json(c->req);
	if (body == NULL) return;
	bool ok = worker_check_not_ending(c->d, c->app, &err) && app_get(c->d->flow.db, c->app, &app, &err) &&
		  s3_keys_add(&c->d->flow, c->app, json_str(body, "note", ""), id, secret, &err) &&
		  signin_apply(&c->d->flow, c->app, &err);
	if (ok)
		reply_json(c->req, 201,
			   json_pack("{s:s, s:s, s:o, s:s}", "id", id, "secret", secret, "endpoint", endpoint_of(c),
				     "region", "us-east-1"));
	else
		reply_error(c->req, &err);
}

void route_storage_key_delete(struct route_call *c)
{
	struct err err;
	struct app app;
	if (app_get(c->d->flow.db, c->app, &app, &err) && s3_keys_remove(&c->d->flow, c->app, c->arg[0], &err) &&
	    signin_apply(&c->d->flow, c->app, &err))
		reply_json(c->req, 200, json_pack("{s:s}", "removed", c->arg[0]));
	else
		reply_error(c->req, &err);
}
