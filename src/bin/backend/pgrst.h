/* SPDX-License-Identifier: Apache-2.0
 *
 * PostgREST's own settings, for a backend that takes its place: from its configuration file, the environment, and the
 * database. The database counts most, then the environment, then the file, as with PostgREST. docs/rest.md has the
 * list. */
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
	int references;
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
	int token_cache_max; /* jwt-cache-max-entries; 0: none are remembered */
	bool db_config;
	const char *pre_config; /* NULL: none */
	bool channel_enabled;
	const char *channel;
	const char *cors_origins; /* NULL: all */
	const char *trace_header; /* NULL: none */
	enum log_level log_level;
	struct rest_settings rest;

	const char *schemas[PGRST_LIST_MAX], *search_path[PGRST_LIST_MAX], *hoisted[PGRST_LIST_MAX];
	const char *app_settings[2 * PGRST_APP_SETTINGS_MAX];
};

/* path NULL: no file. database: what is set there (pgrst_database.h), NULL: nothing is known of it. Errors name the
 * setting. *ret is the caller's reference; it never changes. */
bool pgrst_read(const char *path, const char *const *environment, const json_t *database, struct pgrst **ret,
		struct err *err);
struct pgrst *pgrst_get(struct pgrst *p);
void pgrst_put(struct pgrst *p); /* NULL is allowed */

#endif
