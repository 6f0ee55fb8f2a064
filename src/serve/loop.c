/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/loop.h"

#include <errno.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/clock.h"

#define EVENTS_MAX 64

bool loop_open(struct loop *l, struct err *err)
{
	*l = (struct loop){.epoll_fd = epoll_create1(EPOLL_CLOEXEC)};
	l->last = &l->first;
	return l->epoll_fd >= 0 || err_set_errno(err, "make an event loop");
}

bool loop_watch(struct loop *l, struct loop_watch *w, struct err *err)
{
	struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.ptr = w};
	return epoll_ctl(l->epoll_fd, EPOLL_CTL_ADD, w->fd, &event) == 0 || err_set_errno(err, "watch a descriptor");
}

void loop_forget(struct loop *l, struct loop_watch *w)
{
	if (w->fd >= 0) (void)epoll_ctl(l->epoll_fd, EPOLL_CTL_DEL, w->fd, NULL);
	w->fd = -1;
}

/* Said to epoll too: the file may live on in another process. */
void loop_unwatch(struct loop *l, struct loop_watch *w)
{
	int fd = w->fd;
	loop_forget(l, w);
	if (fd >= 0) (void)close(fd);
}

void loop_timer_set(struct loop *l, struct loop_timer *t, int64_t in_ms)
{
	struct loop_timer *known = l->timers;
	while (known != NULL && known != t) known = known->next;
	if (known == NULL) {
		t->next = l->timers;
		l->timers = t;
	}
	t->at_ms = clock_now_ms() + in_ms;
}

void loop_timer_clear(struct loop_timer *t)
{
	t->at_ms = 0;
}

void loop_later(struct loop *l, struct loop_work *work)
{
	if (work->is_queued) return;
	work->is_queued = true;
	work->next = NULL;
	*l->last = work;
	l->last = &work->next;
}

static int wait_ms(const struct loop *l)
{
	int64_t at = 0;
	if (l->first != NULL) return 0;
	for (const struct loop_timer *t = l->timers; t != NULL; t = t->next)
		if (t->at_ms > 0 && (at == 0 || t->at_ms < at)) at = t->at_ms;
	if (at == 0) return -1;
	int64_t left = at - clock_now_ms();
	return left <= 0 ? 0 : left > INT32_MAX ? INT32_MAX : (int)left;
}

static void run_timers(struct loop *l)
{
	int64_t now = clock_now_ms();
	for (struct loop_timer *t = l->timers; t != NULL; t = t->next)
		if (t->at_ms > 0 && t->at_ms <= now) {
			t->at_ms = 0;
			t->on_timer(t->arg);
		}
}

/* What is put off while this runs waits for the next turn. */
static void run_work(struct loop *l)
{
	struct loop_work *work = l->first;
	l->first = NULL, l->last = &l->first;
	while (work != NULL) {
		struct loop_work *next = work->next;
		work->is_queued = false;
		work->run(work->arg); /* may free it */
		work = next;
	}
}

bool loop_run(struct loop *l, struct err *err)
{
	struct epoll_event events[EVENTS_MAX];
	while (!l->is_over) {
		int count = epoll_wait(l->epoll_fd, events, EVENTS_MAX, wait_ms(l));
		if (count < 0 && errno != EINTR) return err_set_errno(err, "wait for events");
		for (int i = 0; i < count; i++) {
			struct loop_watch *w = events[i].data.ptr;
			if (w->fd >= 0) w->on_event(w->arg, events[i].events);
		}
		run_timers(l);
		run_work(l);
	}
	return true;
}

void loop_close(struct loop *l)
{
	while (l->first != NULL) run_work(l);
	if (l->epoll_fd >= 0) (void)close(l->epoll_fd);
	l->epoll_fd = -1;
}
