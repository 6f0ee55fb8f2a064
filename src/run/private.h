/* SPDX-License-Identifier: Apache-2.0
 *
 * A unit as the supervisor's own files see it. */
#ifndef FREEHOLD_RUN_PRIVATE_H
#define FREEHOLD_RUN_PRIVATE_H

#include "os/proc.h"
#include "run/record.h"
#include "run/supervisor.h"
#include "run/unit.h"

#define REASON_SIZE 512
#define WHY_SIZE 32
#define FAILING_AFTER 5

enum unit_state { UNIT_STOPPED, UNIT_STARTING, UNIT_RUNNING, UNIT_WAITING, UNIT_STOPPING, UNIT_GAVE_UP };

struct waiter {
	supervisor_done done;
	void *arg;
};

struct unit {
	struct unit *next;
	struct supervisor *s;
	struct unit_spec spec;
	char spec_hash[RECORD_HASH_SIZE];
	enum unit_state state;
	struct proc_id id;
	int pidfd;
	bool is_child; /* ours to reap; an adopted one is not */
	bool is_wanted; /* false: forget it once it has ended */
	bool was_ready; /* once, since it was asked for */
	int failures;
	int restarts;
	int64_t since_wall_ms;
	int64_t started_ms;
	char reason[REASON_SIZE];
	char why[WHY_SIZE];
	struct limits_group group;
	struct waiter started, stopped;
	uv_poll_t *poll; /* on pidfd; heap, since closing it takes a turn of the loop */
	uv_timer_t timer; /* the next readiness try, the end of a pause, or the deadline of a stop, by state */
};

struct supervisor {
	uv_loop_t *loop;
	struct db *db;
	struct unit *units;
	uv_timer_t log_timer;
	char home_mark[UNIT_MARK_SIZE]; /* tells our cgroups from another home's */
};

/* Tells the one who waits, if anybody does, and forgets him. */
void unit_complete(struct waiter *w, const struct err *err);

void unit_start(struct unit *u);
void unit_stop(struct unit *u); /* what follows its end: a start if it is wanted, else it is forgotten */
bool unit_adopt(
    struct unit *u); /* the process of an earlier daemon goes on under this one if it is the one we would start */
void unit_unwatch(struct unit *u); /* lets go of its process, which goes on */
void unit_forget(struct unit *u);

struct unit *supervisor_find(struct supervisor *s, const char *name);

/* It says so itself where it tells of itself, else its socket accepts. */
bool supervisor_is_ready(const struct unit *u);

#endif
