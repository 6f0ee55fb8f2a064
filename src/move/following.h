/* SPDX-License-Identifier: Apache-2.0
 *
 * A second copy that follows the source of a move (owndb/twin.h), from the first copy until the last, for days perhaps.
 *
 *     apps/<app>/following/  state.json    what was made at the source, how far it is; who holds the turn writes it
 *                            schema.json   what the source was made of when it was copied
 *                            turn          locked by the one process that may touch any of this
 *                            db/           the cluster
 *
 *     preparing ──▶ following ──▶ leaving ──▶ ended
 *         └─────────────────────────▲
 *
 * preparing is written before anything is made at the source, leaving is left only when all of that is gone there; so
 * what a crash leaves is known by its name, and the daemon goes on taking it away (freeholdd --move-follow APP, which
 * is also what looks after it while it follows). ended has a reason ("why"): the last copy is then made the other way,
 * while writing stands still. */
#ifndef FREEHOLD_MOVE_FOLLOWING_H
#define FREEHOLD_MOVE_FOLLOWING_H

#include <jansson.h>

#include "app/parts.h"
#include "owndb/twin.h"
#include "owndb/twin_source.h"

#define FOLLOWING_LIMIT_MB 4096 /* of its log that the source may have to keep, where nothing else is said */
#define FOLLOWING_LIMIT_MIN_MB 32

/* ERR_NOT_FOUND: nothing is known. The caller's. */
bool following_read(const struct flow *f, const char *app, json_t **ret_state, struct err *err);
bool following_is(const json_t *state, const char *word);

/* Something is at the source because of us, or may be. */
bool following_is_due(const struct flow *f, const char *app);

/* Waits for the turn, or (is_patient false) says ERR_CONFLICT; close the descriptor to give it back. */
bool following_turn(const struct flow *f, const char *app, bool is_patient, int *ret_turn, struct err *err);

/* With the turn: */
bool following_write(const struct flow *f, const char *app, const json_t *state, struct err *err);
bool following_dir(const struct flow *f, const char *app, const char *rest, char ret_path[FILE_PATH_SIZE],
		   struct err *err);

/* sealed: the address, from import_seal_url. */
bool following_prepare(const struct flow *f, const char *app, const char *sealed, const char *source, int64_t limit_mb,
		       json_t *plan, json_t **ret_state, struct err *err);
bool following_never(const struct flow *f, const char *app, const char *why, struct err *err);

/* Takes away what is there and here, where the cluster does not run any more. False: the source could not be asked;
 * "leaving" stays, and is tried again. */
bool following_leave(const struct flow *f, const char *app, json_t *state, const char *why, struct err *err);

/* The same of an app whose move is over, however; nothing is known of it then. */
bool following_forget(const struct flow *f, const char *app, const char *why, struct err *err);

/* The schema of the source, kept and compared (owndb/twin_schema.h). ret_names "": it is what it was. */
bool following_keep_schema(const struct flow *f, const char *app, struct pg_conn *source, const json_t *plan,
			   struct err *err);
bool following_compare_schema(const struct flow *f, const char *app, struct pg_conn *source, const json_t *plan,
			      char ret_names[TWIN_WHY_SIZE], struct err *err);

/* Of a status: why it has to end; "": it may go on. */
void following_judge(const json_t *state, const struct twin_status *status, char ret_why[TWIN_WHY_SIZE]);

/* What people may see of it, as "following" of the journal; nothing where nothing is known. */
void following_show(const struct flow *f, const char *app, json_t *journal);

/* What stays at the source while no daemon runs, and what to do, in a sentence. False: nothing does. */
#define FOLLOWING_LEFT_SIZE 1100
bool following_left(const struct flow *f, const char *app, char ret_text[FOLLOWING_LEFT_SIZE]);

/* The process that looks after it: until SIGTERM, or until nothing is left to do. */
bool following_run(const struct flow *f, const char *app, struct err *err);

#endif
