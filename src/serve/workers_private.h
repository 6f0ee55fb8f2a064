/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of serve/workers.h share: workers.c (the processes and their time), visit.c (who asks), teller.c (what
 * the processes say of themselves). */
#ifndef FREEHOLD_SERVE_WORKERS_PRIVATE_H
#define FREEHOLD_SERVE_WORKERS_PRIVATE_H

#include "serve/answer.h"
#include "serve/loop.h"
#include "serve/room.h"
#include "serve/worker.h"
#include "serve/workers.h"

#define TELLERS_MAX (CONFIG_FUNCTIONS_MAX + 64)
#define TELLER_LINE_MAX 512

enum visit { VISIT_READING, VISIT_WAITING, VISIT_JUDGING, VISIT_LINGERING };

struct visitor {
	struct workers *ws;
	struct loop_watch watch;
	enum visit state;
	struct worker *worker; /* NULL while reading */
	int64_t since_ms;
	struct visitor *next, *prev;
	struct loop_work bury;
};

/* A process's connection to us. */
struct teller {
	struct workers *ws;
	struct loop_watch watch;
	struct worker *worker; /* NULL: it has not said who it is */
	pid_t pid; /* of the worker then */
	char line[TELLER_LINE_MAX];
	size_t len;
};

struct workers {
	struct inside *in;
	struct worker list[CONFIG_FUNCTIONS_MAX];
	int logs[CONFIG_FUNCTIONS_MAX];
	int count;
	struct loop_watch control;
	uint16_t control_port;
	struct teller tellers[TELLERS_MAX];
	struct visitor *visitors;
	int waiting;
	struct pump *pumps;
	struct loop_timer tick;
	int64_t ticked_ms;
	bool is_ending;
};

/* workers.c: a process for those that wait is started, when there may be one. */
void workers_want(struct workers *ws, struct worker *w);

/* Into the function's own log, so that whoever looks there sees what became of it. */
void workers_note(struct workers *ws, const struct worker *w, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* visit.c: its process listens; those in a state are answered in its place; deadlines. */
void visit_lead_waiting(struct workers *ws, struct worker *w);
void visit_answer_all(struct workers *ws, struct worker *w, enum visit state, enum answer what, const char *why);
void visit_look(struct workers *ws, int64_t now_ms);

/* teller.c */
bool teller_open(struct workers *ws, struct err *err);

#endif
