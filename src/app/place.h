/* SPDX-License-Identifier: Apache-2.0
 *
 * Where an app's files lie: on this disk, or in a bucket of another S3, whose secret is kept sealed. The backend takes
 * them there (storage/place.h). From one S3 to another they go by way of this disk, so that there are never three
 * places to look at. */
#ifndef FREEHOLD_APP_PLACE_H
#define FREEHOLD_APP_PLACE_H

#include <jansson.h>

#include "app/flow.h"

/* {"kind": "local" or "s3", "endpoint", "region", "bucket", "prefix", "access_key", "state"}; of a place that files are
 * brought back from, kind is local and the rest is there. state: what the backend's last round did, or null:
 * {"place", "done", "moved", "failed", "error", "at"}. */
bool place_describe(const struct flow *f, const char *app, json_t **ret_place, struct err *err);

/* For the backend (storage/place.h); NULL: this disk, and no other. */
bool place_for_backend(const struct flow *f, const char *app, json_t **ret_place, struct err *err);

/* given: {"endpoint", "region", "bucket", "prefix", "access_key", "secret"}; without a prefix it is "APP/".
 * ERR_CONFLICT when files lie in another bucket still. */
bool place_to_s3(const struct flow *f, const char *app, const json_t *given, struct err *err);
bool place_to_local(const struct flow *f, const char *app, struct err *err); /* files are brought back */

/* The other place is not needed any more. ERR_CONFLICT while files lie there. */
bool place_forget(const struct flow *f, const char *app, struct err *err);

/* What the backend says in a file of the app's storage folder ("place.json", "sweep.json"): an object, or null. */
json_t *place_told(const struct flow *f, const char *app, const char *file);

/* Files and rows are compared. fix_s >= 0: files without a row that were written so long ago are deleted. ret_asked is
 * found in the report ("sweep.json") that comes. */
bool place_sweep(const struct flow *f, const char *app, int64_t fix_s, int64_t *ret_asked, struct err *err);

/* For the backend; NULL: none was asked for. */
bool place_sweep_for_backend(const struct flow *f, const char *app, json_t **ret_sweep, struct err *err);

#endif
