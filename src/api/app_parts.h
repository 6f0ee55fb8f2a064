/* SPDX-License-Identifier: Apache-2.0
 *
 * The processes of one app, as the daemon starts and stops them: "postgres", "backend", and for each release whose
 * server runs "web.N" (app/web.h). */
#ifndef FREEHOLD_API_APP_PARTS_H
#define FREEHOLD_API_APP_PARTS_H

#include "api/daemon.h"
#include "app/web.h"

#define APP_PARTS_MAX 60
#define APP_PARTS_ARENA_BYTES (1u << 20)

/* What an app that runs consists of now, in the order of starting; how many. */
int app_parts(struct daemon *d, const char *app, char ret_parts[APP_PARTS_MAX][PART_NAME_SIZE]);

/* Appends, behind `count` of them, servers of releases that are not live and may still run; how many. */
int app_parts_old(struct daemon *d, const char *app, char parts[APP_PARTS_MAX][PART_NAME_SIZE], int count);

/* Appends the branches of its database (upkeep/branch.h); how many. They run while the app does, and nothing of the app
 * waits for them. */
int app_parts_branches(struct daemon *d, const char *app, char parts[APP_PARTS_MAX][PART_NAME_SIZE], int count);

bool app_part_is_known(const char *part);
bool app_part_spec(struct daemon *d, const char *app, const char *part, struct parts *parts, struct arena *arena,
		   struct unit_spec *ret_spec, struct err *err);

/* For the routes: an app's processes, in order. done(arg, err) once all of them answer, or are gone. */
void daemon_start_app(struct daemon *d, const char *app, supervisor_done done, void *arg);
void daemon_stop_app(struct daemon *d, const char *app, supervisor_done done, void *arg);

/* The backend and the app's server, with what was set since; not PostgreSQL. */
void daemon_restart_app(struct daemon *d, const char *app, supervisor_done done, void *arg);

/* The app's server and functions, not the backend: for what the backend takes without a restart. */
void daemon_restart_servers(struct daemon *d, const char *app, supervisor_done done, void *arg);

/* One of them. gives_up: for a deployment, one that ends before it was ready is not tried again. A server that is kept
 * warm is thawed. */
void daemon_start_part_of(struct daemon *d, const char *app, const char *part, bool gives_up, supervisor_done done,
			  void *arg);
void daemon_stop_part_of(struct daemon *d, const char *app, const char *part, supervisor_done done, void *arg);

/* A server that is not live any more drains; then it is frozen, kept as long as the app's setting says and ended, or
 * ended at once. */
bool daemon_retire_part_of(struct daemon *d, const char *app, const char *part, struct err *err);

/* Hands the live release's functions the variables as they are now; what they are answering they answer. */
void daemon_renew_functions(struct daemon *d, const char *app);

/* Forgets the clocks of what is retired; the processes go on. */
void daemon_forget_retired(struct daemon *d);

#endif
