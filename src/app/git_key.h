/* SPDX-License-Identifier: Apache-2.0
 *
 * The key with which an app's source is fetched from a private repository by ssh, one an app, since the hosts of
 * repositories take a deploy key for one repository only. Sealed in the store, as are the servers' own keys that were
 * met (a later one that differs is refused). */
#ifndef FREEHOLD_APP_GIT_KEY_H
#define FREEHOLD_APP_GIT_KEY_H

#include "base/buf.h"
#include "base/err.h"
#include "store/db.h"
#include "store/seal.h"

#define GIT_KEY_HOSTS_MAX_BYTES 16384

/* The public half as one line; the key is made when there is none, or when is_new asks for another. */
bool git_key_keep(struct db *db, const struct seal *seal, const char *app, bool is_new, struct buf *ret_public,
		  struct err *err);

/* The private half and the known hosts; empty where there is none. */
bool git_key_get(struct db *db, const struct seal *seal, const char *app, struct buf *ret_private,
		 struct buf *ret_known_hosts, struct err *err);

bool git_key_keep_hosts(struct db *db, const struct seal *seal, const char *app, struct str known_hosts,
			struct err *err);
/* The address of a source can hold a password: in the journal it is sealed. The text is the caller's; NULL when memory
 * or room is short. */
char *git_address_seal(const struct seal *seal, const char *app, const char *url);
bool git_address_open(const struct seal *seal, const char *app, const char *sealed, struct buf *ret_url,
		      struct err *err);

bool git_key_forget_hosts(struct db *db, const char *app, struct err *err);

#endif
