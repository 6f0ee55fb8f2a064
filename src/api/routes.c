/* SPDX-License-Identifier: Apache-2.0 */
#include "api/routes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/elsewhere.h"
#include "codec/json.h"
#include "codec/url.h"

#define SEGMENTS_MAX 8

/* A pattern's segments: text, "NAME" (an app's name, checked), "*" (kept in arg). */
static const struct route {
	const char *method;
	const char *pattern;
	void (*handle)(struct route_call *c);
	void (*on_head)(struct route_call *c);
} routes[] = {
    {"GET", "v1/version", route_version, NULL},
    {"GET", "v1/status", route_status, NULL},
    {"GET", "v1/doctor", route_doctor, NULL},
    {"GET", "v1/apps", route_apps, NULL},
    {"GET", "v1/apps/NAME", route_app, NULL},
    {"DELETE", "v1/apps/NAME", route_app_destroy, NULL},
    {"POST", "v1/apps/NAME/start", route_app_start, NULL},
    {"POST", "v1/apps/NAME/stop", route_app_stop, NULL},
    {"POST", "v1/apps/NAME/restart", route_app_restart, NULL},
    {"POST", "v1/apps/NAME/parts/*/*", route_part, NULL},
    {"GET", "v1/apps/NAME/settings", route_settings, NULL},
    {"PUT", "v1/apps/NAME/settings", route_settings_put, NULL},
    {"GET", "v1/apps/NAME/env", route_env, NULL},
    {"PUT", "v1/apps/NAME/env", route_env_put, NULL},
    {"GET", "v1/apps/NAME/auth", route_auth, NULL},
    {"PUT", "v1/apps/NAME/auth", route_auth_put, NULL},
    {"GET", "v1/apps/NAME/auth/keys", route_auth_keys, NULL},
    {"POST", "v1/apps/NAME/auth/keys", route_auth_keys_post, NULL},
    {"GET", "v1/apps/NAME/auth/templates/*", route_auth_template, NULL},
    {"POST", "v1/apps/NAME/auth/templates/*/preview", route_auth_preview, NULL},
    {"GET", "v1/apps/NAME/auth/users", route_auth_users, NULL},
    {"GET", "v1/ai", route_ai, NULL},
    {"PUT", "v1/ai", route_ai_put, NULL},
    {"DELETE", "v1/ai", route_ai_delete, NULL},
    {"GET", "v1/apps/NAME/ai", route_ai, NULL},
    {"PUT", "v1/apps/NAME/ai", route_ai_put, NULL},
    {"DELETE", "v1/apps/NAME/ai", route_ai_delete, NULL},
    {"GET", "v1/apps/NAME/cron", route_cron, NULL},
    {"GET", "v1/apps/NAME/cron/runs", route_cron_runs, NULL},
    {"POST", "v1/apps/NAME/cron/run", route_cron_run, NULL},
    {"POST", "v1/apps/NAME/cron/pause", route_cron_pause, NULL},
    {"POST", "v1/apps/NAME/cron/resume", route_cron_resume, NULL},
    {"POST", "v1/apps/NAME/cron/allow", route_cron_allow, NULL},
    {"GET", "v1/apps/NAME/mail", route_mail, NULL},
    {"DELETE", "v1/apps/NAME/mail", route_mail_purge, NULL},
    {"POST", "v1/apps/NAME/mail/test", route_mail_test, NULL},
    {"POST", "v1/apps/NAME/mail/retry", route_mail_retry, NULL},
    {"GET", "v1/apps/NAME/mail/*", route_mail_one, NULL},
    {"POST", "v1/apps/NAME/mail/*/retry", route_mail_retry, NULL},
    {"GET", "v1/apps/NAME/db", route_database, NULL},
    {"GET", "v1/apps/NAME/db/slow", route_database_slow, NULL},
    {"GET", "v1/apps/NAME/db/external", route_external, NULL},
    {"PUT", "v1/apps/NAME/db/external", route_external_put, NULL},
    {"GET", "v1/apps/NAME/db/pool", route_pool, NULL},
    {"PUT", "v1/apps/NAME/db/pool", route_pool_put, NULL},
    {"POST", "v1/apps/NAME/db/pool/fetch", route_pool_fetch_post, NULL},
    {"GET", "v1/apps/NAME/db/settings", route_tuning, NULL},
    {"PUT", "v1/apps/NAME/db/settings", route_tuning_put, NULL},
    {"GET", "v1/apps/NAME/export", route_export, NULL},
    {"GET", "v1/apps/NAME/db/import", route_import, NULL},
    {"POST", "v1/apps/NAME/db/import", route_import_post, route_import_head},
    {"GET", "v1/apps/NAME/db/import/events", route_import_events, NULL},
    {"POST", "v1/apps/NAME/db/import/files", route_import_files, NULL},
    {"POST", "v1/apps/NAME/db/import/undo", route_import_undo, NULL},
    {"POST", "v1/apps/NAME/db/move/finish", route_move_finish, NULL},
    {"POST", "v1/apps/NAME/db/move/back", route_move_back, NULL},
    {"GET", "v1/apps/NAME/db/size", route_database_size, NULL},
    {"GET", "v1/apps/NAME/storage/buckets", route_storage_buckets, NULL},
    {"GET", "v1/apps/NAME/storage/sweep", route_storage_sweep, NULL},
    {"POST", "v1/apps/NAME/storage/sweep", route_storage_sweep_post, NULL},
    {"GET", "v1/apps/NAME/storage/place", route_storage_place, NULL},
    {"PUT", "v1/apps/NAME/storage/place", route_storage_place_put, NULL},
    {"GET", "v1/apps/NAME/storage/keys", route_storage_keys, NULL},
    {"POST", "v1/apps/NAME/storage/keys", route_storage_keys_post, NULL},
    {"DELETE", "v1/apps/NAME/storage/keys/*", route_storage_key_delete, NULL},
    {"GET", "v1/trust", route_trust, NULL},
    {"GET", "v1/apps/NAME/tls", route_tls, NULL},
    {"PUT", "v1/apps/NAME/tls", route_tls_put, NULL},
    {"DELETE", "v1/apps/NAME/tls", route_tls_delete, NULL},
    {"POST", "v1/apps/NAME/tls/redirect", route_tls_redirect, NULL},
    {"GET", "v1/apps/NAME/db/backups", route_backups, NULL},
    {"POST", "v1/apps/NAME/db/backups", route_backups_post, NULL},
    {"POST", "v1/apps/NAME/db/drill", route_drill_post, NULL},
    {"GET", "v1/apps/NAME/db/restore", route_restore, NULL},
    {"POST", "v1/apps/NAME/db/restore", route_restore_post, NULL},
    {"POST", "v1/apps/NAME/db/restore/*", route_restore_more, NULL},
    {"GET", "v1/apps/NAME/db/branches", route_branches, NULL},
    {"POST", "v1/apps/NAME/db/branches", route_branches_post, NULL},
    {"GET", "v1/apps/NAME/db/branches/*", route_branch, NULL},
    {"POST", "v1/apps/NAME/db/branches/*/reset", route_branch_reset, NULL},
    {"DELETE", "v1/apps/NAME/db/branches/*", route_branch_delete, NULL},
    {"POST", "v1/apps/NAME/db/renew", route_renew_post, NULL},
    {"GET", "v1/postgres", route_fetched, NULL},
    {"POST", "v1/postgres", route_fetched_post, NULL},
    {"GET", "v1/backup", route_backup, NULL},
    {"PUT", "v1/backup", route_backup_put, NULL},
    {"GET", "v1/backup/kit", route_backup_kit, NULL},
    {"POST", "v1/backup/files", route_backup_files, NULL},
    {"POST", "v1/backup/places", route_backup_place_post, NULL},
    {"DELETE", "v1/backup/places/*", route_backup_place_delete, NULL},
    {"GET", "v1/jobs/*", route_job, NULL},
    {"GET", "v1/jobs/*/events", route_job_events, NULL},
    {"GET", "v1/apps/NAME/git-key", route_git_key, NULL},
    {"POST", "v1/apps/NAME/git-key", route_git_key_post, NULL},
    {"POST", "v1/apps/NAME/deployments", route_deploy, route_deploy_head},
    {"GET", "v1/apps/NAME/deployments", route_deployments, NULL},
    {"GET", "v1/apps/NAME/deployments/*", route_deployment, NULL},
    {"GET", "v1/apps/NAME/deployments/*/events", route_events, NULL},
    {"POST", "v1/apps/NAME/deployments/*/stop", route_deployment_stop, NULL},
    {"GET", "v1/apps/NAME/releases", route_releases, NULL},
    {"POST", "v1/apps/NAME/rollback", route_rollback, NULL},
    {"GET", "v1/apps/NAME/logs", route_logs, NULL},
};

