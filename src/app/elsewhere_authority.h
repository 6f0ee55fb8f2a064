/* SPDX-License-Identifier: Apache-2.0
 *
 * The certificates of the authority that vouches for a database elsewhere, as its owner gave them. They are kept with
 * the address, in the store, so that they come back with it when a server was lost, and lie in a file that PostgreSQL's
 * user, the backend and the app's server may read: nothing in it is secret. */
#ifndef FREEHOLD_APP_ELSEWHERE_AUTHORITY_H
#define FREEHOLD_APP_ELSEWHERE_AUTHORITY_H

#include "app/flow.h"

enum authority_slot {
	AUTHORITY_KEPT,
	AUTHORITY_OFFERED, /* to be looked at */
};

/* Replaces what is there; an empty text leaves none. */
bool elsewhere_authority_keep(const struct flow *f, const char *app, enum authority_slot slot, struct str pem,
			      struct err *err);

/* Appends it; nothing where there is none. */
bool elsewhere_authority_get(const struct flow *f, const char *app, enum authority_slot slot, struct buf *ret_pem,
			     struct err *err);

/* apps/<app>/database-authority.pem */
bool elsewhere_authority_path(const struct flow *f, const char *app, char ret_path[FILE_PATH_SIZE], struct err *err);

/* Writes the file where the app has a folder, or removes it when none is kept. */
bool elsewhere_authority_write(const struct flow *f, const char *app, struct err *err);

#endif
