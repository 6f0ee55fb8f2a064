/* SPDX-License-Identifier: Apache-2.0
 *
 * What files.c, incoming.c, kept.c, resumable.c and sweep.c share. Nobody else includes this. */
#ifndef FREEHOLD_STORAGE_FILES_PRIVATE_H
#define FREEHOLD_STORAGE_FILES_PRIVATE_H

#include "storage/files.h"

struct place;

struct files {
	uv_loop_t *loop;
	char folder[FILES_PATH_SIZE];
	char incoming[FILES_PATH_SIZE]; /* this process's own */
	struct place *place; /* NULL: all files are here */
	int lock_fd;
	struct resumable *held; /* resumable.c's list of those that calls work on */
	int holds; /* its owner's, and one for each job on the pool */
};

void files_hold(struct files *files); /* undone by files_free */

bool files_make_place(const struct files *files, const char *version, char ret_folder[FILES_PATH_SIZE],
		      char ret_path[FILES_PATH_SIZE], struct err *err);

#endif
