/* SPDX-License-Identifier: Apache-2.0
 *
 * Routes about the daemon and about apps. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api/app_parts.h"
#include "api/routes.h"
#include "api/worker.h"
#include "app/functions.h"
#include "app/kept.h"
#include "app/live.h"
#include "app/parts.h"
#include "app/pin.h"
#include "base/clock.h"
#include "codec/json.h"
#include "edge/port.h"
#include "release/release.h"
#include "store/deployment.h"
#include "upkeep/backup_status.h"
#include "upkeep/disks.h"
#include "upkeep/fetched.h"
#include "upkeep/restore.h"
#include "version.h"

static json_t *time_json(int64_t wall_ms)
{
	char text[CLOCK_ISO8601_SIZE];
	clock_iso8601(wall_ms, text);
	return json_string(text);
}

void route_version(struct route_call *c)
{
	reply_json(c->req, 200,
		   json_pack("{s:s, s:i, s:o, s:s}", "version", FREEHOLD_VERSION, "pid", (int)getpid(), "started_at",
			     time_json(c->d->started_at_ms), "home", c->d->flow.layout.home));
}

static json_t *keys_json(struct daemon *d, const char *app)
{
	struct err ignored;
	char anon[PARTS_KEY_SIZE] = "", publishable[PARTS_KEY_SIZE] = "";
	if (!parts_key(&d->flow, app, "anon_key", anon, &ignored) ||
	    !parts_key(&d->flow, app, "publishable_key", publishable, &ignored))
		return json_null();
	return json_pack("{s:s, s:s}", "anon", anon, "publishable", publishable);
}

static json_t *processes_json(struct daemon *d, const char *app)
{
	char parts[APP_PARTS_MAX][PART_NAME_SIZE];
	int count = app_parts(d, app, parts), old = app_parts_old(d, app, parts, count);
	json_t *list = json_array();
	for (int i = 0; i < count + old; i++) {
		char unit[UNIT_NAME_SIZE];
		int64_t web = web_part_release(parts[i]), functions = functions_part_release(parts[i]);
		int64_t release = web > 0 ? web : functions;
		parts_unit_name(app, parts[i], unit);
		json_t *process = supervisor_json(d->supervisor, unit,
						  web > 0         ? "server"
						  : functions > 0 ? "functions"
								  : parts[i]);
		if (release > 0) json_object_set_new(process, "release", json_integer(release));
		bool is_gone = i >= count && strcmp(json_str(process, "state", ""), "stopped") == 0;
		if (is_gone)
			json_decref(process);
		else
			json_array_append_new(list, process);
	}
	return list;
}

/* What its server wrote; counted so far as nobody has to wait for it. */
#define DATA_ENTRIES_MAX 5000
static void put_data_bytes(json_t *answer, const char *app_dir)
{
	char path[FILE_PATH_SIZE];
	struct err ignored;
	bool is_whole = false;
	if (!file_path(path, &ignored, "%s/data", app_dir)) return;
	json_object_set_new(answer, "data_bytes",
			    json_integer((json_int_t)file_tree_size_up_to(path, DATA_ENTRIES_MAX, &is_whole)));
	json_object_set_new(answer, "data_counted", json_boolean(is_whole));
}

/* Also of an app that was never live and whose PostgreSQL does not run: into which one was moved, say. */
static void put_has_database(json_t *answer, const char *app_dir)
{
	char path[FILE_PATH_SIZE];
	struct err ignored;
	bool has = file_path(path, &ignored, "%s/postgres/data/PG_VERSION", app_dir) && file_exists(path);
	json_object_set_new(answer, "has_database", json_boolean(has));
}

