/* SPDX-License-Identifier: Apache-2.0
 *
 * The control API (docs/api.md) over the daemon. */
#ifndef FREEHOLD_API_ROUTES_H
#define FREEHOLD_API_ROUTES_H

#include <jansson.h>

#include "api/daemon.h"

/* arg of both is the struct daemon. */
void routes_on_head(void *arg, struct http_request *req);
void routes_on_request(void *arg, struct http_request *req);

/* A route's view of a request: /v1/apps/NAME/… taken apart. */
struct route_call {
	struct daemon *d;
	struct http_request *req;
	char app[LAYOUT_APP_NAME_MAX + 1]; /* checked; "" where the route has none */
	char arg[2][64]; /* the path's further variable parts */
};

/* Completions. Both take what they are given. */
void reply_json(struct http_request *req, unsigned status, json_t *body);
void reply_error(struct http_request *req, const struct err *why);

/* The events in this file (app/events.h), with ?follow=1 until their end. In deployments.c. */
void reply_events(struct route_call *c, const char *path);

/* Begins a job of the route's app (upkeep/job.h) and answers 202 with it; takes options. In backups.c. */
void route_begin_job(struct route_call *c, const char *kind, json_t *options);
void route_begin_home_job(struct route_call *c, const char *kind, json_t *options); /* of no app */

/* Query parameters, percent-decoded into the request's arena; NULL where absent. */
const char *query_param(struct http_request *req, const char *name);

/* The request's JSON body; replies and returns NULL when it is none. An empty one is {}. */
json_t *body_json(struct http_request *req);

/* Routes by what they are about. */
void route_version(struct route_call *c);
void route_status(struct route_call *c);
void route_doctor(struct route_call *c);

void route_apps(struct route_call *c);
void route_app(struct route_call *c);
void route_app_start(struct route_call *c);
void route_app_stop(struct route_call *c);
void route_app_restart(struct route_call *c);
void route_app_destroy(struct route_call *c);
void route_part(struct route_call *c);
void route_settings(struct route_call *c);
void route_settings_put(struct route_call *c);
void route_env(struct route_call *c);
void route_env_put(struct route_call *c);
void route_auth(struct route_call *c);
void route_auth_put(struct route_call *c);
void route_auth_keys(struct route_call *c);
void route_auth_keys_post(struct route_call *c);
void route_auth_template(struct route_call *c);
void route_auth_preview(struct route_call *c);
void route_auth_users(struct route_call *c);
void route_ai(struct route_call *c);
void route_ai_put(struct route_call *c);
void route_ai_delete(struct route_call *c);
void route_cron(struct route_call *c);
void route_cron_runs(struct route_call *c);
void route_cron_run(struct route_call *c);
void route_cron_pause(struct route_call *c);
void route_cron_resume(struct route_call *c);
void route_cron_allow(struct route_call *c);
void route_mail(struct route_call *c);
void route_mail_one(struct route_call *c);
void route_mail_retry(struct route_call *c);
void route_mail_purge(struct route_call *c);
void route_mail_test(struct route_call *c);
void route_database(struct route_call *c);
void route_database_size(struct route_call *c);
void route_storage_buckets(struct route_call *c);
void route_storage_sweep(struct route_call *c);
void route_storage_sweep_post(struct route_call *c);
void route_storage_place(struct route_call *c);
void route_storage_place_put(struct route_call *c);
void route_database_slow(struct route_call *c);
void route_pool(struct route_call *c);
void route_pool_put(struct route_call *c);
void route_pool_fetch_post(struct route_call *c);
void route_fetched(struct route_call *c);
void route_fetched_post(struct route_call *c);
void route_renew_post(struct route_call *c);
void route_tuning(struct route_call *c);
void route_tuning_put(struct route_call *c);
void route_export(struct route_call *c);
void route_storage_keys(struct route_call *c);
void route_storage_keys_post(struct route_call *c);
void route_storage_key_delete(struct route_call *c);
void route_trust(struct route_call *c);
void route_tls(struct route_call *c);
void route_tls_put(struct route_call *c);
void route_tls_delete(struct route_call *c);
void route_tls_redirect(struct route_call *c);
void route_move_back(struct route_call *c);
void route_move_finish(struct route_call *c);
void route_import(struct route_call *c);
void route_import_head(struct route_call *c);
void route_import_post(struct route_call *c);
void route_import_events(struct route_call *c);
void route_import_files(struct route_call *c);
void route_import_undo(struct route_call *c);
void route_git_key(struct route_call *c);
void route_git_key_post(struct route_call *c);

/* The app is there, or is made where is_made says so: what a first deployment needs can be given before it. */
bool app_ensure(struct route_call *c, bool is_made, bool *ret_is_created, struct err *err);
json_t *app_json(struct daemon *d, const struct app *app);

void route_backups(struct route_call *c);
void route_backups_post(struct route_call *c);
void route_drill_post(struct route_call *c);
void route_restore(struct route_call *c);
void route_restore_post(struct route_call *c);
void route_restore_more(struct route_call *c);
void route_branches(struct route_call *c);
void route_branches_post(struct route_call *c);
void route_branch(struct route_call *c);
void route_branch_reset(struct route_call *c);
void route_branch_delete(struct route_call *c);
void route_backup(struct route_call *c);
void route_backup_kit(struct route_call *c);
void route_backup_files(struct route_call *c);
void route_backup_put(struct route_call *c);
void route_backup_place_post(struct route_call *c);
void route_backup_place_delete(struct route_call *c);
void route_job(struct route_call *c);
void route_job_events(struct route_call *c);

void route_deploy(struct route_call *c);
void route_deploy_head(struct route_call *c);
void route_deployments(struct route_call *c);
void route_deployment(struct route_call *c);
void route_deployment_stop(struct route_call *c);
void route_events(struct route_call *c);
void route_releases(struct route_call *c);
void route_rollback(struct route_call *c);
void route_logs(struct route_call *c);

#endif
