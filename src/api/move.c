/* SPDX-License-Identifier: Apache-2.0
 *
 * Routes of an app that moves in (move/move.h); what is copied, and how far, is the import's (api/import.c). */
#include "move/move.h"

#include "api/import.h"
#include "api/routes.h"
#include "api/worker.h"
#include "base/log.h"
#include "codec/json.h"
#include "move/import.h"

void route_move_finish(struct route_call *c)
{
	struct err err;
	json_t *options = body_json(c->req), *journal = NULL;
	if (options == NULL) return;
	bool ok = import_may_begin(c, &err) && move_finish_options(&c->d->flow, c->app, options, &err) &&
		  import_prepare(&c->d->flow, c->app, options, false, &err) && import_start(c->d, c->app, &err) &&
		  import_json(&c->d->flow, c->app, true, &journal, &err);
	if (ok)
		reply_json(c->req, 201, journal);
	else
		reply_error(c->req, &err);
	json_decref(options);
}

void route_move_back(struct route_call *c)
{
	import_answer_alone(c, "--move-back");
}

static void on_recovered(void *arg, bool is_ok, struct str output)
{
	(void)arg, (void)output;
	if (!is_ok) log_error("a source that a move held may still refuse writes; freehold move APP says of which app");
}

void move_recover_start(struct daemon *d, const char *app)
{
	struct err err;
	if (!move_is_left_held(&d->flow, app)) return;
	log_warn("%s: its move was cut off; letting the source write again", app);
	if (!worker_import(d, app, "--move-recover", on_recovered, NULL, &err)) log_error("%s: %s", app, err.msg);
}
