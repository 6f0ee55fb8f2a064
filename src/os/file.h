/* SPDX-License-Identifier: Apache-2.0
 *
 * Files and folders. What must survive a power cut is synced: the file, then the folder that names it. */
#ifndef FREEHOLD_OS_FILE_H
#define FREEHOLD_OS_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

#define FILE_PATH_SIZE 4096

/* Formats a path; ERR_LIMIT when it does not fit FILE_PATH_SIZE. */
bool file_path(char ret_path[FILE_PATH_SIZE], struct err *err, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

bool file_exists(const char *path); /* follows links */
bool file_is_dir(const char *path); /* follows links */

/* Opens path below the folder dir, through nothing that is a link; flags as of open(2), close-on-exec is added. -1 with
 * errno. */
int file_open_beneath(int dir, const char *path, int flags);

/* Appends the whole file to ret_bytes, which declares the limit. */
bool file_read(const char *path, struct buf *ret_bytes, struct err *err);

/* The number that is all of the file, but for white space; false where there is none. */
bool file_read_int(const char *path, int64_t *ret_number);

/* Writes beside, syncs, renames: the name holds the old bytes or the new ones, whole. */
bool file_write(const char *path, struct str bytes, mode_t mode, struct err *err);

/* Creates the folder and those above it that are missing. An existing one is no error; its mode stays. */
bool file_mkdirs(const char *path, mode_t mode, struct err *err);

/* Removes a file or a folder with all that is in it, without following links. A missing one is no error. */
bool file_remove_tree(const char *path, struct err *err);

/* Makes `link` point at `target` in one rename(2), whatever it was before; the folder is synced. */
bool file_link_swap(const char *target, const char *link, struct err *err);

/* Target of a link, NUL-terminated. ERR_NOT_FOUND when there is none. */
bool file_link_read(const char *link, char ret_target[FILE_PATH_SIZE], struct err *err);

bool file_sync_dir(const char *path, struct err *err);

/* Copies a folder's regular files and subfolders (modes kept, links and devices left out) to a new folder. */
bool file_copy_tree(const char *from, const char *to, struct err *err);

/* Gives a folder and everything in it to a user, without following links. Only root can; for others it does nothing. */
bool file_chown_tree(const char *path, uid_t uid, gid_t gid, struct err *err);

/* Apparent bytes of all regular files below. */
bool file_tree_size(const char *path, uint64_t *ret_bytes, struct err *err);

/* The same where nobody may wait long: it stops after max_entries and says so. 0 for a missing folder. */
uint64_t file_tree_size_up_to(const char *path, uint32_t max_entries, bool *ret_is_whole);

/* Bytes that an unprivileged user can still write on the file system of path. */
bool file_disk_free(const char *path, uint64_t *ret_bytes, struct err *err);

/* Cuts a file that is open for reading and writing, and has grown past max_bytes, to its newer half, at a line. Whoever
 * appends to it (O_APPEND) may go on. */
void file_keep_end(int fd, size_t max_bytes);

#endif
