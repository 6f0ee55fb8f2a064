/* SPDX-License-Identifier: Apache-2.0
 *
 * The backend's settings: one JSON file that holds secrets, so that nobody but its owner may read it.
 *
 *     listen               path of a unix socket, or "127.0.0.1:PORT"
 *     listen_mode          of that socket, octal text; "0600" unless given
 *     rest_database        libpq connection string, as authenticator
 *     auth_database        libpq connection string, as supabase_auth_admin
 *     realtime_database    libpq connection string, as freehold_realtime, to read the log of changes; without it those
 *                          who subscribe to changes are told so
 *     jobs_database        libpq connection string, as freehold_jobs: scheduled jobs and web requests of the database
 *                          are carried out; without it they are not
 *     jobs                 {"projects": [refs of the Supabase projects whose address means this app's own], "allow":
 *                          [addresses and networks that the database may call although they are not public]}
 *     lovable              what stands in for Lovable's services: {"app_key": the app's own for them, "url" and
 *                          "key": the AI provider, "models": [{"from", "to"}]}
 *     jwt_secret           signs and verifies tokens (HS256) where there are no signing_keys; at least 32 bytes
 *     signing_keys         a list, as codec/keyring.h has it, with tokens that are refused
 *     anon_key, service_role_key          the app's two long-lived tokens, signed with it
 *     publishable_key, secret_key         their short names: "sb_publishable_…", "sb_secret_…"
 *     former_public_keys   [{"anon", "publishable"}] that the app had before and that are accepted still
 *     site_url             where the app is: "https://shop.example"
 *     schemas              which are served below /rest/v1; ["public"] unless given
 *     pool_size            connections of rest; 10 unless given. Auth has half as many
 *     max_rows             of one answer; 0 (no limit) unless given
 *     storage              without it /storage/v1 answers 501:
 *                            folder           where the files of objects lie
 *                            file_size_limit  bytes of one; 1 GiB unless given
 *                            reserve          bytes that uploads leave free on the disk; 64 MiB unless given
 *                            place            another S3 where files lie (storage/place.h)
 *                            sweep            {"asked", "fix_s"}: files and rows are compared (storage/sweep.h)
 *                            s3_keys          [{"id", "secret"}] of S3's protocol
 *     auth                 the app's sign-in: an object with the names of auth/settings.h
 *     log_level            debug, info, warn or error; "info" unless given
 *
 * auth, signing_keys, storage.s3_keys, storage.place, storage.sweep, jobs and lovable may change while it runs
 * (bin/backend/reload.h); what else changes is read at the next start.
 */
#ifndef FREEHOLD_BIN_BACKEND_CONFIG_H
#define FREEHOLD_BIN_BACKEND_CONFIG_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "auth/settings.h"
#include "base/err.h"
#include "base/log.h"
#include "codec/keyring.h"

#define BACKEND_SCHEMAS_MAX 16

struct backend_config {
	json_t *file; /* holds the texts below */
	const char *listen_path; /* NULL: listen_port */
	uint16_t listen_port;
	mode_t listen_mode;
	const char *rest_database, *auth_database;
	const char *realtime_database; /* NULL: changes cannot be read */
	const char *jobs_database; /* NULL: none */
	const char *jwt_secret;
	const char *anon_key, *service_role_key, *publishable_key, *secret_key;
	const char *site_url;
	const char *schemas[BACKEND_SCHEMAS_MAX];
	int schema_count;
	int pool_size;
	int64_t max_rows;
	const char *storage_folder; /* NULL: none */
	uint64_t storage_file_max, storage_reserve; /* 0: storage's own */
	const json_t *place; /* of files: storage/place.h; NULL: this disk */
	const json_t *s3_keys; /* a list of {"id", "secret"}, or NULL */
	struct auth_settings *auth;
	struct keyring *keys;
	enum log_level log_level;
};

/* ERR_DENIED when others can read the file; ERR_INVALID names the member that is missing or malformed. */
bool backend_config_read(const char *path, struct backend_config *ret_config, struct err *err);
void backend_config_done(struct backend_config *config);

#endif
