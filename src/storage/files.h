/* SPDX-License-Identifier: Apache-2.0
 *
 * The bytes of objects on this disk:
 *
 *     <folder>/objects/<first two letters>/<version>     one object; never changed, readable by the edge
 *              incoming/<process>/<version>              being written; the process holds a lock on its folder
 *              resumable/<id>, <id>.json                 uploads that go on later (flow_tus.c)
 *              rendered/<first two letters>/<version>/   pictures made from one (render.h)
 *              lost/<version>                            files that no row named any more; kept for a while (sweep.h)
 *
 * A file is written beside, synced, renamed, and its folder synced; only then a row may name it. What a crash leaves is
 * a file that no row names: never served, found by the sweep. All that may wait for the disk is done on libuv's pool;
 * callbacks come on the loop. */
#ifndef FREEHOLD_STORAGE_FILES_H
#define FREEHOLD_STORAGE_FILES_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "base/err.h"
#include "base/str.h"
#include "storage/name.h"

#define FILES_WRITE_BYTES (256u << 10) /* of one upload are held twice, at most */
#define FILES_ETAG_SIZE 48 /* MD5 in hexadecimal, in quotes, "-10000" behind it where it was put together, and NUL */
#define FILES_PATH_SIZE 4096

struct files;
struct incoming;

bool files_new(uv_loop_t *loop, const char *folder, struct files **ret_files, struct err *err);
void files_free(struct files *files);
const char *files_folder(const struct files *files);

/* ERR_INVALID for a version that is none: nothing but a UUID ever becomes part of a path. */
bool files_path(const struct files *files, struct str version, char ret_path[FILES_PATH_SIZE], struct err *err);

/* What an unprivileged user can still write there. */
bool files_room(const struct files *files, uint64_t *ret_bytes);

/* What was written. */
struct stored {
	char version[STORAGE_VERSION_SIZE];
	char etag[FILES_ETAG_SIZE];
	uint64_t size;
	int64_t modified_ms;
};

/* A file that comes in pieces. on_room: a piece was refused before, and there is room now. */
struct incoming *incoming_new(struct files *files, void (*on_room)(void *arg), void *arg);

/* Always takes the bytes. False: wait for on_room. What fails is told at the end. */
bool incoming_write(struct incoming *in, struct str bytes);
/* The version it will have, instead of a fresh one: a file that is known already. */
void incoming_name(struct incoming *in, const char *version);
uint64_t incoming_size(const struct incoming *in); /* taken so far */

/* The file is whole: synced and in its place when done is called; nobody names it yet. After done it is gone. */
void incoming_finish(struct incoming *in, void (*done)(void *arg, const struct stored *stored, const struct err *err),
		     void *arg);

/* Gives it up; whatever was written goes. No callback any more. NULL is allowed. */
void incoming_abandon(struct incoming *in);

/* A second name, a new version, for the bytes of one; and away with some, in the background. */
/* Of files that lie elsewhere (place.h) the bytes are brought here first; so for files_cut. */
void files_copy(struct files *files, const char *version,
		void (*done)(void *arg, const char *new_version, const struct err *err), void *arg);

/* The bytes of some, one behind the other, are a new file, in its place and synced when done is called. versions are
 * copied. The etag is left empty. */
void files_join(struct files *files, const char *const *versions, size_t count,
		void (*done)(void *arg, const struct stored *stored, const struct err *err), void *arg);

/* The same of a part of one: length bytes from offset on. The etag is its MD5. */
void files_cut(struct files *files, const char *version, uint64_t offset, uint64_t length,
	       void (*done)(void *arg, const struct stored *stored, const struct err *err), void *arg);

void files_remove(struct files *files, const char *const *versions, int count);

#endif
