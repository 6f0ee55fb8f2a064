/* SPDX-License-Identifier: Apache-2.0
 *
 * The three files that say how a cluster behaves and whom it lets in, as text. */
#ifndef FREEHOLD_OWNDB_CONF_H
#define FREEHOLD_OWNDB_CONF_H

#include "base/buf.h"
#include "base/err.h"

#define CONF_MAX_BYTES 16384

/* postgresql.conf. is_clone: a throw-away copy, which need not survive a crash. archives: what is not a clone hands its
 * log of changes on, at the latest after a minute. */
void conf_settings(struct buf *ret_text, int major, bool is_clone, bool archives);

/* pg_hba.conf. */
void conf_access(struct buf *ret_text);

/* pg_ident.conf: which system user may be which role. A name that is no plain user name is ERR_INVALID: in this file
 * some characters mean something. */
bool conf_users(struct buf *ret_text, const char *self, const char *os_user, const char *api_os_user, struct err *err);

#endif
