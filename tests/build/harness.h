/* SPDX-License-Identifier: Apache-2.0
 *
 * A folder with all that a build needs, made anew for each test: source/, work/, cache/, release/. */
#ifndef FREEHOLD_TESTS_BUILD_HARNESS_H
#define FREEHOLD_TESTS_BUILD_HARNESS_H

#include <jansson.h>
#include <stdbool.h>

#include "base/buf.h"
#include "build/job.h"

#define HARNESS_UID 64400 /* no user of this machine */

struct harness {
	char top[FILE_PATH_SIZE];
	char source[FILE_PATH_SIZE], work[FILE_PATH_SIZE], cache[FILE_PATH_SIZE], release[FILE_PATH_SIZE];
	struct build_job job;
	struct buf output; /* all lines */
	struct err err;
	json_t *inspection; /* an app that has a script "build" */
	json_t *install, *adapt, *run, *package;
};

/* cache_dir NULL: one of its own. */
void harness_init(struct harness *h, const char *app, const char *cache_dir);
void harness_done(struct harness *h); /* removes the folder */

/* Writes a file of the export. */
void harness_write(struct harness *h, const char *name, const char *text);

/* All phases up to packaging, as far as they go; false with h->err. */
bool harness_build(struct harness *h);

/* Empties work/ and release/, for a second build. */
void harness_again(struct harness *h);

#endif
