/* SPDX-License-Identifier: Apache-2.0
 *
 * What a foreign tool did to a clone, as SQL that does the same once more: the statements of the app's server role that
 * change something, in order, as PostgreSQL itself logged them. */
#ifndef FREEHOLD_OWNDB_CAPTURED_H
#define FREEHOLD_OWNDB_CAPTURED_H

#include "base/buf.h"
#include "base/str.h"
#include "owndb/clone.h"

#define CAPTURED_LOG_MAX_BYTES (16u << 20)

/* Lets the server's role in with this password and logs from now on. */
bool captured_begin(const struct clone *c, const char *password, struct err *err);

/* After clone_stop. Appends the statements to ret_sql. ERR_FAILED for a statement whose log does not tell all of it
 * (values that were sent beside it). */
bool captured_end(const struct clone *c, struct buf *ret_sql, size_t *ret_count, struct err *err);

/* The pure part: the text of the log, from where logging began. */
bool captured_read(struct str log, struct buf *ret_sql, size_t *ret_count, struct err *err);

#endif
