/* SPDX-License-Identifier: Apache-2.0
 *
 * Routes about deployments and releases. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api/routes.h"
#include "api/tail.h"
#include "api/upload.h"
#include "api/worker.h"
#include "app/functions.h"
#include "app/git_key.h"
#include "app/live.h"
#include "app/parts.h"
#include "app/web.h"
#include "codec/json.h"
#include "codec/url.h"
#include "deploy/deploy.h"
#include "edge/port.h"
#include "intake/git.h"
#include "release/release.h"
#include "store/deployment.h"

#define UPLOAD_MAX_BYTES ((uint64_t)2 << 30)

/* An app that is being deployed, or that nobody would reach, is refused before its archive is sent. */
static bool may_deploy(struct daemon *d, const char *name, struct err *err)
{
	int64_t running = 0;
	if (!worker_check_not_ending(d, name, err) || !deployment_running(d->flow.db, name, &running, err))
		return false;
	if (running == 0)
		return layout_app_sockets_check(&d->flow.layout, name, err) && edge_check_ports(&d->flow.edge, err);
	return err_set(
	    err, ERR_CONFLICT,
	    "%s is being deployed already (deployment %lld); wait for it, watch it (freehold logs %s --build "
	    "%lld -f), or stop it: freehold cancel %s",
	    name, (long long)running, name, (long long)running, name);
}

void route_deploy_head(struct route_call *c)
{
	struct err err;
	if (!upload_is_file(c->req)) return;
	if (!may_deploy(c->d, c->app, &err))
		reply_error(c->req, &err);
	else
		upload_begin(c, UPLOAD_MAX_BYTES);
}

/* What the deployment is to know: {"git", "accept": […], "network"}. NULL after an answer. */
static json_t *options_of(struct route_call *c, const struct upload *u, const char **ret_source)
{
	struct err err;
	char shown[GIT_URL_SIZE] = "an archive";
	json_t *body JSON_CLEANUP = u == NULL ? body_json(c->req) : json_object();
	if (body == NULL) return NULL;
	const char *git = json_str(body, "git", NULL), *from = query_param(c->req, "from"),
		   *network = query_param(c->req, "network");
	bool is_known = u != NULL || (git != NULL ? git_url_check(git, false, shown, &err)
						  : err_set(&err, ERR_INVALID,
							    "send an archive as application/octet-stream, or {\"git\": "
							    "\"https://…\"}"));
	if (!is_known) {
		reply_error(c->req, &err);
		return NULL;
	}
	json_t *accept = json_array();
	struct str rest = http_query(c->req), name, value, decoded;
	while (query_next(&rest, &name, &value))
		if (str_eq(name, STR("accept")) && url_decode_plus(http_arena(c->req), value, &decoded, &err))
			json_array_append_new(accept, json_stringn(decoded.ptr, decoded.len));
	json_t *options =
	    json_pack("{s:o, s:b}", "accept", accept, "network", network != NULL && strcmp(network, "1") == 0);
	if (git != NULL) {
		char *sealed = git_address_seal(c->d->flow.seal, c->app, git);
		json_object_set_new(options, "git", json_string(sealed != NULL ? sealed : ""));
		free(sealed);
	}
	*ret_source = arena_strdup(http_arena(c->req), from != NULL ? from : shown);
	return options;
}

static bool keep_upload(struct daemon *d, const char *app, int64_t number, struct upload *u, struct err *err)
{
	char path[FILE_PATH_SIZE];
	if (!deploy_upload_path(&d->flow, app, number, path, err)) return false;
	return upload_keep(u, path, err);
}

/* The app, made where there was none; with the major version that was asked for. A request that is refused leaves none
 * behind. */
