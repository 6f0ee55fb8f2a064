/* SPDX-License-Identifier: Apache-2.0
 *
 * Where everything lies on disk; nothing else spells these paths.
 *
 *     <home>/  freehold.db  secret.key
 *              edge/  nginx.conf  hosts/<host> -> ../../apps/<app>  stopped/<host>
 *              cache/
 *              apps/<app>/  repo.git/  releases/<n>/  live -> releases/<n>  assets/  work/<n>/  postgres/  data/  logs/
 *     <run>/   control.sock  edge/  <app>/backend/backend.sock  <app>/postgres/.s.PGSQL.5432
 *              <app>/database/.s.PGSQL.5432
 *
 * Root keeps it in /var/lib/freehold and /run/freehold, anyone else in ~/.freehold and ~/.freehold/run;
 * FREEHOLD_HOME moves all of it under one folder. */
#ifndef FREEHOLD_STORE_LAYOUT_H
#define FREEHOLD_STORE_LAYOUT_H

#include <stdbool.h>

#include "base/err.h"
#include "os/file.h"

/* A unix socket's path may have 107 bytes (sockaddr_un in unix(7), less the NUL); PostgreSQL puts a lock file's suffix
 * behind its own. */
#define LAYOUT_SOCKET_PATH_MAX 107
#define LAYOUT_APP_NAME_MAX 32
#define LAYOUT_ROOT_HOME "/var/lib/freehold"
#define LAYOUT_ROOT_RUN "/run/freehold"

struct layout {
	char home[FILE_PATH_SIZE];
	char run[FILE_PATH_SIZE];
};

bool layout_from_environment(struct layout *ret_layout, struct err *err);

/* Makes the folders that every installation has. */
bool layout_prepare(const struct layout *l, struct err *err);

/* a-z, 0-9, '-'; 1 to 32; begins with a letter, ends with no '-', and no "--" (kept for names of our own). */
bool layout_app_name_check(const char *name, struct err *err);

/* <home>/apps/<app>[/<rest>] and <run>/<app>[/<rest>]; rest may be "". */
bool layout_app(const struct layout *l, const char *app, const char *rest, char ret_path[FILE_PATH_SIZE],
		struct err *err);
bool layout_app_run(const struct layout *l, const char *app, const char *rest, char ret_path[FILE_PATH_SIZE],
		    struct err *err);

/* <home>/<rest> */
bool layout_home(const struct layout *l, const char *rest, char ret_path[FILE_PATH_SIZE], struct err *err);

/* ERR_LIMIT when one of the app's sockets would not fit a socket address. */
bool layout_app_sockets_check(const struct layout *l, const char *app, struct err *err);

#endif
