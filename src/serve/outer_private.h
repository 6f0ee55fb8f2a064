/* SPDX-License-Identifier: Apache-2.0
 *
 * The outside of a server as its own files see it. outer.c begins and ends it, outer_phase.c does what it is asked to
 * by signals, outer_hear.c what pid 1 of the inside says, outer_measure.c looks at what it uses. */
#ifndef FREEHOLD_SERVE_OUTER_PRIVATE_H
#define FREEHOLD_SERVE_OUTER_PRIVATE_H

#include "os/limits.h"
#include "serve/config.h"
#include "serve/launch.h"
#include "serve/loop.h"
#include "serve/message.h"
#include "serve/network.h"
#include "serve/outer.h"
#include "serve/state.h"

#define OUTER_ARENA_BYTES (4u << 20)

struct outer {
	struct loop loop;
	const char *config_path;
	struct config config;
	struct arena *arena;
	struct launched box;
	struct limits_group group; /* of the supervisor; nothing in it: rlimits */
	struct limits_seen before, seen;
	struct state state;
	int first_pidfd; /* of pid 1 of the inside; -1: not known yet */
	struct network network;
	char network_why[ERR_MSG_SIZE]; /* there cannot be one, or "" */
	struct loop_watch control, signals, ended;
	bool has_hello, is_started, has_status, is_asked, is_retiring, is_open, is_told;
	enum end_why stopped_for;
	uint64_t written_bytes, written_then_bytes, disk_free_bytes;
	off_t log_began;
	struct loop_timer boot, look, linger, late;
};

/* outer.c */
void outer_note(struct outer *o); /* state.json says what is so */
void outer_enter(struct outer *o, enum state_word word);
void outer_tell(struct outer *o, enum message_kind kind, int fd);
void outer_kill(struct outer *o); /* everything dies with pid 1 of the inside */
void outer_stop_for(struct outer *o, enum end_why why); /* the first reason counts */

/* outer_phase.c */
bool outer_watch_signals(struct outer *o, struct err *err);
void outer_set_phase_timers(struct outer *o);
void outer_open(struct outer *o); /* web.sock */
void outer_close(struct outer *o);

/* outer_hear.c */
void outer_hear(struct outer *o); /* all that is there */
void outer_on_control(void *arg, uint32_t events);

/* outer_measure.c */
void outer_measure_begin(struct outer *o);
void outer_on_look(void *arg);
off_t outer_log_bytes(void);
void outer_judge(struct outer *o); /* why it ended, in state */

#endif
