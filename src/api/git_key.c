/* SPDX-License-Identifier: Apache-2.0
 *
 * The key with which an app's source is fetched by ssh. */
#include "app/git_key.h"

#include "api/routes.h"
#include "api/worker.h"
#include "codec/json.h"
#include "codec/ssh_key.h"

bool app_ensure(struct route_call *c, bool is_made, bool *ret_is_created, struct err *err)
{
	struct app app;
	*ret_is_created = false;
	if (!worker_check_not_ending(c->d, c->app, err)) return false;
	if (app_get(c->d->flow.db, c->app, &app, err)) return true;
	if (err->code != ERR_NOT_FOUND || !is_made) return false;
	*ret_is_created = true;
	return layout_app_sockets_check(&c->d->flow.layout, c->app, err) &&
	       app_create(c->d->flow.db, c->app, &app, err);
}

static void reply_key(struct route_call *c, const struct buf *line, bool is_created)
{
	reply_json(c->req, 200, json_pack("{s:s, s:b}", "public_key", buf_cstr(line), "created", is_created));
}

void route_git_key(struct route_call *c)
{
	struct err err;
	struct app app;
	struct buf line BUF_CLEANUP;
	buf_init(&line, SSH_KEY_TEXT_MAX_BYTES);
	if (app_get(c->d->flow.db, c->app, &app, &err) &&
	    app_secret_get(c->d->flow.db, c->d->flow.seal, c->app, "key", "git_public", &line, &err))
		reply_key(c, &line, false);
	else
		reply_error(c->req, &err);
}

static bool change(struct route_call *c, const json_t *body, struct buf *ret_line, bool *ret_is_created,
		   struct err *err)
{
	bool forgets = json_bool(body, "forget_servers", false);
	return app_ensure(c, true, ret_is_created, err) &&
	       (!forgets || git_key_forget_hosts(c->d->flow.db, c->app, err)) &&
	       git_key_keep(c->d->flow.db, c->d->flow.seal, c->app, json_bool(body, "new", false), ret_line, err);
}

/* All of it or nothing. */
void route_git_key_post(struct route_call *c)
{
	struct err err;
	bool is_created = false;
	struct buf line BUF_CLEANUP;
	buf_init(&line, SSH_KEY_TEXT_MAX_BYTES);
	json_t *body JSON_CLEANUP = body_json(c->req);
	if (body == NULL) return;
	bool ok = db_begin(c->d->flow.db, &err);
	if (ok && !change(c, body, &line, &is_created, &err)) {
		db_rollback(c->d->flow.db);
		ok = false;
	}
	if (ok && db_commit(c->d->flow.db, &err))
		reply_key(c, &line, is_created);
	else
		reply_error(c->req, &err);
}
