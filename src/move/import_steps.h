/* SPDX-License-Identifier: Apache-2.0
 *
 * The steps of an import (import.h), each as far as it is due. Of a source that is not followed, receive ▶ restore; of
 * one that is, offer ▶ twin at the first copy, catch-up ▶ take at the last. */
#ifndef FREEHOLD_MOVE_IMPORT_STEPS_H
#define FREEHOLD_MOVE_IMPORT_STEPS_H

#include <jansson.h>

#include "app/events.h"
#include "app/parts.h"
#include "base/arena.h"
#include "move/import_follow.h"
#include "move/import_source.h"
#include "owndb/copy_text.h"
#include "owndb/import.h"
#include "owndb/quiesce.h"

/* One import in the process that does it; import.c begins and ends it. */
struct import_job {
	const struct flow *f;
	struct parts parts;
	struct arena *arena;
	struct events events;
	json_t *journal, *report;
	const json_t *options;
	char dir[FILE_PATH_SIZE], clones[FILE_PATH_SIZE], cache[FILE_PATH_SIZE];
	struct buf url;
	struct import_source source;
	struct import import;
	struct copy_scan scan;
	struct quiesce still; /* the source, where it is held */
	struct import_follow follow;
	int64_t began_ms;
	bool has_live, was_stopped, was_elsewhere;
	char detail[400];
};

/* In order; each is in the journal and in the events before it does anything. */
bool import_steps_run(struct import_job *j, struct err *err);

/* Writing stands still at the source because of us. */
bool import_job_is_held(const struct import_job *j);

#endif
