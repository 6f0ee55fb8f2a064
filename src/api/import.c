/* SPDX-License-Identifier: Apache-2.0
 *
 * Routes of a database that is moved in (move/import.h). */
#include "move/import.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/import.h"
#include "api/routes.h"
#include "api/tail.h"
#include "api/upload.h"
#include "api/worker.h"
#include "app/elsewhere.h"
#include "base/log.h"
#include "codec/json.h"
#include "codec/url.h"
#include "move/following.h"
#include "move/import_files.h"
#include "store/deployment.h"

#define UPLOAD_MAX_BYTES ((uint64_t)4 << 40)

bool import_may_begin(struct route_call *c, struct err *err)
{
	int64_t running = 0;
	if (!worker_check_not_ending(c->d, c->app, err) || !deployment_running(c->d->flow.db, c->app, &running, err))
		return false;
	return running == 0 || err_set(err, ERR_CONFLICT, "%s is being deployed (deployment %lld); wait for it", c->app,
				       (long long)running);
}

void route_import_head(struct route_call *c)
{
	struct err err;
	if (!upload_is_file(c->req)) return;
	if (!import_may_begin(c, &err))
		reply_error(c->req, &err);
	else
		upload_begin(c, UPLOAD_MAX_BYTES);
}

void route_import(struct route_call *c)
{
	struct err err;
	struct app app;
	json_t *journal = NULL;
	if (app_get(c->d->flow.db, c->app, &app, &err) &&
	    import_json(&c->d->flow, c->app, worker_is_importing(c->d, c->app), &journal, &err))
		reply_json(c->req, 200, journal);
	else
		reply_error(c->req, &err);
}

struct running {
	struct daemon *d;
	char app[LAYOUT_APP_NAME_MAX + 1];
};

static void on_ended(void *arg, bool is_ok, struct str output)
{
	struct running *r = arg;
	(void)is_ok, (void)output;
	move_recover_start(r->d, r->app);
	free(r);
}

bool import_start(struct daemon *d, const char *app, struct err *err)
{
	struct running *r = calloc(1, sizeof *r);
	if (r == NULL) abort();
	r->d = d;
	(void)snprintf(r->app, sizeof r->app, "%s", app);
	if (worker_import(d, app, "--import", on_ended, r, err)) return true;
	free(r);
	return false;
}

/* Of a file the options are parameters, else the members of the body. */
static json_t *options_of(struct route_call *c)
{
	static const char *const flags[] = {"make_roles", "accept_errors", "replace", "rewrite_urls",
					    "check",      "resume",        "files",   "drop_missing"};
	if (!upload_is_file(c->req)) return body_json(c->req);
	json_t *options = json_object();
	const char *source = query_param(c->req, "source"), *major = query_param(c->req, "postgres");
	int64_t number = 0;
	for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
		const char *value = query_param(c->req, flags[i]);
		if (value != NULL) json_object_set_new(options, flags[i], json_boolean(strcmp(value, "1") == 0));
	}
	json_object_set_new(options, "source", json_string(source != NULL ? source : "a file"));
	if (major != NULL && str_to_int(str_from(major), &number))
		json_object_set_new(options, "postgres", json_integer(number));
	return options;
}

/* The address itself is nowhere but sealed. */
static bool seal(struct route_call *c, json_t *options, struct err *err)
{
	const char *url = json_str(options, "url", NULL);
	char *sealed = NULL, shown[256];
	if (url == NULL) return true;
	if (!import_seal_url(&c->d->flow, c->app, url, &sealed, shown, err)) return false;
	json_object_set_new(options, "url", json_string(sealed));
	json_object_set_new(options, "source", json_string(shown));
	free(sealed);
	return true;
}

/* What is written elsewhere while it is copied would be missing here. */
static bool may_leave_elsewhere(struct route_call *c, bool is_trial, struct err *err)
{
	struct app app;
	struct err ignored;
	bool is_elsewhere = false;
	if (is_trial || !app_get(c->d->flow.db, c->app, &app, &ignored)) return true;
	if (!elsewhere_is(&c->d->flow, c->app, &is_elsewhere, err)) return false;
	return !is_elsewhere || strcmp(app.state, "running") != 0 ||
	       err_set(err, ERR_CONFLICT,
		       "%s writes into its database elsewhere, and gets one of its own by an import: stop it first, so "
		       "that no "
		       "row is missed (freehold stop %s), import, then start it again",
		       c->app, c->app);
}

