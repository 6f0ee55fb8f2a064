/* SPDX-License-Identifier: Apache-2.0
 *
 * PostgREST's own settings, for a backend that takes its place: from the environment (PGRST_DB_URI …), PostgREST's
 * configuration file (name = "value", # comments), and the database (ALTER ROLE authenticator SET pgrst.db_schemas = …,
 * db-pre-config). The database counts most, then the environment, then the file, as with PostgREST. docs/rest.md has
 * the list. */
#ifndef FREEHOLD_BIN_BACKEND_PGRST_H
#define FREEHOLD_BIN_BACKEND_PGRST_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/log.h"
#include "codec/jwk.h"
#include "rest/rest.h"

#define PGRST_LIST_MAX 32
#define PGRST_APP_SETTINGS_MAX 64
#define PGRST_WORKERS_MAX 64

struct pgrst {
	json_t *values; /* name to text; holds the texts below */
	const char *db_uri;
	int pool_size;
	int64_t acquisition_ms;
	const char *anon_role; /* NULL: requests without a token are refused */
	const char *server_host, *admin_host;
	uint16_t server_port, admin_port; /* admin 0: none */
	const char *unix_socket; /* NULL: server_host and server_port */
	mode_t unix_socket_mode;
	bool reuseport;
	int workers; /* processes that serve; ours, PostgREST has threads */
	struct jwk_set *keys; /* NULL: there is no secret, and no token is understood */
	const char *jwt_audience, *role_path;
	bool channel_enabled;
	const char *channel;
	const char *cors_origins; /* NULL: all */
	const char *trace_header; /* NULL: none */
	enum log_level log_level;
	struct rest_settings rest;

	const char *schemas[PGRST_LIST_MAX], *search_path[PGRST_LIST_MAX], *hoisted[PGRST_LIST_MAX];
	const char *app_settings[2 * PGRST_APP_SETTINGS_MAX];
};

/* path NULL: no file. Waits for the database where db-config is on. Errors name the setting. */
bool pgrst_read(const char *path, const char *const *environment, struct pgrst *ret, struct err *err);
void pgrst_done(struct pgrst *p);

/* One line of a configuration file: false when it cannot be read. An empty line or a comment leaves .ptr NULL. The
 * value is written to ret_value. */
bool pgrst_line(struct str line, struct str *ret_name, struct buf *ret_value);

#endif
