/* SPDX-License-Identifier: Apache-2.0
 *
 * Moving an app in while it is used elsewhere: an import (move/import.h) that is repeated at the end.
 *
 *     copy      an import with the option "move": the source goes on, its address is kept, the app can be tried here
 *     finish    the same with "hold": writing at the source stands still (owndb/quiesce.h) from before the copy until
 *               after the switch, and stays refused there; a copy that fails lets it go on
 *     back      the former database is put back and the source may write again
 *
 * The journal of the import has "held" as long as the source may be refusing writes because of us: it is written before
 * that begins and taken away after it ended, so that whoever finds a cut off import knows what to let go. */
#ifndef FREEHOLD_MOVE_MOVE_H
#define FREEHOLD_MOVE_MOVE_H

#include <jansson.h>

#include "app/events.h"
#include "app/flow.h"
#include "owndb/quiesce.h"

/* The options of the last copy become those of the finish. ERR_CONFLICT when nothing is being moved. */
bool move_finish_options(const struct flow *f, const char *app, json_t *options, struct err *err);

/* For import_run: the source at url stands still. The journal is saved. */
bool move_hold(const struct flow *f, const char *app, json_t *journal, const char *url, struct events *events,
	       struct quiesce *q, struct err *err);

/* The source may write again. The journal is saved; "held" stays in it where the source cannot be reached. */
bool move_release(const struct flow *f, const char *app, json_t *journal, const char *url, struct err *err);

/* The way back, from a move that is done or one that left its source held. */
bool move_back(const struct flow *f, const char *app, struct err *err);

/* Whether an import was cut off with its source held; move_recover lets it go, and tries for some minutes. */
bool move_is_left_held(const struct flow *f, const char *app);
bool move_recover(const struct flow *f, const char *app, struct err *err);

#endif