json_t *app_json(struct daemon *d, const struct app *app)
{
	struct err ignored;
	char dir[FILE_PATH_SIZE] = "", url[EDGE_HOST_SIZE];
	int64_t live = 0, newest = 0;
	json_t *deployment = NULL;
	edge_app_url(&d->flow.edge, app->name, url);
	if (layout_app(&d->flow.layout, app->name, "", dir, &ignored)) (void)release_live(dir, &live, &ignored);
	if (deployment_newest(d->flow.db, app->name, &newest, &ignored) && newest > 0)
		(void)deployment_json(d->flow.db, app->name, newest, false, &deployment, &ignored);
	json_t *answer =
	    json_pack("{s:s, s:s, s:s, s:s, s:o, s:o, s:o, s:o, s:o}", "name", app->name, "url", url, "state",
		      app->state, "shape", app->shape, "live", live != 0 ? json_integer(live) : json_null(),
		      "created_at", time_json(app->created_at_ms), "processes", processes_json(d, app->name),
		      "deployment", deployment != NULL ? deployment : json_null(), "keys", keys_json(d, app->name));
	put_data_bytes(answer, dir);
	put_has_database(answer, dir);
	json_t *backup = NULL, *there = NULL;
	if (elsewhere_json(&d->flow, app->name, &there, &ignored) && there != NULL) {
		json_object_set_new(answer, "external", there);
		json_object_set_new(answer, "has_database", json_true());
		return answer;
	}
	if (backup_summary(&d->flow, app->name, &backup, &ignored)) json_object_set_new(answer, "backup", backup);
	return answer;
}

struct app_list {
	struct daemon *d;
	json_t *list;
};

static bool add_app(void *arg, const struct app *app, struct err *err)
{
	(void)err;
	struct app_list *l = arg;
	json_array_append_new(l->list, app_json(l->d, app));
	return true;
}

static json_t *apps_json(struct daemon *d, struct err *err)
{
	struct app_list l = {d, json_array()};
	if (app_each(d->flow.db, add_app, &l, err)) return l.list;
	json_decref(l.list);
	return NULL;
}

/* A release carries the address it was bound to: under another one its page loads, and all its calls go astray. */
static void warn_of_moved(struct daemon *d, const json_t *app, json_t *warnings)
{
	struct err ignored;
	char dir[FILE_PATH_SIZE], text[600];
	const char *name = json_str(app, "name", ""), *url = json_str(app, "url", "");
	json_t *facts JSON_CLEANUP = NULL;
	int64_t live = json_int(app, "live", 0);
	if (live == 0 || !layout_app(&d->flow.layout, name, "", dir, &ignored) ||
	    !release_facts(dir, live, &facts, &ignored))
		return;
	const json_t *bind = json_object_get(facts, "bind");
	const char *origin = json_str(bind, "origin", url);
	if (json_array_size(json_object_get(bind, "files")) == 0 || strcmp(origin, url) == 0) return;
	bool is_secured = strncmp(url, "https:", 6) == 0;
	if ((strncmp(origin, "https:", 6) == 0) != is_secured)
		(void)snprintf(
		    text, sizeof text,
		    "The pages of %s ask %.150s, and it is now at %.150s. This writes it into them: freehold "
		    "tls %s redirect %s",
		    name, origin, url, name, is_secured ? "on" : "off");
	else
		(void)snprintf(
		    text, sizeof text,
		    "%s was put live for %.150s and is now at %.150s: its own calls go astray. Deploy it again, or "
		    "start Freehold on the port it had.",
		    name, origin, url);
	json_array_append_new(warnings, json_string(text));
}

/* What the live server failed to write, since a release never changes. */
static void warn_of_lost_writes(struct daemon *d, const json_t *app, json_t *warnings)
{
	struct err ignored;
	char text[600];
	const char *name = json_str(app, "name", "");
	json_t *found JSON_CLEANUP = json_array(), *one;
	int64_t live = json_int(app, "live", 0);
	size_t i;
	if (live == 0 || !kept_find_in_log(&d->flow, name, live, found, &ignored)) return;
	json_array_foreach(found, i, one)
	{
		bool can_keep = json_bool(one, "can_keep", false);
		(void)snprintf(
		    text, sizeof text, "The server of %s could not write to %.200s: a release never changes. %s", name,
		    json_str(one, "path", ""),
		    can_keep ? "Deploy it again: then that is kept in its data folder."
			     : "It belongs to the build, so it cannot be kept; the app must write elsewhere, for "
			       "example to /data or to its database.");
		json_array_append_new(warnings, json_string(text));
	}
}

