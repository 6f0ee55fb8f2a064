/* SPDX-License-Identifier: Apache-2.0
 *
 * A throw-away app database for tests, made and run as a deployment does it: under mktemp -d, as an unprivileged user
 * (root becomes `postgres` or `nobody` for it). Failures abort the test. */
#ifndef FREEHOLD_TESTS_PG_OWNBOX_H
#define FREEHOLD_TESTS_PG_OWNBOX_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/err.h"
#include "codec/migration.h"
#include "owndb/owndb.h"

struct ownbox {
	char dir[64];
	char data_dir[96], socket_dir[96], log_path[96], cache_dir[96], clones_dir[96], source_dir[96];
	char bin_dir[128];
	char user[72], api_user[72];
	struct owndb db;
	pid_t postmaster;
};

void ownbox_init(struct ownbox *box); /* folders only */
void ownbox_start(struct ownbox *box); /* starts what is in data_dir and waits */
void ownbox_stop(struct ownbox *box); /* SIGINT */
void ownbox_kill(struct ownbox *box); /* SIGKILL, as a power cut; can be started again */
void ownbox_done(struct ownbox *box); /* stops, removes everything */

/* init, create, start, prelude. */
void ownbox_ready(struct ownbox *box);

/* Runs SQL as a role and aborts the test when it fails. */
void ownbox_script(const struct ownbox *box, const char *role, const char *sql);
/* One value, "" for null. */
const char *ownbox_text(const struct ownbox *box, const char *role, const char *sql);

/* Forgets and removes the folder of migrations, and puts a file into it. */
void ownbox_clear_source(const struct ownbox *box);
void ownbox_write_source(const struct ownbox *box, const char *file, const char *sql);

/* The plan that intake would make of the folder, its statements cut at semicolons; boundaries are the test's to set. */
void ownbox_plan(const struct ownbox *box, struct arena *arena, struct migration_plan *ret_plan);

__attribute__((noreturn)) void ownbox_die(const char *what, const char *why);

#endif
