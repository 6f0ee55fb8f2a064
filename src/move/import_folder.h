/* SPDX-License-Identifier: Apache-2.0
 *
 * Files of a storage in a folder on this machine: ROOT/BUCKET/PATH, or ROOT/BUCKET/PATH/VERSION as Supabase's own
 * server lays them out. Nothing outside the folder is read, and no link is followed. */
#ifndef FREEHOLD_MOVE_IMPORT_FOLDER_H
#define FREEHOLD_MOVE_IMPORT_FOLDER_H

#include "move/import_want.h"

bool folder_open(const char *path, int *ret_root_fd, struct err *err);
bool folder_take(int root_fd, int folder_fd, const struct want *want, enum want_end *ret_end, struct err *err);

#endif
