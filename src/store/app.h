/* SPDX-License-Identifier: Apache-2.0
 *
 * Apps, their secrets, and what the owner accepted. Which release is live is not here: `live` on disk says it. */
#ifndef FREEHOLD_STORE_APP_H
#define FREEHOLD_STORE_APP_H

#include <stdint.h>

#include "base/buf.h"
#include "store/db.h"
#include "store/layout.h"
#include "store/seal.h"

#define APP_WORD_SIZE 32

struct app {
	int64_t id;
	char name[LAYOUT_APP_NAME_MAX + 1];
	char state[APP_WORD_SIZE]; /* new: nothing was live yet; running; stopped by the owner */
	char shape[APP_WORD_SIZE]; /* of the newest inspection, or "" */
	int64_t created_at_ms;
};

bool app_create(struct db *db, const char *name, struct app *ret_app,
		struct err *err); /* ERR_CONFLICT when it exists */
bool app_get(struct db *db, const char *name, struct app *ret_app, struct err *err);
bool app_set_state(struct db *db, const char *name, const char *state, struct err *err);
bool app_set_shape(struct db *db, const char *name, const char *shape, struct err *err);
bool app_delete(struct db *db, const char *name, struct err *err);

/* Calls each for every app in order of name, until it returns false; each may write. */
bool app_each(struct db *db, bool (*each)(void *arg, const struct app *app, struct err *err), void *arg,
	      struct err *err);

/* kind: "key" (what Freehold made for itself: jwt_secret, anon_key …), "made" (what it made for the app's server:
 * SESSION_SECRET …), "env" (what the owner set; store/env.h knows where each goes), "auth" and "auth_export" (settings
 * of sign-in; app/signin.h). */
bool app_secret_set(struct db *db, const struct seal *s, const char *app, const char *kind, const char *name,
		    struct str value, struct err *err);
/* The value that is there, or the given one kept from now on. Two that ask at once get the same. */
bool app_secret_keep(struct db *db, const struct seal *s, const char *app, const char *kind, const char *name,
		     struct str value, struct buf *ret_value, struct err *err);
bool app_secret_get(struct db *db, const struct seal *s, const char *app, const char *kind, const char *name,
		    struct buf *ret_value, struct err *err);
bool app_secret_unset(struct db *db, const char *app, const char *kind, const char *name,
		      struct err *err); /* ERR_NOT_FOUND */
bool app_secret_each(struct db *db, const struct seal *s, const char *app, const char *kind,
		     bool (*each)(void *arg, const char *name, struct str value, int64_t set_at_ms, struct err *err),
		     void *arg, struct err *err);

bool app_accept(struct db *db, const char *app, const char *finding, struct err *err);
bool app_has_accepted(struct db *db, const char *app, const char *finding, bool *ret_yes, struct err *err);

#endif
