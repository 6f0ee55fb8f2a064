/* SPDX-License-Identifier: Apache-2.0
 *
 * What pg_restore and psql say went wrong, one error at a time, and which of it is harmless: a table of patterns, each
 * with its reason. Everything that is in no row of it is real. Pure. */
#ifndef FREEHOLD_OWNDB_RESTORE_ERROR_H
#define FREEHOLD_OWNDB_RESTORE_ERROR_H

#include <stdbool.h>

#include "base/str.h"

struct restore_error {
	struct str message; /* PostgreSQL's, without "ERROR:" */
	struct str about; /* "TRIGGER users on_auth_user_created", or "" */
	struct str line; /* the number of the one that its statement ends with, in a file of SQL, or "" */
	struct str statement; /* its beginning, or "" */
	const char *harmless; /* why it does no harm, or NULL: it is real */
	const char *advice; /* what to do about a real one, or NULL */
};

/* Takes the next error from *rest, the standard error of pg_restore (--verbose or not) or psql. False at the end. */
bool restore_error_next(struct str *rest, struct restore_error *ret_error);

/* A role that a message says is not there; false when it is about something else. */
bool restore_error_role(struct str message, struct str *ret_role);

#endif
