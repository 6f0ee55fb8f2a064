/* SPDX-License-Identifier: Apache-2.0 */
#include "api/elsewhere.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/import.h"
#include "api/worker.h"
#include "app/elsewhere.h"
#include "codec/json.h"

static const struct {
	const char *pattern; /* what routes' patterns begin with */
	const char *what, *instead;
} own_only[] = {
    {"v1/apps/NAME/db/backups", "no backups are taken",
     "switch on those of where it is kept; freehold db APP dump writes all of it into a file"},
    {"v1/apps/NAME/db/drill", "there is no backup to prove", "prove those of where it is kept, by restoring one there"},
    {"v1/apps/NAME/db/restore", "nothing can be restored to a moment",
     "restore it where it is kept; where that makes a new database, freehold db APP external ADDRESS leads there"},
    {"v1/apps/NAME/db/branches", "there are no branches",
     "where it is kept may have some; or try things in a copy of your own: freehold db APP dump, then freehold db COPY "
     "import FILE"},
    {"v1/apps/NAME/db/pool", "there is no pool", "that of where it is kept serves what connects by itself"},
    {"v1/apps/NAME/db/settings", "its settings are not Freehold's to make", "they are changed where it is kept"},
    {"v1/apps/NAME/db/move", "nothing is moved into it", "load it where it is kept (pg_restore)"},
};

bool elsewhere_has_route(struct route_call *c, const char *pattern, struct err *err)
{
	struct app app;
	struct err ignored;
	for (size_t i = 0; i < sizeof own_only / sizeof *own_only; i++) {
		if (strncmp(pattern, own_only[i].pattern, strlen(own_only[i].pattern)) != 0) continue;
		if (!app_get(c->d->flow.db, c->app, &app, &ignored)) return true; /* the route says so */
		return elsewhere_refuse(&c->d->flow, c->app, own_only[i].what, own_only[i].instead, err);
	}
	return true;
}

static void reply_external(struct daemon *d, struct http_request *req, const char *app)
{
	struct err err;
	json_t *there = NULL;
	if (!elsewhere_json(&d->flow, app, &there, &err))
		reply_error(req, &err);
	else if (there != NULL)
		reply_json(req, 200, there);
	else {
		(void)err_set(&err, ERR_NOT_FOUND, "the database of %s is its own, on this server", app);
		reply_error(req, &err);
	}
}

void route_external(struct route_call *c)
{
	struct err err;
	struct app app;
	if (app_get(c->d->flow.db, c->app, &app, &err))
		reply_external(c->d, c->req, c->app);
	else
		reply_error(c->req, &err);
}

struct looking {
	struct daemon *d;
	struct http_request *req;
	char app[LAYOUT_APP_NAME_MAX + 1];
	bool is_created;
};

/* A request that is refused leaves no app behind. */
static void on_looked(void *arg, bool is_ok, struct str output)
{
	struct looking *l = arg;
	struct err err, ignored;
	json_t *answer JSON_CLEANUP = NULL;
	if (is_ok) {
		reply_external(l->d, l->req, l->app);
	} else {
		bool said = json_parse(output, &answer, &ignored);
		(void)err_set(&err, said ? (enum err_code)json_int(answer, "error", ERR_FAILED) : ERR_FAILED, "%s",
			      said ? json_str(answer, "message", "") : "the process that looks at the database died");
		if (l->is_created) (void)app_delete(l->d->flow.db, l->app, &ignored);
		reply_error(l->req, &err);
	}
	free(l);
}

/* {"url": "postgresql://…", "authority": "-----BEGIN CERTIFICATE-----…"}, each as it is where it is left out. */
void route_external_put(struct route_call *c)
{
	struct err err, ignored;
	json_t *body = body_json(c->req);
	if (body == NULL) return;
	struct looking *l = calloc(1, sizeof *l);
	if (l == NULL) abort();
	l->d = c->d;
	l->req = c->req;
	(void)snprintf(l->app, sizeof l->app, "%s", c->app);
	const char *url = json_str(body, "url", NULL), *authority = json_str(body, "authority", NULL);
	bool ok = (url == NULL || owndb_elsewhere_url_check(url, &err)) && import_may_begin(c, &err) &&
		  app_ensure(c, true, &l->is_created, &err) &&
		  elsewhere_offer(&c->d->flow, c->app, url, authority, &err) &&
		  worker_import(c->d, c->app, "--external", on_looked, l, &err);
	json_decref(body);
	if (ok) return;
	if (l->is_created) (void)app_delete(c->d->flow.db, c->app, &ignored);
	reply_error(c->req, &err);
	free(l);
}
