/* SPDX-License-Identifier: Apache-2.0
 *
 * What a deployment says while it runs: one JSON object a line, appended to its event file, which the daemon watches.
 * The file is bounded: past the limit output lines are counted, not written. */
#ifndef FREEHOLD_APP_EVENTS_H
#define FREEHOLD_APP_EVENTS_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

#define EVENTS_MAX_BYTES (20u << 20)
#define EVENTS_LINE_MAX_BYTES 4000u /* a longer output line is cut */

struct events {
	int fd;
	uint64_t bytes;
	uint64_t dropped_lines;
	const char *step; /* the one that runs, borrowed */
	int64_t step_began_ms, progress_ms; /* when the last progress was written; monotonic */
};

bool events_open(struct events *e, const char *path, struct err *err);
void events_close(struct events *e);

void events_step(struct events *e, const char *step, const char *state, int64_t duration_ms, const char *detail);
void events_line(struct events *e, int stream, struct str text); /* text of any bytes */
void events_note(struct events *e, const char *text);
void events_end(struct events *e, json_t *deployment); /* takes no reference */
void events_job_end(struct events *e, json_t *job); /* the same of a job (store/job.h) */

/* How far the running step is, 0 to 1; bytes of which it is, 0: not known. At most two a second are written. */
void events_progress(struct events *e, double done, uint64_t bytes);

#endif
