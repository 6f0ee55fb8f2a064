/* SPDX-License-Identifier: Apache-2.0
 *
 * What a deployment says while it runs: one JSON object a line, appended to its event file, which the daemon watches.
 * The file is bounded: past the limit output lines are counted, not written. */
#ifndef FREEHOLD_FLOW_EVENTS_H
#define FREEHOLD_FLOW_EVENTS_H

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
};

bool events_open(struct events *e, const char *path, struct err *err);
void events_close(struct events *e);

void events_step(struct events *e, const char *step, const char *state, int64_t duration_ms, const char *detail);
void events_line(struct events *e, int stream, struct str text); /* text of any bytes */
void events_note(struct events *e, const char *text);
void events_end(struct events *e, json_t *deployment); /* takes no reference */

#endif
