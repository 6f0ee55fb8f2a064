/* SPDX-License-Identifier: Apache-2.0
 *
 * One unfinished upload on the disk. All of this waits for the disk and belongs on libuv's pool.
 *
 *     resumable/<id>        the bytes so far, in order; whoever works on it holds a lock (flock) on it
 *               <id>.json   {"bucket","key","size","metadata": the header as it came,"created": seconds,
 *                            "synced": bytes that were on the disk,"boot": in which run of the machine}
 *
 * Whatever process dies, the bytes that were written stay. When the machine itself died only what had been synced
 * counts. The id is the version that the object will have: a row of that version says that the upload was finished. */
#ifndef FREEHOLD_STORAGE_KEPT_H
#define FREEHOLD_STORAGE_KEPT_H

#include <jansson.h>

#include "storage/files.h"

#define KEPT_LASTS_S ((int64_t)24 * 3600) /* from its creation; upstream's documentation says up to a day */

struct kept {
	char id[STORAGE_VERSION_SIZE];
	char path[FILES_PATH_SIZE], record_path[FILES_PATH_SIZE];
	int fd; /* -1: not open */
	json_t *record; /* borrowed members below */
	const char *bucket, *key, *metadata;
	uint64_t size, offset; /* how much it will have, and has */
	int64_t created_s;
};

/* A new one, whole on the disk. metadata may be "". */
bool kept_make(const struct files *files, struct kept *ret_kept, const char *id, const char *bucket, const char *key,
	       const char *metadata, uint64_t size, struct err *err);

/* ERR_NOT_FOUND; ERR_CONFLICT: another process works on it. */
bool kept_open(const struct files *files, struct kept *ret_kept, const char *id, struct err *err);
void kept_close(struct kept *kept);

/* Behind what it has; offset tells how far that came, also when it failed. */
bool kept_write(struct kept *kept, struct str bytes, struct err *err);
bool kept_sync(struct kept *kept, struct err *err);

/* Gives all of it the place of an object. It stays here too, until kept_remove: the row may yet be refused. */
bool kept_place(const struct files *files, struct kept *kept, struct stored *ret_stored, struct err *err);

/* Its names go; it stays open. */
bool kept_remove(struct kept *kept, struct err *err);

/* Removes those that have lasted too long, and halves that a crash left. Returns how many. */
uint64_t kept_sweep(const struct files *files);

#endif