static bool match_segment(struct str pattern, struct str segment, struct route_call *c, int *args)
{
	if (str_eq(pattern, STR("NAME"))) {
		(void)snprintf(c->app, sizeof c->app, "%.*s", STR_FMT(segment));
		return segment.len < sizeof c->app && segment.len > 0;
	}
	if (str_eq(pattern, STR("*"))) {
		(void)snprintf(c->arg[*args], sizeof c->arg[0], "%.*s", STR_FMT(segment));
		return segment.len < sizeof c->arg[0] && (*args)++ < 2;
	}
	return str_eq(pattern, segment);
}

static bool match_path(const char *pattern, struct str path, struct route_call *c)
{
	struct str rest = str_from(pattern), part, segment;
	int args = 0;
	if (path.len == 0 || path.ptr[0] != '/') return false;
	path = str_sub(path, 1, path.len);
	while (str_next(&rest, '/', &part))
		if (!str_next(&path, '/', &segment) || !match_segment(part, segment, c, &args)) return false;
	return path.ptr == NULL;
}

/* The route of a request, or NULL and an answer: 404, or 405 in the words of 400 where only the method is wrong. */
static const struct route *find(struct daemon *d, struct http_request *req, struct route_call *c, struct err *err)
{
	bool is_path_known = false;
	for (size_t i = 0; i < sizeof routes / sizeof *routes; i++) {
		*c = (struct route_call){.d = d, .req = req};
		if (!match_path(routes[i].pattern, http_path(req), c)) continue;
		is_path_known = true;
		if (!str_eq(str_from(routes[i].method), http_method(req))) continue;
		if (c->app[0] != '\0' && !layout_app_name_check(c->app, err)) return NULL;
		return &routes[i];
	}
	struct str method = http_method(req), path = http_path(req);
	if (is_path_known)
		(void)err_set(err, ERR_INVALID, "%.*s does not take %.20s", STR_FMT(str_sub(path, 0, 200)),
			      arena_cstr(http_arena(req), method));
	else
		(void)err_set(err, ERR_NOT_FOUND, "there is no %.*s", STR_FMT(str_sub(path, 0, 200)));
	return NULL;
}

