/* SPDX-License-Identifier: Apache-2.0
 *
 * A throw-away app database (ownbox.h) with freehold-backend in front of it, for tests. Failures abort. */
#ifndef FREEHOLD_TESTS_PG_BACKENDBOX_H
#define FREEHOLD_TESTS_PG_BACKENDBOX_H

#include <jansson.h>

#include "base/buf.h"
#include "ownbox.h"

#define BACKENDBOX_SECRET "a secret of the app that is at least 32 bytes long"
#define BACKENDBOX_PUBLISHABLE_KEY "sb_publishable_x"
#define BACKENDBOX_SECRET_KEY "sb_secret_y"

struct backendbox {
	struct ownbox db;
	const char *program; /* freehold-backend */
	char listen[128]; /* as in its configuration */
	char config_path[128];
	struct buf anon_key, service_role_key;
};

/* The database with its prelude, and the configuration; nothing listens yet. listen NULL: a socket in its folder. */
void backendbox_init(struct backendbox *box, const char *program, const char *listen, const char *site_url);
void backendbox_done(struct backendbox *box);

/* Puts a member of the configuration in place of what is there and writes the file anew, as the daemon does. Takes the
 * value. */
void backendbox_configure(const struct backendbox *box, const char *member, json_t *value);

/* Returns once it listens. What it logs later is dropped. */
pid_t backendbox_start(const struct backendbox *box);

/* SIGTERM, and its exit status; -1 when a signal ended it. */
int backendbox_stop(pid_t pid);

#endif
