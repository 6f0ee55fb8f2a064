/* SPDX-License-Identifier: Apache-2.0
 *
 * What is said when a deployment has ended: what is live and where, what was changed in our copy, what does not work
 * yet, what to type next; or which step failed, why, what that means for visitors, and the next step. DEPLOYMENT and
 * APP are those of docs/api.md. Pure. */
#ifndef FREEHOLD_CLI_REPORT_H
#define FREEHOLD_CLI_REPORT_H

#include <jansson.h>

#include "base/buf.h"
#include "cli/look.h"

#define REPORT_BYTES_MAX (1024 * 1024)

void report_success(const struct look *look, const json_t *deployment, struct buf *out);

/* Which release visitors get after a deployment that did not go live; app: the APP, or NULL. */
void report_what_is_live(const json_t *deployment, const json_t *app, struct buf *out);

/* tail: the last lines of the step that failed, clean, or NULL. app: the APP after the failure, for what is live, or
 * NULL when it could not be asked. The daemon's own words come first in what is appended, as "freehold: ...". */
void report_failure(const struct look *look, const json_t *deployment, const char *tail, const json_t *app,
		    struct buf *out);

/* "freehold: <message>", cleaned and broken between words. The message may quote a build or a file's name. */
void report_error(const struct look *look, const char *message, struct buf *out);

/* After Ctrl-C. */
void report_detached(const char *app, int64_t number, struct buf *out);

#endif
