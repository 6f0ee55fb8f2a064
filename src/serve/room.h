/* SPDX-License-Identifier: Apache-2.0
 *
 * What pid 1 of the sandbox knows, for the files that it is made of: inside.c (its life), look.c (where the app
 * listens) and lead.c (connections). */
#ifndef FREEHOLD_SERVE_ROOM_H
#define FREEHOLD_SERVE_ROOM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "serve/config.h"
#include "serve/instance.h"
#include "serve/loop.h"
#include "serve/message.h"
#include "serve/pump.h"

#define LOOK_BOOT_MS 20 /* the kernel tells nobody that a socket listens, so we look */
#define LINKS_MAX 64 /* LINK messages without an answer */
#define HELD_MAX 256 /* visitors that were let in when nobody listened any more; others wait in the backlog */

enum phase {
	PHASE_WAITING,
	PHASE_BOOTING,
	PHASE_SERVING,
	PHASE_DRAINING,
	PHASE_FROZEN,
	PHASE_LAST_WORDS,
	PHASE_ENDING
};

struct inside;
struct workers;

struct door { /* a port of 127.0.0.1 that leads outside */
	struct inside *in;
	struct loop_watch watch;
	int index;
};

struct inside {
	struct loop loop;
	struct config config;
	bool holds_rlimits;
	enum phase phase;
	bool is_end; /* what the drain is for: to end, or else to freeze */
	bool has_listened;
	int pumps_max;
	bool is_full; /* accepting waits until a pump is done */
	struct loop_watch control, signals, visitors;
	struct instance instances[CONFIG_INSTANCES_MAX];
	struct door doors[CONFIG_FORWARDS_MAX];
	int links[LINKS_MAX]; /* accepted, waiting for the outer half, oldest first */
	int link_count;
	struct pump *pumps;
	int pump_count; /* all */
	int visitor_count; /* those from web.sock */
	int held[HELD_MAX]; /* visitors that wait for the server to be back */
	int held_count;
	int64_t other_since_ms;
	struct arena *env_arena; /* of config.env, once it was renewed */
	struct workers *workers; /* it has functions instead of a server, or NULL */
	struct loop_timer look, usage, drain, kill, again, back;
};

/* To the outer half. */
void room_tell(struct inside *in, const struct message *m);

#endif
