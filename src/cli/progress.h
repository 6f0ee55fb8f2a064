/* SPDX-License-Identifier: Apache-2.0
 *
 * A deployment as it is followed: events of the control API in, text out. Nothing here reads a clock or writes to a
 * terminal.
 *
 * Text comes in two kinds. What progress_event appends stays: one line a step when it is over, notes, and, where there
 * is no terminal, every line that a build printed. What progress_live appends is the step that runs now, one line that
 * is drawn over the last one: spinner, elapsed time, what it printed last. */
#ifndef FREEHOLD_CLI_PROGRESS_H
#define FREEHOLD_CLI_PROGRESS_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "cli/look.h"

#define PROGRESS_TAIL_LINES 20 /* kept of the running step, to be shown if it fails */
#define PROGRESS_TAIL_BYTES 400 /* of each; a longer one is cut */

struct progress {
	struct look look;
	char step[32]; /* the one that runs now, or "" */
	int64_t began_ms; /* wall clock */
	char tail[PROGRESS_TAIL_LINES][PROGRESS_TAIL_BYTES]; /* clean; of the step that runs, or the one that failed */
	char tail_step[32];
	unsigned tail_count; /* lines seen; the newest is tail[(tail_count - 1) % PROGRESS_TAIL_LINES] */
	json_t *end; /* the deployment of the end event, ours; NULL before */
};

void progress_init(struct progress *p, struct look look);
void progress_done(struct progress *p);

/* Takes one event; text that stays is appended to out. Events of other kinds are passed over. */
void progress_event(struct progress *p, const json_t *event, struct buf *out);

/* The line of the running step without a line break, clipped to the terminal; nothing when no step runs. */
void progress_live(const struct progress *p, int64_t now_wall_ms, unsigned frame, struct buf *out);

/* The last lines of the step that ran last, oldest first, each with an indent and a line break. */
void progress_tail(const struct progress *p, struct buf *out);

/* The line while the source is sent; total_bytes 0: not known. */
void progress_upload(const struct look *look, uint64_t sent_bytes, uint64_t total_bytes, int64_t elapsed_ms,
		     unsigned frame, struct buf *out);

/* The line that stays when it was sent. left_out may be "". */
void progress_sent(const struct look *look, uint64_t sent_bytes, uint64_t file_count, int64_t elapsed_ms,
		   const char *left_out, struct buf *out);

#endif
