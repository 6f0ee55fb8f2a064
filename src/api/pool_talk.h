/* SPDX-License-Identifier: Apache-2.0
 *
 * What the daemon does with an app's pool (app/pool.h): asks it, gives it its settings, and holds it while its
 * PostgreSQL is stopped and started again, so that clients wait instead of failing. */
#ifndef FREEHOLD_API_POOL_TALK_H
#define FREEHOLD_API_POOL_TALK_H

#include "api/daemon.h"
#include "app/pool.h"

bool pool_runs(struct daemon *d, const char *app);

/* One look, from SHOW POOLS and SHOW STATS. */
struct pool_seen {
	int64_t clients, active_clients, waiting; /* active: have a connection to PostgreSQL at this moment */
	int64_t servers, active_servers; /* connections to PostgreSQL */
	int64_t longest_wait_ms; /* of those that wait now */
	int64_t transactions, queries, waited_us; /* since the pool was started */
};

/* Asks the app's pool now. done(arg, seen, NULL) or (arg, NULL, err). */
typedef void (*pool_look_done)(void *arg, const struct pool_seen *seen, const struct err *err);
void pool_look(struct daemon *d, const char *app, pool_look_done done, void *arg);

/* The pool gets its settings as they are now; it is started, or ended, where that follows from them. done(arg, NULL)
 * when it is so. */
void pool_renew(struct daemon *d, const char *app, supervisor_done done, void *arg);

/* Its files are written anew, and it is told to read them: no query is lost by it. */
void pool_reload(struct daemon *d, const char *app);

/* Before its PostgreSQL is stopped: lets what runs end (a few seconds at most), and lets clients wait from then on.
 * Where there is no pool, or its clients keep their connections (session), done comes at once. Never fails. */
void pool_hold(struct daemon *d, const char *app, supervisor_done done, void *arg);
/* Lets them go on, as soon as PostgreSQL takes them. */
void pool_let_go(struct daemon *d, const char *app);

#endif
