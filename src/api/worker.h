/* SPDX-License-Identifier: Apache-2.0
 *
 * A process of the daemon's own program for what may wait; it dies with the daemon. */
#ifndef FREEHOLD_API_WORKER_H
#define FREEHOLD_API_WORKER_H

#include "api/daemon.h"
#include "base/str.h"
#include "store/job.h"

#define WORKER_OUTPUT_MAX_BYTES (64u * 1024)

/* Starts `freeholdd ARG…` (argv NULL-terminated, at most 6). done comes when it has ended, with what it printed; is_ok:
 * it ended with status 0. */
typedef void (*worker_done)(void *arg, bool is_ok, struct str output);
bool worker_start(struct daemon *d, const char *const *args, worker_done done, void *arg, struct err *err);
bool worker_start_known(struct daemon *d, const char *const *args, worker_done done, void *arg, pid_t *ret_pid,
			struct err *err);

/* The worker of a deployment; when it dies without having ended it, its recovery follows by itself. */
bool worker_deploy(struct daemon *d, const char *app, int64_t number, struct err *err);

/* Ends the process of a deployment; it is taken back as one that died is, and done comes when that is over (with
 * is_ok): the journal says whether it was live already. ERR_CONFLICT: it has none. */
bool worker_stop_deployment(struct daemon *d, const char *app, int64_t number, worker_done done, void *arg,
			    struct err *err);

/* Takes a deployment back that has no process any more; tried again until it is done (the disk may be full). */
void worker_recover(struct daemon *d, const char *app, int64_t number);

/* Destroys the app, whose jobs are cut off for it; until done came nobody else may touch it. */
bool worker_destroy(struct daemon *d, const char *app, worker_done done, void *arg, struct err *err);

/* live_rollback in a process of its own; its output is the outcome, or {"error", "message"}. The app is its own until
 * then, too. */
bool worker_rollback(struct daemon *d, const char *app, int64_t to, worker_done done, void *arg, struct err *err);

/* bind_releases in a process of its own; its output is nothing, or {"error", "message"}. The app is its own until then.
 */
bool worker_bind(struct daemon *d, const char *app, worker_done done, void *arg, struct err *err);

/* A job of the journal (store/job.h) that has begun. One whose process dies is recovered by itself; where its kind has
 * the app for itself, nobody else may touch the app until then. */
bool worker_job(struct daemon *d, int64_t id, struct err *err);
void worker_job_recover(struct daemon *d, const struct job *job);

/* Sends what waits for the app's places; at most one at a time for an app. */
bool worker_ship(struct daemon *d, const char *app, worker_done done, void *arg, struct err *err);

/* `freeholdd VERB APP` about an import or a move (--import, --import-undo, --move-back, --move-recover); the app is its
 * own until then. */
bool worker_import(struct daemon *d, const char *app, const char *verb, worker_done done, void *arg, struct err *err);
bool worker_is_importing(const struct daemon *d, const char *app);
bool worker_check_not_ending(const struct daemon *d, const char *app, struct err *err); /* ERR_CONFLICT */

#endif
