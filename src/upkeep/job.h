/* SPDX-License-Identifier: Apache-2.0
 *
 * A job (store/job.h) in the process that does it: its events, its steps, its end. What each kind does is a function of
 * the table in job.c; what its end by a kill leaves is taken back by its recover function, which may be called again
 * and again. */
#ifndef FREEHOLD_UPKEEP_JOB_H
#define FREEHOLD_UPKEEP_JOB_H

#include <jansson.h>

#include "app/events.h"
#include "app/flow.h"
#include "app/parts.h"
#include "store/job.h"

struct job_run {
	struct flow *f;
	struct job job;
	struct parts parts; /* of an app's job */
	struct events events;
	json_t *options;
	json_t *result; /* grows; kept whether it goes well or not */
	int64_t step_began_ms;
	bool waits; /* set by a job that leaves something to be looked at: its state is then "waiting" */
};

struct job_kind {
	const char *name;
	bool has_app; /* of one app; its parts are open */
	bool is_alone; /* nothing else may happen to the app meanwhile */
	bool (*run)(struct job_run *r, struct err *err);
	bool (*recover)(struct job_run *r, bool *ret_is_done, struct err *err); /* NULL: nothing is left. ret_is_done:
										 * it had done what it was to do */
};
const struct job_kind *job_kind_find(const char *name); /* or NULL */

/* <home>/logs/job-N.ndjson, as the events of a deployment (app/events.h); its last line is the whole job. */
bool job_events_path(const struct flow *f, int64_t id, char ret_path[FILE_PATH_SIZE], struct err *err);

/* Begins a step: the journal and the events know it before it does anything. */
bool job_begin_step(struct job_run *r, const char *step, struct err *err);
void job_note(struct job_run *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Runs it to its end in this process. False when it failed; the journal says why. */
bool job_run(struct flow *f, int64_t id);

/* Of one whose process died. */
bool job_recover(struct flow *f, int64_t id, struct err *err);

#endif
