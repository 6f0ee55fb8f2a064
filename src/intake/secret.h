/* SPDX-License-Identifier: Apache-2.0
 *
 * Secrets that were committed: by what they are, not by what they look like. A JWT's role is decoded, so that the anon
 * key, which is public by design, raises no alarm. In the sandbox. */
#ifndef FREEHOLD_INTAKE_SECRET_H
#define FREEHOLD_INTAKE_SECRET_H

#include <jansson.h>
#include <stdbool.h>

#include "base/arena.h"
#include "base/str.h"

struct secret_facts {
	struct arena *arena;
	json_t *findings;
	json_t *keys; /* [{file, line, role, ref}] */
	json_t *env_set; /* name: file, of committed .env files */
};

/* reaches_browser: what stands in this file is sent to browsers. */
void secret_scan(struct secret_facts *f, const char *path, struct str text, bool reaches_browser);

/* ".env", ".env.production", but no example of one. */
bool secret_is_env_file(const char *path);

/* A committed .env file: its names are remembered, values that look secret are findings, the file itself a note. */
void secret_scan_env(struct secret_facts *f, const char *path, struct str text);

/* A name like VITE_…SERVICE_ROLE… that browser code reads or a .env sets. */
bool secret_name_is_service(struct str name);
void secret_add_service_name(struct secret_facts *f, struct str name, const char *path, uint32_t line);

/* A name like VITE_OPENAI_API_KEY that browser code reads: another secret that visitors get. */
bool secret_name_is_exposed(struct str name);
void secret_add_exposed_name(struct secret_facts *f, struct str name, const char *path, uint32_t line);

#endif
