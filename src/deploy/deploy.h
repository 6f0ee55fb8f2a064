/* SPDX-License-Identifier: Apache-2.0
 *
 * A deployment: one table of steps, each journaled before and after, with what it undoes when a later one fails.
 *
 *     receive → unpack → inspect → install → check → build → package → rehearse → restore-point → migrate → start →
 *     verify → promote → watch
 *
 * It runs in a process of its own (freeholdd --deploy APP N), which the daemon starts and which dies with the daemon.
 * It may wait; the daemon does not. What it says goes to the deployment's event file. */
#ifndef FREEHOLD_DEPLOY_DEPLOY_H
#define FREEHOLD_DEPLOY_DEPLOY_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "app/flow.h"
#include "base/err.h"

/* The steps' names in order, NULL at the end. */
extern const char *const deploy_step_names[];
int deploy_step_count(void);

/* Makes its work folder and its empty event file, so that it can be watched from its first moment. The daemon does this
 * before it starts the process. */
bool deploy_prepare(const struct flow *f, const char *app, int64_t number, struct err *err);

/* Runs the deployment to its end; true when the release is live. Everything is in the journal and in the events. */
bool deploy_run(struct flow *f, const char *app, int64_t number);

/* After a crash: makes the journal agree with the disk and takes away what is half made. What is live stays live. why
 * says what happened ("the daemon was ended"). Call it when no process runs the deployment any more. */
bool deploy_recover(struct flow *f, const char *app, int64_t number, const char *why, struct err *err);

/* Takes away its work folder, for one that never got a process. */
bool deploy_discard(const struct flow *f, const char *app, int64_t number, struct err *err);

/* Where its events are: apps/<app>/logs/deployment-<n>.ndjson */
bool deploy_events_path(const struct flow *f, const char *app, int64_t number, char ret_path[FILE_PATH_SIZE],
			struct err *err);

/* Where the daemon puts an archive that was sent: apps/<app>/work/<n>/upload */
bool deploy_upload_path(const struct flow *f, const char *app, int64_t number, char ret_path[FILE_PATH_SIZE],
			struct err *err);

#endif
