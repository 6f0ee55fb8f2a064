/* SPDX-License-Identifier: Apache-2.0
 *
 * A migration's bytes. The plan comes from a process that has read hostile files and the folder may be one that a build
 * could write to, so nothing is believed: no link is followed, nothing outside of the folder is opened, and the bytes
 * must be those that were read when the plan was made. */
#ifndef FREEHOLD_OWNDB_SOURCE_H
#define FREEHOLD_OWNDB_SOURCE_H

#include "base/buf.h"
#include "base/err.h"
#include "codec/migration.h"

/* Replaces what is in ret_text, which holds at least MIGRATION_MAX_FILE_BYTES. ERR_CONFLICT when the file is no longer
 * the one that the plan speaks of; ERR_INVALID when a statement lies outside of it. */
bool source_read(const char *source_dir, const struct migration_plan *plan, const struct migration *m,
		 struct buf *ret_text, struct err *err);

#endif
