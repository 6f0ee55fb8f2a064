/* SPDX-License-Identifier: Apache-2.0
 *
 * The pool of connections in front of an app's database: a PgBouncer of its own for an app whose server speaks to
 * PostgreSQL by itself (DATABASE_URL), as a system user of its own, who can read nothing but the pool's folder.
 *
 *     server ─▶ 127.0.0.1:5432 in its sandbox ─▶ <run>/<app>/database.sock ─▶ pool/.s.PGSQL.5432 ─▶ PostgreSQL
 *               127.0.0.1:5433 (DIRECT_URL)   ─────────────────────────────────────────────────────▶ PostgreSQL
 *
 * database.sock is a link, looked up at each connection: to the pool, or, where there is none, past it. So a pool comes
 * and goes without the server being told. What it is set to changes by a reload (SIGHUP), which loses nothing.
 *
 * Transaction pooling where PgBouncer keeps named prepared statements (owndb/pooler.h), session pooling where it does
 * not, unless the owner says otherwise. */
#ifndef FREEHOLD_APP_POOL_H
#define FREEHOLD_APP_POOL_H

#include <jansson.h>

#include "app/parts.h"

#define POOL_PART "pool"
#define POOL_SIZE_MAX 460

enum pool_mode { POOL_AUTO, POOL_TRANSACTION, POOL_SESSION, POOL_OFF };

struct pool {
	bool is_on;
	char why_off[256]; /* in words; "" when it is on */
	enum pool_mode wish, mode; /* the owner's; what it is */
	char program[FILE_PATH_SIZE];
	int version; /* 12401: 1.24.1 */
	int size, limit; /* connections to PostgreSQL; the most they can be */
	int64_t wished_size; /* the owner's; 0: measured */
	int64_t demand; /* measured, 0: nothing yet */
	char dir[FILE_PATH_SIZE]; /* <run>/<app>/pool */
	char socket[FILE_PATH_SIZE]; /* in it */
	char door[FILE_PATH_SIZE]; /* <run>/<app>/database.sock */
};

/* Should one run for this release's server? Not where it uses no database, or the owner's own, or the owner wants none,
 * or there is no PgBouncer. */
bool pool_is_wanted(const struct flow *f, const char *app, int64_t release);

/* What the pool is to be, whether it runs or not. now_ms: wall clock. */
bool pool_find(const struct flow *f, const struct parts *p, int64_t now_ms, struct pool *ret_pool, struct err *err);

/* Writes its files and tells what the supervisor runs. ERR_UNAVAILABLE when it is off: why. */
bool pool_unit(const struct flow *f, const struct parts *p, struct arena *arena, struct unit_spec *ret_spec,
	       struct err *err);

/* Makes database.sock lead to the pool or past it, by what the owner wants. */
bool pool_door(const struct flow *f, const struct parts *p, char ret_door[FILE_PATH_SIZE], struct err *err);

/* Before a server is started by a worker: its pool runs, where it wants one. */
bool pool_start_for(const struct flow *f, const char *app, int64_t release, struct err *err);

/* {"mode": "transaction|session|off|auto", "size": "N|auto"}; ERR_REFUSED says what this PgBouncer cannot do. */
bool pool_set(const struct flow *f, const struct parts *p, const json_t *wish, struct err *err);

/* Where its console is, for libpq. */
#define POOL_CONNINFO_SIZE (FILE_PATH_SIZE + 128)
bool pool_conninfo(const struct flow *f, const char *app, char ret_conninfo[POOL_CONNINFO_SIZE], struct err *err);

const char *pool_mode_word(enum pool_mode mode);

#endif
