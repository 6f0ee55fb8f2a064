/* SPDX-License-Identifier: Apache-2.0
 *
 * Answers of the control API (docs/api.md) as text. Pure: the time of day is given. */
#ifndef FREEHOLD_CLI_VIEW_H
#define FREEHOLD_CLI_VIEW_H

#include <jansson.h>
#include <stdint.h>

#include "base/buf.h"
#include "cli/look.h"

#define VIEW_BYTES_MAX (4 * 1024 * 1024)

/* What all of them need. */
struct view {
	struct look look;
	int64_t now_ms; /* wall clock */
	struct buf *out;
};

void view_apps(const struct view *v, const json_t *answer);
void view_status(const struct view *v, const json_t *answer);
void view_app(const struct view *v, const json_t *app); /* one app as status shows it */
/* It was made by a variable, a key or a first try that failed: nothing of it is live, runs or
 * is backed up, and it has no database. */
bool view_app_is_empty(const json_t *app);
void view_releases(const struct view *v, const char *app, const json_t *answer);
void view_rollback(const struct view *v, const char *app, const json_t *answer);
void view_deployments(const struct view *v, const char *app, const json_t *answer);
void view_deployment(const struct view *v, const json_t *deployment);
void view_doctor(const struct view *v, const json_t *answer);
void view_env(const struct view *v, const char *app, const json_t *answer, bool has_values);

#endif
