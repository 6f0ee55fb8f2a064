/* SPDX-License-Identifier: Apache-2.0
 *
 * The three files that say how a cluster behaves and whom it lets in, as text. */
#ifndef FREEHOLD_OWNDB_CONF_H
#define FREEHOLD_OWNDB_CONF_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "owndb/tune.h"

#define CONF_MAX_BYTES 16384

/* postgresql.conf. */
struct conf {
	int major;
	bool is_clone; /* a throw-away copy, which need not survive a crash */
	bool archives; /* what is not a clone hands its log of changes on, at the latest after a minute */
	const struct tune *tune;
	const char *overrides; /* the owner's lines (conf_override), or NULL */
};
void conf_settings(struct buf *ret_text, const struct conf *conf);

/* Appends a line that sets `name` (letters, digits, underscores and dots; the caller's to check) to any value of one
 * line. */
bool conf_override(struct buf *ret_text, const char *name, struct str value, struct err *err);

/* pg_hba.conf. */
void conf_access(struct buf *ret_text);

/* pg_ident.conf: which system user may be which role. A name that is no plain user name is ERR_INVALID: in this file
 * some characters mean something. */
bool conf_users(struct buf *ret_text, const char *self, const char *os_user, const char *api_os_user, struct err *err);

#endif