static bool begin(struct route_call *c, json_t *options, struct err *err)
{
	char path[FILE_PATH_SIZE];
	bool is_created = false, is_resumed = json_bool(options, "resume", false);
	bool has_file = upload_is_file(c->req);
	if (!has_file && !is_resumed && json_str(options, "url", NULL) == NULL &&
	    !json_bool(options, "files_only", false))
		return err_set(err, ERR_INVALID,
			       "send a dump as application/octet-stream, or {\"url\": \"postgresql://…\"}");
	if (json_int(options, "slot_limit_mb", FOLLOWING_LIMIT_MIN_MB) < FOLLOWING_LIMIT_MIN_MB)
		return err_set(
		    err, ERR_INVALID,
		    "the source keeps its log in files of 16 MB: a limit of less than %d MB would be reached "
		    "at once",
		    FOLLOWING_LIMIT_MIN_MB);
	if (json_bool(options, "files_only", false)) json_object_set_new(options, "source", json_string("files alone"));
	json_object_del(options, "resume");
	if (!may_leave_elsewhere(c, json_bool(options, "check", false), err)) return false;
	if (!import_may_begin(c, err) || !seal(c, options, err) || !app_ensure(c, true, &is_created, err) ||
	    !import_prepare(&c->d->flow, c->app, options, is_resumed, err))
		return false;
	if (has_file &&
	    (!import_source_path(&c->d->flow, c->app, path, err) || !upload_keep(http_stream_arg(c->req), path, err)))
		return false;
	return import_start(c->d, c->app, err);
}

void route_import_post(struct route_call *c)
{
	struct err err;
	json_t *options = options_of(c), *journal = NULL;
	if (options == NULL) return;
	if (begin(c, options, &err) && import_json(&c->d->flow, c->app, true, &journal, &err))
		reply_json(c->req, 201, journal);
	else
		reply_error(c->req, &err);
	json_decref(options);
}

/* Where the files come from, and the key that opens them: kept sealed for the import that follows. */
void route_import_files(struct route_call *c)
{
	struct err err;
	bool is_created = false;
	json_t *body = body_json(c->req);
	if (body == NULL) return;
	if (import_may_begin(c, &err) && app_ensure(c, true, &is_created, &err) &&
	    import_files_keep(&c->d->flow, c->app, json_str(body, "from", ""), json_str(body, "key", ""), &err))
		reply_json(c->req, 200, json_object());
	else
		reply_error(c->req, &err);
	json_decref(body);
}

void route_import_events(struct route_call *c)
{
	struct err err;
	char path[FILE_PATH_SIZE];
	const char *follow = query_param(c->req, "follow");
	if (!import_events_path(&c->d->flow, c->app, path, &err)) {
		reply_error(c->req, &err);
		return;
	}
	struct tail_source source = {.path = path};
	tail_reply(&c->d->loop, c->req, &source, 1, -1, follow != NULL && strcmp(follow, "1") == 0,
		   "{\"event\":\"end\"");
}

struct undoing {
	struct http_request *req;
};

static void on_undone(void *arg, bool is_ok, struct str output)
{
	struct undoing *u = arg;
	struct err err;
	json_t *answer = NULL;
	if (is_ok) {
		reply_json(u->req, 200, json_object());
	} else {
		bool said = json_parse(output, &answer, &err);
		(void)err_set(&err, said ? (enum err_code)json_int(answer, "error", ERR_FAILED) : ERR_FAILED, "%s",
			      said ? json_str(answer, "message", "") : "the process that puts it back died");
		reply_error(u->req, &err);
		json_decref(answer);
	}
	free(u);
}

void import_answer_alone(struct route_call *c, const char *verb)
{
	struct err err;
	struct app app;
	struct undoing *u = calloc(1, sizeof *u);
	if (u == NULL) abort();
	u->req = c->req;
	if (app_get(c->d->flow.db, c->app, &app, &err) && import_may_begin(c, &err) &&
	    worker_import(c->d, c->app, verb, on_undone, u, &err))
		return;
	reply_error(c->req, &err);
	free(u);
}

void route_import_undo(struct route_call *c)
{
	import_answer_alone(c, "--import-undo");
}
