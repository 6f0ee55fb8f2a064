/* SPDX-License-Identifier: Apache-2.0
 *
 * A small event loop for both halves of freehold-serve: epoll(7), edge-triggered, a handful of timers, and work put off
 * to the end of a turn. Not libuv: pid 1 of each app's server is there once for each release that is warm, and forwards
 * each byte, so it is to be small and to cost one epoll_ctl a descriptor.
 *
 * One thread. A callback may close any watch, its own too: memory that a turn may still name is freed by loop_later. */
#ifndef FREEHOLD_SERVE_LOOP_H
#define FREEHOLD_SERVE_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct loop_watch {
	int fd; /* -1: not watched; events that are still to come for it are dropped */
	void (*on_event)(void *arg, uint32_t events); /* EPOLLIN, EPOLLOUT … */
	void *arg;
};

struct loop_timer {
	int64_t at_ms; /* clock_now_ms; 0: not set */
	void (*on_timer)(void *arg);
	void *arg;
	struct loop_timer *next;
};

struct loop_work {
	void (*run)(void *arg);
	void *arg;
	struct loop_work *next;
	bool is_queued;
};

struct loop {
	int epoll_fd;
	bool is_over;
	struct loop_timer *timers; /* each known for good once it was set */
	struct loop_work *first, **last;
};

bool loop_open(struct loop *l, struct err *err);
/* Runs what was put off, then lets go. */
void loop_close(struct loop *l);

/* Watches w->fd (set before) for everything, edge-triggered. */
bool loop_watch(struct loop *l, struct loop_watch *w, struct err *err);
void loop_unwatch(struct loop *l, struct loop_watch *w); /* and closes the descriptor */
void loop_forget(struct loop *l, struct loop_watch *w); /* and leaves it open */

/* The timer's memory must outlive the loop. Setting it again moves it. */
void loop_timer_set(struct loop *l, struct loop_timer *t, int64_t in_ms);
void loop_timer_clear(struct loop_timer *t);

/* Runs work once, after the events that are there now; queued twice it still runs once. */
void loop_later(struct loop *l, struct loop_work *work);

/* Until is_over. */
bool loop_run(struct loop *l, struct err *err);

#endif