#define FOLDER_ENTRIES_MAX 5000
static uint64_t folder_bytes(const char *app_dir, const char *kind, int64_t number)
{
	char path[FILE_PATH_SIZE];
	struct err ignored;
	bool is_whole;
	if (number == 0 || !file_path(path, &ignored, "%s/postgres/%s-%lld", app_dir, kind, (long long)number))
		return 0;
	return file_tree_size_up_to(path, FOLDER_ENTRIES_MAX, &is_whole);
}

/* What restores left takes as much of the disk as the database, and nobody else would ever let go of it. */
static void warn_of_restore(struct daemon *d, const json_t *app, json_t *warnings)
{
	struct err ignored;
	char dir[FILE_PATH_SIZE], text[400];
	const char *name = json_str(app, "name", "");
	json_t *kept JSON_CLEANUP = NULL;
	if (!restore_json(&d->flow, name, &kept, &ignored) || !layout_app(&d->flow.layout, name, "", dir, &ignored))
		return;
	int64_t copy = json_int(json_object_get(kept, "copy"), "id", 0), aside = json_int(kept, "aside", 0);
	uint64_t bytes = folder_bytes(dir, "copy", copy) + folder_bytes(dir, "aside", aside);
	if (copy == 0 && aside == 0) return;
	(void)snprintf(text, sizeof text,
		       "%s keeps %s, %.0f MB on this disk, until freehold db %s restore --forget lets go of it.", name,
		       copy == 0    ? "the database that its last restore set aside"
		       : aside == 0 ? "the copy that a restore made to look at"
				    : "the copy that a restore made to look at and the database that the last one set "
				      "aside",
		       (double)bytes / 1e6, name);
	json_array_append_new(warnings, json_string(text));
}

/* What keeps the edge from running, where it is that somebody else has its port. */
static json_t *edge_json(struct daemon *d, json_t *warnings)
{
	struct err err;
	json_t *edge = supervisor_json(d->supervisor, "edge", "edge");
	if (strcmp(json_str(edge, "state", ""), "running") == 0 || edge_check_ports(&d->flow.edge, &err)) return edge;
	json_array_append_new(warnings, json_string(err.msg));
	return edge;
}

void route_status(struct route_call *c)
{
	struct err err;
	char address[EDGE_HOST_SIZE];
	json_t *apps = apps_json(c->d, &err);
	if (apps == NULL) {
		reply_error(c->req, &err);
		return;
	}
	(void)snprintf(address, sizeof address, "http://%s:%u", c->d->flow.edge.address, c->d->flow.edge.port);
	json_t *warnings = json_array(), *app, *edge = edge_json(c->d, warnings);
	size_t i;
	if (!backup_warnings(&c->d->flow, warnings, &err)) json_array_append_new(warnings, json_string(err.msg));
	json_t *disks = NULL;
	if (disks_look(&c->d->flow, &disks, &err))
		disks_warnings(disks, warnings);
	else
		json_array_append_new(warnings, json_string(err.msg));
	fetched_warnings(&c->d->flow, warnings);
	json_array_foreach(apps, i, app)
	{
		warn_of_moved(c->d, app, warnings);
		warn_of_lost_writes(c->d, app, warnings);
		warn_of_restore(c->d, app, warnings);
	}
	reply_json(c->req, 200,
		   json_pack("{s:s, s:s, s:o, s:s, s:o, s:o, s:o*}", "version", FREEHOLD_VERSION, "home",
			     c->d->flow.layout.home, "edge", edge, "address", address, "apps", apps, "warnings",
			     warnings, "disks", disks));
}

