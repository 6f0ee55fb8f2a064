/* SPDX-License-Identifier: Apache-2.0
 *
 * A database that is moved in: fetched or received, tried in a cluster of its own, compared, and only then put in the
 * place of the app's own. In a process of its own (freeholdd --import APP), one at a time for an app.
 *
 *     apps/<app>/import/  journal.json   what was asked, how far it came, the report
 *                         events.ndjson  what it says while it runs
 *                         source, *.dump, *.list   on the way; kept when it fails, so that it can go on
 *
 * Steps: receive (a dump of the running source, or a file that is unpacked), restore, compare, files (those of the
 * storage, where they were asked for: import_files.h), switch. Dying in any of them leaves the live database as it was,
 * or the new one in its place: the switch is one rename. Going on begins with the first step whose result is not there
 * whole: what was received is not asked for again. Of files alone that step is the only one, for the live database. */
#ifndef FREEHOLD_MOVE_IMPORT_H
#define FREEHOLD_MOVE_IMPORT_H

#include <jansson.h>

#include "app/flow.h"

/* options: {"source": what to call it, "url": sealed address of a PostgreSQL (import_seal_url) or absent, "postgres":
 * major, "make_roles", "accept_errors", "replace", "rewrite_urls", "check", "files", "files_only",
 * "drop_missing", "move", "hold" (move/move.h): bool} (files: from where import_files_keep was told). Makes the folder
 * and the journal; a file is then put at import_source_path; import_run does the work. is_resumed: what was given
 * before holds, but for what is said anew; ERR_CONFLICT: nothing to go on with, or a source that a move
 * left refusing writes. */
bool import_prepare(const struct flow *f, const char *app, json_t *options, bool is_resumed, struct err *err);
bool import_source_path(const struct flow *f, const char *app, char ret_path[FILE_PATH_SIZE], struct err *err);
bool import_run(const struct flow *f, const char *app, struct err *err);

/* Puts the former database back. */
bool import_undo(const struct flow *f, const char *app, struct err *err);

/* The log of changes of another cluster goes into the same repositories, which are told of it, and get what waited
 * until then: after each switch. */
bool import_open_places(const struct flow *f, const char *app, struct err *err);

/* The journal; {"state": "none"} when there never was one. is_running: its process lives, else one that says so was cut
 * off. */
bool import_json(const struct flow *f, const char *app, bool is_running, json_t **ret_journal, struct err *err);

bool import_events_path(const struct flow *f, const char *app, char ret_path[FILE_PATH_SIZE], struct err *err);

/* The same as it lies there, for the process that does the work. */
bool import_journal_read(const struct flow *f, const char *app, json_t **ret_journal, struct err *err);
bool import_is_switched(const struct flow *f, const char *app, const json_t *journal); /* what came is live */
bool import_journal_write(const struct flow *f, const char *app, const json_t *journal, struct err *err);

/* The address of a source, sealed for the journal; the caller frees it. ERR_INVALID for what is no postgresql://
 * address. */
bool import_seal_url(const struct flow *f, const char *app, const char *url, char **ret_sealed, char ret_shown[256],
		     struct err *err);

#endif
