/* SPDX-License-Identifier: Apache-2.0
 *
 * The export's own tool that brings a database to the schema in its code (drizzle-kit push), run in the sandbox behind
 * build_install against whatever database answers on a unix socket: a clone. The sandbox has no network; the tool
 * reaches the socket as 127.0.0.1:5432 (bin/freehold_forward.c). */
#ifndef FREEHOLD_BUILD_PUSH_H
#define FREEHOLD_BUILD_PUSH_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"
#include "build/job.h"

#define BUILD_PUSH_DEADLINE_MS (3 * 60 * 1000)

struct build_push {
	const char *config; /* the tool's configuration, relative to the app's folder */
	const char *forward; /* the program freehold-forward, absolute */
	const char *socket_dir; /* where .s.PGSQL.5432 is; the code user may enter it */
	const char *const *env; /* DATABASE_URL and kin, NULL-terminated; they win over the job's */
};

/* Nobody can be asked there, and nothing it would want to be asked about losing rows holds it back (the database is a
 * clone): what it did is to be judged afterwards. A question that it cannot do without (is this column new, or an old
 * one renamed?) is ERR_FAILED with the question. ret_tail, initialised by the caller, gets what it printed last. */
bool build_push(const struct build_job *job, const struct build_push *push, struct buf *ret_tail, struct err *err);

#endif
