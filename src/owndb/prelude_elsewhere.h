/* SPDX-License-Identifier: Apache-2.0
 *
 * The prelude as it is laid down in a database elsewhere: the same files, but for those that only a superuser could
 * run, which elsewhere/ has in another form, and with two roles under other names. */
#ifndef FREEHOLD_OWNDB_PRELUDE_ELSEWHERE_H
#define FREEHOLD_OWNDB_PRELUDE_ELSEWHERE_H

#include "base/arena.h"
#include "base/buf.h"
#include "owndb/prelude.h"

struct elsewhere_file {
	const char *name, *text;
};

/* Embedded at build time, as prelude_files is. */
extern const struct elsewhere_file elsewhere_files[];

/* In the order of their names, ended by a NULL name, in the arena. owner: the user of the address. */
bool prelude_elsewhere(const char *owner, struct arena *arena, const struct prelude_file **ret_files, struct err *err);

/* Every supabase_admin becomes the owner, quoted, and every postgres ELSEWHERE_OWNER: whole words, in comments and
 * texts too; a value that is meant as such is written POSTGRES there. */
void prelude_rename_roles(struct str text, const char *owner, struct buf *ret_text);

#endif
