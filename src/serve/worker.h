/* SPDX-License-Identifier: Apache-2.0
 *
 * One function's process, as pid 1 of the sandbox starts it when somebody asks for it:
 *
 *     idle ──start──▶ booting ──"listening"──▶ serving ──no request for idle_ms, or room is wanted──▶ leaving
 *       ▲                │ "failed", or boot_ms    │ what it uses                                       │
 *       └────reaped──────┴─────────────────────────┴────────────────────────────────────────────────────┘
 *
 * It says so itself, by a connection to a port of pid 1's (build/functions/runtime.mjs), which begins with a word that
 * only it was told. Each has an own heap, an own main thread and an own log, so that what one does to itself the others
 * do not feel. */
#ifndef FREEHOLD_SERVE_WORKER_H
#define FREEHOLD_SERVE_WORKER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "serve/answer.h"
#include "serve/config.h"

#define WORKER_TOKEN_SIZE 33
#define WORKER_WHY_SIZE 256

enum worker_phase { WORKER_IDLE, WORKER_BOOTING, WORKER_SERVING, WORKER_LEAVING };

struct worker {
	int index; /* of config.functions */
	enum worker_phase phase;
	pid_t pid;
	uint16_t port; /* of 127.0.0.1 */
	char token[WORKER_TOKEN_SIZE];
	int connections; /* that are led to it */
	int waiting; /* visitors that wait for it */
	int tasks; /* of waitUntil, as it says */
	int64_t started_ms, used_ms, leave_ms; /* began to leave */
	int64_t cpu_ms, quiet_cpu_ms; /* of its main thread; how much of it since it last answered somebody or rested */
	int64_t boot_ms, waited_ms; /* of its start, without what it waited for a processor; that */
	bool has_said; /* who it is, which it does before anything of the app runs */
	int stuck; /* starts in a row that were ended before it had */
	uint64_t passed_bytes, passed_then; /* that it answered with */
	int failures; /* boots in a row */
	int64_t again_ms; /* not before */
	bool is_killed; /* by us, for the reason in `why` */
	enum answer answer; /* for whom it leaves without one */
	char why[WORKER_WHY_SIZE];
	off_t log_began;
};

/* log_fd: where it writes to. ERR_UNAVAILABLE when it cannot be started. */
bool worker_start(struct worker *w, const struct config *c, uint16_t control_port, int log_fd, bool holds_rlimits,
		  struct err *err);

/* Ends it for what it did; what is said of it is decided when it is reaped. */
void worker_kill(struct worker *w, enum answer answer, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Looks at what it uses, and ends it when that is too much. Once a second or so; since_ms: since the last time. */
void worker_look(struct worker *w, const struct config *c, int64_t since_ms);

/* It was reaped: fills answer and why from how it ended and what it said last (log). */
void worker_judge(struct worker *w, const struct config *c, int status, struct str last);

#endif
