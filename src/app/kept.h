/* SPDX-License-Identifier: Apache-2.0
 *
 * What an app's server writes, apart from its database. A release cannot be written to, so such paths ("keeps" of
 * release.json) are links into apps/<app>/data, which outlives releases. They come from the code (the inspection), and
 * from what a running server was seen to fail at: "EROFS: read-only file system, open '/app/uploads/a.png'" in its log
 * makes uploads/ kept from the next deployment on.
 *
 * data/ belongs to the code user, who may put anything there: whatever is done in it is done as that user. */
#ifndef FREEHOLD_APP_KEPT_H
#define FREEHOLD_APP_KEPT_H

#include <jansson.h>

#include "app/flow.h"
#include "build/job.h"

#define KEPT_INSIDE "/app/" /* where a server finds its release */
#define KEPT_FOUND_MAX 50

/* Pure: what the lines of a log say could not be written, each path once: {"path": "uploads", "kind": "folder"|"file",
 * "can_keep"}. A path of the build's own output cannot be kept: the next build would not be served. */
void kept_find(struct str log, json_t *ret_found);

/* The same of what the server of a release said last (logs/web-<n>.log); nothing where there is no such log. */
bool kept_find_in_log(const struct flow *f, const char *app, int64_t release, json_t *ret_found, struct err *err);

/* Remembers what was found and can be kept; ret_new (an array) gets those that were not known. */
bool kept_remember(const struct flow *f, const char *app, const json_t *found, json_t *ret_new, struct err *err);

/* Adds what is remembered to "keeps" of the inspection, which the build reads. */
bool kept_merge(const struct flow *f, const char *app, json_t *inspection, struct err *err);

/* Each of "keeps" that is not in files_dir yet gets what the export has there, or an empty folder. */
bool kept_seed(const struct build_job *job, const json_t *keeps, const char *files_dir, struct err *err);

#endif