void routes_on_head(void *arg, struct http_request *req)
{
	struct route_call c;
	struct err err;
	const struct route *route = find(arg, req, &c, &err);
	if (route == NULL || route->on_head == NULL) return;
	if (elsewhere_has_route(&c, route->pattern, &err))
		route->on_head(&c);
	else
		reply_error(req, &err);
}

void routes_on_request(void *arg, struct http_request *req)
{
	struct route_call c;
	struct err err;
	const struct route *route = find(arg, req, &c, &err);
	if (route == NULL || !elsewhere_has_route(&c, route->pattern, &err))
		reply_error(req, &err);
	else
		route->handle(&c);
}

void reply_json(struct http_request *req, unsigned status, json_t *body)
{
	static const struct http_reply_field fields[] = {{"Content-Type", "application/json"}};
	char *text = json_text(body);
	http_reply(req, status, fields, 1, str_from(text));
	free(text);
	json_decref(body);
}

void reply_error(struct http_request *req, const struct err *why)
{
	http_reply_error(req, why);
}

const char *query_param(struct http_request *req, const char *name)
{
	struct str value;
	if (!query_get(http_arena(req), http_query(req), str_from(name), &value)) return NULL;
	return arena_cstr(http_arena(req), value);
}

json_t *body_json(struct http_request *req)
{
	struct err err;
	json_t *body = NULL;
	struct str text = http_body(req);
	if (str_trim(text).len == 0) return json_object();
	if (json_parse(text, &body, &err) && json_is_object(body)) return body;
	json_decref(body);
	(void)err_set(&err, ERR_INVALID, "the body must be a JSON object");
	reply_error(req, &err);
	return NULL;
}