static bool make_app(struct route_call *c, struct app *ret_app, struct err *err)
{
	struct db *db = c->d->flow.db;
	const char *major = query_param(c->req, "postgres");
	int64_t wanted = 0;
	if (major != NULL && !(str_to_int(str_from(major), &wanted) && wanted > 0))
		return err_set(err, ERR_INVALID, "postgres is a major version, such as 17");
	bool is_new = app_create(db, c->app, ret_app, err);
	if (!is_new && (err->code != ERR_CONFLICT || !app_get(db, c->app, ret_app, err))) return false;
	if (major == NULL || parts_want_major(&c->d->flow, c->app, wanted, err)) return true;
	struct err ignored;
	if (is_new) (void)app_delete(db, c->app, &ignored);
	return false;
}

/* From here on the journal knows it. What fails after that ends it as failed. */
static bool begin(struct route_call *c, struct upload *u, const char *source, json_t *options, int64_t *ret_number,
		  struct err *err)
{
	struct db *db = c->d->flow.db;
	struct app app;
	int64_t number = 0;
	if (!may_deploy(c->d, c->app, err) || !make_app(c, &app, err)) return false;
	json_object_set_new(options, "state_before", json_string(app.state)); /* what an undo goes back to */
	char *text = json_text(options);
	bool ok = deployment_begin(db, c->app, source, text, deploy_step_names, deploy_step_count(), &number, err);
	free(text);
	if (!ok) return false;
	if (deploy_prepare(&c->d->flow, c->app, number, err) &&
	    (u == NULL || keep_upload(c->d, c->app, number, u, err)) && worker_deploy(c->d, c->app, number, err)) {
		*ret_number = number;
		return true;
	}
	struct err end;
	if (!deploy_discard(&c->d->flow, c->app, number, &end) ||
	    !deployment_end(db, c->app, number, "failed", err, &end))
		worker_recover(c->d, c->app, number);
	return false;
}

static void reply_deployment(struct route_call *c, unsigned status, int64_t number)
{
	struct err err;
	json_t *deployment = NULL;
	if (deployment_json(c->d->flow.db, c->app, number, true, &deployment, &err))
		reply_json(c->req, status, deployment);
	else
		reply_error(c->req, &err);
}

void route_deploy(struct route_call *c)
{
	struct err err;
	const char *source = NULL;
	int64_t number = 0;
	struct upload *u = upload_is_file(c->req) ? http_stream_arg(c->req) : NULL;
	json_t *options = options_of(c, u, &source);
	if (options == NULL) return;
	if (begin(c, u, source, options, &number, &err))
		reply_deployment(c, 201, number);
	else
		reply_error(c->req, &err);
	json_decref(options);
}

void route_deployments(struct route_call *c)
{
	struct err err;
	struct app app;
	json_t *list = NULL;
	if (app_get(c->d->flow.db, c->app, &app, &err) && deployment_list_json(c->d->flow.db, c->app, &list, &err))
		reply_json(c->req, 200, json_pack("{s:o}", "deployments", list));
	else
		reply_error(c->req, &err);
}

static bool number_of(struct route_call *c, int64_t *ret_number)
{
	struct err err;
	struct app app;
	if (!app_get(c->d->flow.db, c->app, &app, &err)) {
		reply_error(c->req, &err);
		return false;
	}
	if (str_to_int(str_from(c->arg[0]), ret_number) && *ret_number > 0) return true;
	(void)err_set(&err, ERR_INVALID, "\"%.40s\" is not the number of a deployment", c->arg[0]);
	reply_error(c->req, &err);
	return false;
}

void route_deployment(struct route_call *c)
{
	int64_t number = 0;
	if (number_of(c, &number)) reply_deployment(c, 200, number);
}

struct stopping {
	struct route_call call;
	int64_t number;
};

static void on_stopped(void *arg, bool is_ok, struct str output)
{
	(void)is_ok, (void)output;
	struct stopping *s = arg;
	reply_deployment(&s->call, 200, s->number);
}

void route_deployment_stop(struct route_call *c)
{
	struct err err;
	struct stopping *s = arena_alloc(http_arena(c->req), sizeof *s);
	*s = (struct stopping){.call = *c};
	if (number_of(c, &s->number) && !worker_stop_deployment(c->d, c->app, s->number, on_stopped, s, &err))
		reply_error(c->req, &err);
}

