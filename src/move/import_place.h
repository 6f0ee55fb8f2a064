/* SPDX-License-Identifier: Apache-2.0
 *
 * Files that were brought, put where the app's storage has its own (storage/files.h): <storage>/objects/<first two
 * letters>/<version>, the backend's. They keep their first name, so that this can be done again. The backend's user
 * may write there and is believed nothing: no link of his is followed. */
#ifndef FREEHOLD_MOVE_IMPORT_PLACE_H
#define FREEHOLD_MOVE_IMPORT_PLACE_H

#include "app/parts.h"
#include "move/import_want.h"

/* The storage's folder of objects, to be closed; -1: there is none yet. */
int import_place_objects(const struct parts *parts);

/* It holds this version, with the bytes that the row counts. */
bool import_place_has(int objects_fd, const struct want *want);

/* All that lie in the folder under a version. */
bool import_place(const struct flow *f, const struct parts *parts, const char *folder, struct err *err);

#endif
