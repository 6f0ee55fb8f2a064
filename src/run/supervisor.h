/* SPDX-License-Identifier: Apache-2.0
 *
 * Keeps what serves running: the edge, and each app's PostgreSQL and backend. A unit is one process under a name such
 * as "shop/postgres". It writes to a file, outlives this daemon, and is adopted again by the next one: its identity
 * (pid, start time, boot id) is in the store before it runs its first instruction.
 *
 *     stopped ──start──▶ starting ──socket answers──▶ running
 *        ▲                  │                            │ ended
 *        │                  ▼ ended                      ▼
 *     stopping ◀──stop── waiting ◀──────────────────────┘
 *                           └──▶ starting
 *
 * waiting: the pause before the next try, 0 to 30 s, doubling. failing: waiting, and it ended 5 times without having
 * lasted 10 s; or it ended before it was ready once, and gives_up: no more tries.
 *
 * A unit with a state_path (freehold-serve) tells of itself there: it is ready when it says so, why it ended is taken
 * from there, and it is signalled to retire (SIGUSR1) and to thaw (SIGUSR2). One with has_limits runs in a cgroup of
 * its own, where there are cgroups: it has a name, outlives this daemon as the unit does, and goes with the unit.
 *
 * One libuv loop, one thread. Callbacks fire from the loop, each exactly once. */
#ifndef FREEHOLD_RUN_SUPERVISOR_H
#define FREEHOLD_RUN_SUPERVISOR_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <uv.h>

#include "base/err.h"
#include "os/file.h"
#include "os/limits.h"
#include "store/db.h"

#define UNIT_SOCKET_FILES 2
#define UNIT_NAME_SIZE 64
#define UNIT_ARGV_MAX 32
#define UNIT_ENV_MAX 16
#define UNIT_NOTES_MAX 4

/* What to run. Texts are copied. */
struct unit_spec {
	char name[UNIT_NAME_SIZE];
	const char *argv[UNIT_ARGV_MAX];
	const char *env[UNIT_ENV_MAX];
	bool has_user;
	uid_t uid;
	gid_t gid;
	const char *cwd;
	const char *log_path;
	const char *notes[UNIT_NOTES_MAX]; /* files where it notes its number: taken away once we know it to be dead and
					    * init has not reaped it, since it would be taken for one that runs */
	const char *access_log_path; /* a second file it appends to, kept within the same bounds; or NULL */
	const char *state_path; /* where it tells of itself: it is ready when it says "serving" or "frozen"; or NULL: */
	const char *ready_socket; /* a unix socket that accepts when it is ready, or */
	uint16_t ready_port; /* a TCP port of 127.0.0.1, which the process itself listens on */
	const char *socket_files[UNIT_SOCKET_FILES]; /* it listens there and is stopped by those that a killed process
						      * left: removed before each start; or NULL */
	const char *work_dir; /* where its children sit, NULL: none that outlive it and must not */
	int stop_signal; /* asks it to end; SIGKILL follows after stop_deadline_ms */
	int64_t stop_deadline_ms; /* of a unit that drains: longer than its drain */
	int64_t ready_deadline_ms; /* 0: 30 s */
	bool gives_up; /* for a deployment: when it ends before it was ready once, that is final */
	bool has_limits; /* memory, processes and processor of all it starts, by cgroups where they are to be had */
	struct limits limits;
};

struct supervisor;

struct supervisor *supervisor_new(uv_loop_t *loop, struct db *db);

/* Lets go of everything without stopping anything: what serves goes on serving. */
void supervisor_free(struct supervisor *s);

/* Makes the unit exist and run. One that runs already with the same spec stays as it is; an adopted or running one of a
 * different spec is stopped and started anew. done(arg, err) comes when its socket answers, or with an error when it
 * did not within its deadline (it is still tried on), or with why it ended when it gives up. done may be NULL. */
typedef void (*supervisor_done)(void *arg, const struct err *err);
void supervisor_start(struct supervisor *s, const struct unit_spec *spec, supervisor_done done, void *arg);

/* Finds again a process that an earlier daemon started for the unit, and starts none. False: there is none. */
bool supervisor_adopt(struct supervisor *s, const struct unit_spec *spec);

/* Ends the unit and forgets it. done comes when the process is gone; at once where there is none. */
void supervisor_stop(struct supervisor *s, const char *name, supervisor_done done, void *arg);

/* Ends every unit; done comes when all are gone. */
void supervisor_stop_all(struct supervisor *s, supervisor_done done, void *arg);

/* Stops and starts it with the spec it has. */
void supervisor_restart(struct supervisor *s, const char *name, supervisor_done done, void *arg);

void supervisor_signal(struct supervisor *s, const char *name, int signal_number);

bool supervisor_is_running(struct supervisor *s, const char *name); /* it answers, or did when last looked */

/* done comes when the unit says that word of itself ("serving" after SIGUSR2, "frozen" after SIGUSR1), or with an error
 * when it ended, is not there, or did not within the deadline. */
void supervisor_await(struct supervisor *s, const char *name, const char *word, int64_t deadline_ms,
		      supervisor_done done, void *arg);

/* The unit's PROCESS object of docs/api.md, with `name` as given; a unit that is not there is "stopped". What it tells
 * of itself is "server", the kind of its last end "why". */
json_t *supervisor_json(struct supervisor *s, const char *unit, const char *name);

/* Ends processes that the store knows and no unit claims (left by an app that was destroyed halfway, say). Call after
 * every unit that should exist was started. */
void supervisor_sweep(struct supervisor *s);

#endif