void reply_events(struct route_call *c, const char *path)
{
	const char *follow = query_param(c->req, "follow");
	struct tail_source source = {.path = path};
	tail_reply(&c->d->loop, c->req, &source, 1, -1, follow != NULL && strcmp(follow, "1") == 0,
		   "\"event\":\"end\"");
}

void route_events(struct route_call *c)
{
	struct err err;
	struct deployment_info info;
	int64_t number = 0;
	char path[FILE_PATH_SIZE];
	if (!number_of(c, &number)) return;
	if (!deployment_info(c->d->flow.db, c->app, number, &info, &err) ||
	    !deploy_events_path(&c->d->flow, c->app, number, path, &err)) {
		reply_error(c->req, &err);
		return;
	}
	reply_events(c, path);
}

void route_releases(struct route_call *c)
{
	struct err err;
	json_t *list = NULL;
	if (live_releases_json(&c->d->flow, c->app, &list, &err))
		reply_json(c->req, 200, json_pack("{s:o}", "releases", list));
	else
		reply_error(c->req, &err);
}

static void on_rolled_back(void *arg, bool is_ok, struct str output)
{
	struct err err;
	json_t *answer = NULL;
	bool is_read = json_parse(output, &answer, &err);
	if (is_ok && is_read) {
		reply_json(arg, 200, answer);
		return;
	}
	(void)err_set(&err, is_read ? (enum err_code)json_int(answer, "error", ERR_FAILED) : ERR_FAILED, "%s",
		      is_read ? json_str(answer, "message", "") : "the process that was to go back died");
	json_decref(answer);
	reply_error(arg, &err);
}

void route_rollback(struct route_call *c)
{
	struct err err;
	json_t *outcome = NULL, *body = body_json(c->req);
	if (body == NULL) return;
	const json_t *release = json_object_get(body, "release");
	bool ok = release == NULL || (json_is_integer(release) && json_integer_value(release) > 0) ||
		  err_set(&err, ERR_INVALID, "\"release\" must be a release's number");
	int64_t to = release != NULL ? json_integer_value(release) : 0;
	ok = ok && worker_check_not_ending(c->d, c->app, &err);
	if (ok && live_rollback_has_server(&c->d->flow, c->app, to))
		ok = worker_rollback(c->d, c->app, to, on_rolled_back, c->req, &err);
	else if (ok)
		ok = live_rollback(&c->d->flow, c->app, to, &outcome, &err);
	if (ok && outcome != NULL)
		reply_json(c->req, 200, outcome);
	else if (ok)
		(void)0; /* answered when its process has ended */
	else
		reply_error(c->req, &err);
	json_decref(body);
}

static int64_t lines_param(struct http_request *req)
{
	const char *text = query_param(req, "lines");
	int64_t lines = 200;
	if (text != NULL && (!str_to_int(str_from(text), &lines) || lines < 0)) lines = 200;
	return lines < 10000 ? lines : 10000;
}

/* A file for each function, NULL: of all that ever wrote one. The texts of what is chosen lie in the arena. */
static bool choose_functions(struct route_call *c, const char *only, struct arena *arena, struct tail_source *chosen,
			     int *ret_count, struct err *err)
{
	char path[FILE_PATH_SIZE];
	int count = 0;
	if (!functions_log_path(&c->d->flow, c->app, NULL, path, err)) return false;
	DIR *d = opendir(path);
	for (struct dirent *e; d != NULL && count < TAIL_SOURCES_MAX && (e = readdir(d)) != NULL;) {
		struct str name = str_from(e->d_name);
		if (!str_has_suffix(name, STR(".log"))) continue;
		char *function = arena_printf(arena, "%.*s", (int)name.len - 4, name.ptr);
		if (only != NULL && strcmp(function, only) != 0) continue;
		chosen[count++] = (struct tail_source){arena_printf(arena, "%s/%s", path, e->d_name), function, NULL};
	}
	if (d != NULL) (void)closedir(d);
	*ret_count = count;
	return count > 0 ||
	       (only != NULL ? err_set(err, ERR_NOT_FOUND, "%s has no function %s, or it was never part of a release",
				       c->app, only)
			     : err_set(err, ERR_NOT_FOUND, "%s has no functions", c->app));
}

