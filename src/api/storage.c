/* SPDX-License-Identifier: Apache-2.0
 *
 * An app's files: the keys of S3's protocol, and where files lie. */
#include <stdio.h>
#include <string.h>

#include "api/app_query.h"
#include "api/routes.h"
#include "api/worker.h"
#include "app/place.h"
#include "app/s3_keys.h"
#include "app/signin.h"
#include "codec/json.h"
#include "edge/edge.h"

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

/* Where files lie. */

static void reply_place(struct route_call *c)
{
	struct err err;
	struct app app;
	json_t *place = NULL;
	if (app_get(c->d->flow.db, c->app, &app, &err) && place_describe(&c->d->flow, c->app, &place, &err))
		reply_json(c->req, 200, place);
	else
		reply_error(c->req, &err);
}

void route_storage_place(struct route_call *c)
{
	reply_place(c);
}

static bool change_place(struct route_call *c, const json_t *body, struct err *err)
{
	const char *kind = json_str(body, "kind", "");
	struct app app;
	if (!worker_check_not_ending(c->d, c->app, err) || !app_get(c->d->flow.db, c->app, &app, err)) return false;
	if (strcmp(kind, "s3") == 0) return place_to_s3(&c->d->flow, c->app, body, err);
	if (strcmp(kind, "local") == 0) return place_to_local(&c->d->flow, c->app, err);
	if (strcmp(kind, "forget") == 0) return place_forget(&c->d->flow, c->app, err);
	return err_set(err, ERR_INVALID, "files lie in s3 or local, not \"%.40s\"", kind);
}

void route_storage_place_put(struct route_call *c)
{
	struct err err;
	json_t *body JSON_CLEANUP = body_json(c->req);
	if (body == NULL) return;
	if (change_place(c, body, &err) && signin_apply(&c->d->flow, c->app, &err))
		reply_place(c);
	else
		reply_error(c->req, &err);
}

/* What there is. */

void route_storage_buckets(struct route_call *c)
{
	app_query(c, "select storage.freehold_usage()::text", NULL, 0, "bucket", NULL);
}

void route_storage_sweep(struct route_call *c)
{
	struct err err;
	struct app app;
	if (app_get(c->d->flow.db, c->app, &app, &err))
		reply_json(c->req, 200, json_pack("{s:o}", "report", place_told(&c->d->flow, c->app, "sweep.json")));
	else
		reply_error(c->req, &err);
}

void route_storage_sweep_post(struct route_call *c)
{
	struct err err;
	struct app app;
	int64_t asked;
	json_t *body JSON_CLEANUP = body_json(c->req);
	if (body == NULL) return;
	int64_t fix_s = json_int(body, "fix_s", -1);
	bool ok = worker_check_not_ending(c->d, c->app, &err) && app_get(c->d->flow.db, c->app, &app, &err);
	if (ok && strcmp(app.state, "running") != 0)
		ok = err_set(&err, ERR_CONFLICT, "%s does not run; start it first: freehold start %s", c->app, c->app);
	if (ok && place_sweep(&c->d->flow, c->app, fix_s, &asked, &err) && signin_apply(&c->d->flow, c->app, &err))
		reply_json(c->req, 202, json_pack("{s:I}", "asked", (json_int_t)asked));
	else
		reply_error(c->req, &err);
}
