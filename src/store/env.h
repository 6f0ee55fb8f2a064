/* SPDX-License-Identifier: Apache-2.0
 *
 * The owner's variables of an app, and where each goes: into builds, to the running server, or to both. What the owner
 * did not say is decided by the name: builders' frameworks write a variable into the page by its prefix (VITE_,
 * NEXT_PUBLIC_ …), so such a one goes to both; any other may be a secret, and no build sees it. */
#ifndef FREEHOLD_STORE_ENV_H
#define FREEHOLD_STORE_ENV_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"
#include "store/db.h"
#include "store/seal.h"

#define ENV_NAME_MAX 128
#define ENV_MAX 500 /* of one app */

enum env_scope {
	ENV_BY_NAME = 0, /* not said */
	ENV_BUILD = 1,
	ENV_RUN = 2,
	ENV_BOTH = 3, /* ENV_BUILD | ENV_RUN */
};

/* "build", "run", "both"; "" for ENV_BY_NAME. From a word: false when it is none of them. */
const char *env_scope_word(enum env_scope scope);
bool env_scope_from_word(const char *word, enum env_scope *ret_scope);

/* ENV_BOTH for a name with a prefix that frameworks write into pages, ENV_BUILD for what the build itself is told, else
 * ENV_RUN. */
enum env_scope env_scope_by_name(const char *name);

/* ERR_INVALID says why it cannot be a variable's name. */
bool env_name_check(const char *name, struct err *err);

/* Sets it. ENV_BY_NAME leaves the scope that the owner once gave it, if any. ERR_INVALID for a name or a value that no
 * variable can have, ERR_LIMIT past ENV_MAX. */
bool env_set(struct db *db, const struct seal *s, const char *app, const char *name, struct str value,
	     enum env_scope scope, struct err *err);

struct env_entry {
	const char *name;
	struct str value;
	enum env_scope scope; /* never ENV_BY_NAME */
	bool is_by_name; /* the owner did not say it */
	int64_t set_at_ms;
};

/* Each variable that goes to any of `where`, by name, until `each` returns false. */
bool env_each(struct db *db, const struct seal *s, const char *app, enum env_scope where,
	      bool (*each)(void *arg, const struct env_entry *entry, struct err *err), void *arg, struct err *err);

#endif
