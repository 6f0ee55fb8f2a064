/* SPDX-License-Identifier: Apache-2.0
 *
 * A file is brought here from its other place, as an upload comes: beside, synced, renamed. */
#ifndef FREEHOLD_STORAGE_BRING_H
#define FREEHOLD_STORAGE_BRING_H

#include "storage/files.h"
#include "storage/remote.h"

/* done is called once, from the loop, never from inside. */
void bring_start(struct files *files, struct remote *remote, const char *version,
		 void (*done)(void *arg, const struct err *err), void *arg);

#endif
