/* SPDX-License-Identifier: Apache-2.0
 *
 * An app's own parts: its system users, folders, keys, and the processes that serve it. */
#ifndef FREEHOLD_APP_PARTS_H
#define FREEHOLD_APP_PARTS_H

#include <stdbool.h>

#include "app/elsewhere.h"
#include "app/flow.h"
#include "base/arena.h"
#include "owndb/owndb.h"
#include "run/supervisor.h"

/* Who runs what. Without root all three are the caller. */
struct parts_users {
	struct user code; /* build, server, functions */
	struct user api; /* backend */
	struct user db; /* PostgreSQL, backups */
};

/* The setting (store/setting.h) that says of which PostgreSQL a cluster is made. */
#define PARTS_MAJOR_SETTING "postgres"

/* Everything about an app that code below needs, with the paths spelled once. */
struct parts {
	struct app app;
	struct parts_users users;
	char dir[FILE_PATH_SIZE]; /* apps/<app> */
	char run_dir[FILE_PATH_SIZE]; /* <run>/<app> */
	char data_dir[FILE_PATH_SIZE]; /* apps/<app>/postgres/data */
	char pg_socket_dir[FILE_PATH_SIZE]; /* <run>/<app>/postgres */
	char pg_app_socket_dir[FILE_PATH_SIZE]; /* <run>/<app>/database: the same for the app's own server */
	char pg_app_socket[FILE_PATH_SIZE]; /* .s.PGSQL.5432 in it */
	char files_dir[FILE_PATH_SIZE]; /* apps/<app>/data: what the app's server writes; the code user's */
	char storage_dir[FILE_PATH_SIZE]; /* apps/<app>/storage: the files of objects; the backend writes, the edge
					     reads */
	char archive_dir[FILE_PATH_SIZE]; /* apps/<app>/postgres/archive, of backup/queue.h */
	char pg_log[FILE_PATH_SIZE];
	char backend_socket[FILE_PATH_SIZE];
	char backend_log[FILE_PATH_SIZE];
	char backend_config[FILE_PATH_SIZE];
	char majors_dir[FILE_PATH_SIZE]; /* <home>/postgres: PostgreSQL majors that were fetched (owndb/major.h) */
	char pg_bin_dir[FILE_PATH_SIZE];
	struct elsewhere elsewhere; /* .is: the app's database is not in data_dir but there */
	struct owndb_elsewhere address; /* borrows from it */
	struct owndb owndb; /* borrows from the fields above */
};

/* Makes users, folders and keys as far as they are missing; can be run again after a crash at any point. `p` must stay
 * where it is: owndb points into it. */
bool parts_ensure(const struct flow *f, const char *app, struct parts *p, struct err *err);

/* The PostgreSQL that the app asked for is on this machine: fetched where it is not (owndb/major.h), which takes a
 * while. on_step may be NULL. */
bool parts_ensure_major(const struct flow *f, const char *app, void (*on_step)(void *arg, const char *text), void *arg,
			struct err *err);

/* Asks for a major before there is a cluster. ERR_CONFLICT when there is one of another. */
bool parts_want_major(const struct flow *f, const char *app, int64_t major, struct err *err);

/* For an app whose database is elsewhere: p->owndb is what a cluster of its own would be. */
bool parts_take_own(const struct flow *f, struct parts *p, struct err *err);

/* The same of an app whose parts exist; makes only the folders below <run>, which a reboot empties. */
bool parts_open(const struct flow *f, const char *app, struct parts *p, struct err *err);

/* The user that the app's pool runs as (app/pool.h), made when there is none; without root the caller. */
bool parts_pool_user(const struct flow *f, const struct parts *p, struct user *ret_user, struct err *err);

/* Removes users and folders; the processes are gone already. Missing ones are no error. */
bool parts_remove(const struct flow *f, const struct app *app, struct err *err);

/* The keys that Freehold made for the app: jwt_secret, anon_key, service_role_key, publishable_key, secret_key. */
#define PARTS_KEY_SIZE 1024
bool parts_key(const struct flow *f, const char *app, const char *name, char ret_key[PARTS_KEY_SIZE], struct err *err);

/* Writes the backend's configuration file, readable for the backend's user only. */
bool parts_write_backend_config(const struct flow *f, const struct parts *p, struct err *err);

/* What the supervisor runs. Texts live in the arena. */
bool parts_postgres_unit(const struct flow *f, const struct parts *p, struct arena *arena, struct unit_spec *ret_spec,
			 struct err *err);
bool parts_backend_unit(const struct flow *f, const struct parts *p, struct arena *arena, struct unit_spec *ret_spec,
			struct err *err);
void parts_edge_unit(const struct flow *f, struct arena *arena, struct unit_spec *ret_spec);

#define PART_NAME_SIZE 32 /* "postgres", "web.7" */

/* "shop/postgres" */
void parts_unit_name(const char *app, const char *part, char ret_name[UNIT_NAME_SIZE]);

#endif