static void reply_function_logs(struct route_call *c, const char *only, bool is_following)
{
	struct err err;
	struct app app;
	struct tail_source chosen[TAIL_SOURCES_MAX];
	int count = 0;
	struct arena *arena = arena_new(1u << 20);
	if (app_get(c->d->flow.db, c->app, &app, &err) && choose_functions(c, only, arena, chosen, &count, &err))
		tail_reply(&c->d->loop, c->req, chosen, count, lines_param(c->req), is_following, NULL);
	else
		reply_error(c->req, &err);
	arena_free(arena);
}

static bool release_asked(const struct route_call *c, const char *app_dir, const char *number, int64_t *ret_release,
			  struct err *err)
{
	json_t *facts JSON_CLEANUP = NULL;
	struct err ignored;
	if (str_to_int(str_from(number), ret_release) && release_facts(app_dir, *ret_release, &facts, &ignored))
		return true;
	return err_set(err, ERR_NOT_FOUND, "%s has no release %.20s; freehold releases %s lists those it has", c->app,
		       number, c->app);
}

void route_logs(struct route_call *c)
{
	struct err err;
	struct app app;
	char path[5][FILE_PATH_SIZE], dir[FILE_PATH_SIZE], needle[EDGE_HOST_SIZE + 16], host[EDGE_HOST_SIZE];
	const char *follow = query_param(c->req, "follow"), *only = query_param(c->req, "source"),
		   *number = query_param(c->req, "release");
	int64_t release = 0;
	if (query_param(c->req, "functions") != NULL) {
		reply_function_logs(c, query_param(c->req, "function"), follow != NULL && strcmp(follow, "1") == 0);
		return;
	}
	edge_app_host(c->app, host);
	(void)snprintf(needle, sizeof needle, "\"host\":\"%s\"", host);
	if (!app_get(c->d->flow.db, c->app, &app, &err) ||
	    !layout_home(&c->d->flow.layout, "edge/access.log", path[0], &err) ||
	    !layout_app(&c->d->flow.layout, c->app, "logs/backend.log", path[1], &err) ||
	    !layout_app(&c->d->flow.layout, c->app, "logs/postgres.log", path[2], &err) ||
	    !layout_app(&c->d->flow.layout, c->app, "", dir, &err) || !release_live(dir, &release, &err) ||
	    (number != NULL && !release_asked(c, dir, number, &release, &err)) ||
	    !web_log_path(&c->d->flow, c->app, release, path[3], &err) ||
	    !layout_app(&c->d->flow.layout, c->app, "logs/pool.log", path[4], &err)) {
		reply_error(c->req, &err);
		return;
	}
	struct tail_source all[] = {{path[0], "edge", needle},
				    {path[1], "backend", NULL},
				    {path[2], "postgres", NULL},
				    {path[3], "server", NULL},
				    {path[4], "pool", NULL}},
			   chosen[5];
	const bool is_there[] = {true, true, true, web_is_there(dir, release), file_exists(path[4])};
	int count = 0;
	for (int i = 0; i < 5; i++)
		if (is_there[i] && (only == NULL || strcmp(only, all[i].name) == 0)) chosen[count++] = all[i];
	if (count == 0) {
		(void)err_set(
		    &err, ERR_INVALID,
		    "there is no log \"%.40s\"; choose edge, backend, postgres or, of an app with a server, server "
		    "and pool",
		    only);
		reply_error(c->req, &err);
		return;
	}
	tail_reply(&c->d->loop, c->req, chosen, count, lines_param(c->req), follow != NULL && strcmp(follow, "1") == 0,
		   NULL);
}