void route_apps(struct route_call *c)
{
	struct err err;
	json_t *apps = apps_json(c->d, &err);
	if (apps == NULL)
		reply_error(c->req, &err);
	else
		reply_json(c->req, 200, json_pack("{s:o}", "apps", apps));
}

static void reply_app(struct daemon *d, struct http_request *req, const char *name)
{
	struct err err;
	struct app app;
	if (app_get(d->flow.db, name, &app, &err))
		reply_json(req, 200, app_json(d, &app));
	else
		reply_error(req, &err);
}

void route_app(struct route_call *c)
{
	reply_app(c->d, c->req, c->app);
}

/* A request that is answered when the supervisor is done. */
struct later {
	struct daemon *d;
	struct http_request *req;
	char app[LAYOUT_APP_NAME_MAX + 1];
};

static struct later *later_new(struct route_call *c)
{
	struct later *l = calloc(1, sizeof *l);
	if (l == NULL) abort();
	l->d = c->d;
	l->req = c->req;
	(void)snprintf(l->app, sizeof l->app, "%s", c->app);
	return l;
}

static void on_app_done(void *arg, const struct err *err)
{
	struct later *l = arg;
	if (err != NULL)
		reply_error(l->req, err);
	else
		reply_app(l->d, l->req, l->app);
	free(l);
}

static void on_part_done(void *arg, const struct err *err)
{
	struct later *l = arg;
	if (err != NULL)
		reply_error(l->req, err);
	else
		reply_json(l->req, 200, json_object());
	free(l);
}

/* The app, when it is in a state in which its owner may start and stop it. */
static bool get_settled(struct route_call *c, struct app *ret_app, struct err *err)
{
	int64_t running = 0;
	if (!worker_check_not_ending(c->d, c->app, err) || !app_get(c->d->flow.db, c->app, ret_app, err) ||
	    !deployment_running(c->d->flow.db, c->app, &running, err))
		return false;
	if (running != 0)
		return err_set(err, ERR_CONFLICT, "%s is being deployed (deployment %lld); wait for it", c->app,
			       (long long)running);
	return strcmp(ret_app->state, "new") != 0 ||
	       err_set(err, ERR_CONFLICT, "%s was never live; deploy it first: freehold deploy FOLDER --app %s", c->app,
		       c->app);
}

void route_app_start(struct route_call *c)
{
	struct err err;
	struct app app;
	if (!get_settled(c, &app, &err) || !app_set_state(c->d->flow.db, c->app, "running", &err) ||
	    !live_set_stopped(&c->d->flow, c->app, false, &err))
		reply_error(c->req, &err);
	else
		daemon_start_app(c->d, c->app, on_app_done, later_new(c));
}

void route_app_stop(struct route_call *c)
{
	struct err err;
	struct app app;
	if (!get_settled(c, &app, &err) || !app_set_state(c->d->flow.db, c->app, "stopped", &err) ||
	    !live_set_stopped(&c->d->flow, c->app, true, &err))
		reply_error(c->req, &err);
	else
		daemon_stop_app(c->d, c->app, on_app_done, later_new(c));
}

void route_app_restart(struct route_call *c)
{
	struct err err;
	struct app app;
	if (!get_settled(c, &app, &err)) {
		reply_error(c->req, &err);
	} else if (strcmp(app.state, "running") != 0) {
		(void)err_set(&err, ERR_CONFLICT, "%s is stopped; start it with: freehold start %s", c->app, c->app);
		reply_error(c->req, &err);
	} else {
		daemon_restart_app(c->d, c->app, on_app_done, later_new(c));
	}
}

