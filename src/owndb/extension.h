/* SPDX-License-Identifier: Apache-2.0
 *
 * Extensions that an export asks for and that are not what their name says here. Pure. */
#ifndef FREEHOLD_OWNDB_EXTENSION_H
#define FREEHOLD_OWNDB_EXTENSION_H

#include "base/str.h"

enum extension_way {
	EXTENSION_AS_IT_IS, /* PostgreSQL decides */
	EXTENSION_STAND_IN, /* its functions come with the prelude, or do not come at all: the statement is passed over
			     */
	EXTENSION_BY_ADMIN, /* harmless, but wants a superuser: created for the app in the schema extensions */
};

struct extension {
	const char *name;
	enum extension_way way;
	const char *note; /* a sentence for the owner, or NULL */
};

/* NULL for all that PostgreSQL decides. */
const struct extension *extension_find(struct str name);

#endif
