/* SPDX-License-Identifier: Apache-2.0
 *
 * Sending one call over one connection in libpq's pipeline mode and gathering what comes back. Used by the pool only;
 * it knows nothing of queues.
 *
 *     pipeline_send ─▶ pipeline_receive (whenever the socket has something) ─▶ PIPELINE_DONE or PIPELINE_BROKEN */
#ifndef FREEHOLD_PG_PIPELINE_H
#define FREEHOLD_PG_PIPELINE_H

#include <stdbool.h>

#include "pg/link.h"
#include "pg/pool.h"
#include "pg/statements.h"

/* Per statement: a deallocation, a preparation and an execution. */
#define PIPELINE_STEPS_MAX (PG_PIPELINE_MAX * 3 + 1)

struct pipeline_step {
	enum { STEP_DEALLOCATE, STEP_PREPARE, STEP_EXECUTE } kind;
	int statement; /* index in the call */
};

struct pipeline {
	struct pg_link *link;
	struct pg_statements *statements;
	struct pg_call *call;
	struct pipeline_step steps[PIPELINE_STEPS_MAX];
	int step_count, step; /* the one whose answer comes next */
	bool is_written; /* nothing left in libpq's buffer */
	bool is_paused; /* nobody wants more rows; nothing is read */
	bool drops_rows; /* nobody wants any */
};

enum pipeline_state { PIPELINE_RUNNING, PIPELINE_DONE, PIPELINE_BROKEN };

/* Queues all of the call. False: the connection broke. `is_fresh`: forget what was prepared first (after a statement
 * turned out to be gone or outdated on the server). */
bool pipeline_send(struct pipeline *p, struct pg_call *call, bool is_fresh);

/* Writes what the socket takes. False: the connection broke. */
bool pipeline_flush(struct pipeline *p);

/* Reads and writes what it can without waiting. Nothing while it is paused. */
enum pipeline_state pipeline_receive(struct pipeline *p);

/* Goes on reading; what is there already comes with the next pipeline_receive. */
void pipeline_resume(struct pipeline *p);

/* The call failed only because a prepared statement was gone (26000) or outdated by a schema change (0A000); nothing
 * was written, since it all was one transaction. */
bool pipeline_is_outdated(const struct pg_call *call);

#endif