void route_settings(struct route_call *c)
{
	struct err err;
	struct app app;
	struct web_settings settings;
	if (app_get(c->d->flow.db, c->app, &app, &err) && web_settings_get(&c->d->flow, c->app, &settings, &err))
		reply_json(c->req, 200, web_settings_json(&settings));
	else
		reply_error(c->req, &err);
}

/* {"warm": "10m", …}: all or none. */
void route_settings_put(struct route_call *c)
{
	struct err err;
	struct app app;
	json_t *body = body_json(c->req), *value;
	const char *name;
	if (body == NULL) return;
	bool ok = app_get(c->d->flow.db, c->app, &app, &err) && db_begin(c->d->flow.db, &err);
	bool is_open = ok;
	json_object_foreach(body, name, value)
	{
		const char *text = json_string_value(value);
		if (ok && text == NULL) ok = err_set(&err, ERR_INVALID, "%.40s must be a text, such as \"10m\"", name);
		ok = ok && web_settings_set(&c->d->flow, c->app, name, text, &err);
	}
	ok = ok && db_commit(c->d->flow.db, &err);
	if (!ok && is_open) db_rollback(c->d->flow.db);
	ok = ok && pin_follow_setting(&c->d->flow, c->app, &err);
	json_decref(body);
	if (ok)
		route_settings(c);
	else
		reply_error(c->req, &err);
}

/* For deployments, which are processes of ours: parts/postgres/start and so on. */
void route_part(struct route_call *c)
{
	char unit[UNIT_NAME_SIZE];
	struct err err;
	bool is_known = app_part_is_known(c->arg[0]);
	bool is_web = web_part_release(c->arg[0]) > 0 || functions_part_release(c->arg[0]) > 0;
	parts_unit_name(c->app, c->arg[0], unit);
	if (is_known && strcmp(c->arg[1], "start") == 0) {
		daemon_start_part_of(c->d, c->app, c->arg[0], is_web, on_part_done, later_new(c));
	} else if (is_known && strcmp(c->arg[1], "stop") == 0) {
		daemon_stop_part_of(c->d, c->app, c->arg[0], on_part_done, later_new(c));
	} else if (is_web && strcmp(c->arg[1], "retire") == 0) {
		if (daemon_retire_part_of(c->d, c->app, c->arg[0], &err))
			reply_json(c->req, 200, json_object());
		else
			reply_error(c->req, &err);
	} else if (is_known && strcmp(c->arg[1], "restart") == 0) {
		supervisor_restart(c->d->supervisor, unit, on_part_done, later_new(c));
	} else {
		(void)err_set(&err, ERR_NOT_FOUND, "an app has no %.40s to %.40s", c->arg[0], c->arg[1]);
		reply_error(c->req, &err);
	}
}

static void on_destroyed(void *arg, bool is_ok, struct str output)
{
	struct later *l = arg;
	struct err err;
	json_t *answer = NULL;
	if (is_ok && json_parse(output, &answer, &err)) {
		reply_json(l->req, 200, answer);
	} else {
		(void)err_set(&err, ERR_FAILED, "%s was not destroyed: %.*s", l->app,
			      output.len > 0 ? (int)output.len : 20, output.len > 0 ? output.ptr : "its process died");
		reply_error(l->req, &err);
	}
	free(l);
}

void route_app_destroy(struct route_call *c)
{
	struct err err;
	struct app app;
	int64_t running = 0;
	struct later *l = later_new(c);
	bool ok = worker_check_not_ending(c->d, c->app, &err) && app_get(c->d->flow.db, c->app, &app, &err) &&
		  deployment_running(c->d->flow.db, c->app, &running, &err);
	if (ok && running != 0)
		ok = err_set(&err, ERR_CONFLICT, "%s is being deployed (deployment %lld); wait for it", c->app,
			     (long long)running);
	if (ok) ok = worker_destroy(c->d, c->app, on_destroyed, l, &err);
	if (ok) return;
	reply_error(c->req, &err);
	free(l);
}
