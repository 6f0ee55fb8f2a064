/* SPDX-License-Identifier: Apache-2.0
 *
 * The bytes of a storage that is moved in. A dump holds the rows of storage.objects only; the files come from the old
 * project by its storage API (import_fetch.h), or from a folder in which they lie as BUCKET/PATH (as Supabase's own
 * server keeps them on a disk, BUCKET/PATH/VERSION, too).
 *
 *     import_files_keep    where from, and with which key: sealed in the store, for the process that does it
 *     import_files_bring   every row's file into apps/<app>/import-files/<version>, held against its size and etag
 *     import_files_place   a second name for each in the app's storage; then a row may name it
 *
 * What lies in import-files is not asked for again, so all of it can be cut off and gone on with. A row has its file
 * afterwards, or it is told of: then bring fails, or, where that was asked for, the row goes. */
#ifndef FREEHOLD_MOVE_IMPORT_FILES_H
#define FREEHOLD_MOVE_IMPORT_FILES_H

#include "app/events.h"
#include "app/parts.h"

/* from: "https://…" with a key, or the whole path of a folder, without one. ERR_INVALID otherwise. */
bool import_files_keep(const struct flow *f, const char *app, const char *from, const char *key, struct err *err);

struct import_files {
	const struct flow *f;
	const struct parts *parts;
	struct events *events;
	json_t *report; /* gets "files": {"wanted", "brought", "here", "missing", "differ", "dropped", "bytes", "list":
			   [{"name", "why"}]} */
	bool drops_missing; /* rows without a file are removed */
	bool is_live; /* db is the app's own, that people use: the files of its rows are there, mostly */
};

/* The source is there and the key is taken: asked before anything that takes long. */
bool import_files_try(const struct flow *f, const char *app, struct err *err);

bool import_files_bring(struct import_files *s, const struct owndb *db, struct err *err);
bool import_files_place(const struct import_files *s, struct err *err);

/* Away with what lies beside and with the key. A storage keeps what was placed. */
void import_files_forget(const struct flow *f, const char *app);

/* Away with what lies beside, as another import begins. */
bool import_files_clear(const struct flow *f, const char *app, struct err *err);

#endif
