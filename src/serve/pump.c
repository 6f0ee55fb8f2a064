/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/pump.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define ROUNDS_MAX 8 /* then others have their turn */

enum flow { FLOW_WAITS, FLOW_GOES_ON, FLOW_BROKEN };

static bool would_wait(void)
{
	return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR || errno == EINPROGRESS;
}

static void count(struct pump_end *to, ssize_t put)
{
	struct pump *p = to->pump;
	to->taken += (uint64_t)put;
	if (p->counter != NULL && to == &p->end[0]) *p->counter += (uint64_t)put;
}

static enum flow send_held(struct pump_end *to)
{
	ssize_t put = send(to->watch.fd, to->held, to->held_len, MSG_NOSIGNAL);
	if (put < 0) return would_wait() ? FLOW_WAITS : FLOW_BROKEN;
	count(to, put);
	to->held_len -= (size_t)put;
	if (to->held_len > 0) {
		memmove(to->held, to->held + put, to->held_len);
		return FLOW_WAITS;
	}
	free(to->held);
	to->held = NULL;
	return FLOW_GOES_ON;
}

static enum flow hold(struct pump_end *to, const char *bytes, size_t len)
{
	to->held = malloc(len);
	if (to->held == NULL) abort();
	memcpy(to->held, bytes, len);
	to->held_len = len;
	return FLOW_WAITS;
}

static bool is_silent(const struct pump *p)
{
	return p->on_silent != NULL && p->end[0].taken == 0 && !p->end[0].is_gone;
}

static enum flow pass_end(struct pump_end *to)
{
	if (to == &to->pump->end[0] && is_silent(to->pump)) return FLOW_BROKEN;
	if (!to->is_shut && shutdown(to->watch.fd, SHUT_WR) != 0 && errno != ENOTCONN) return FLOW_BROKEN;
	to->is_shut = true;
	return FLOW_WAITS;
}

/* One reading and one writing. A reading that did not fill the space has emptied the socket (epoll(7)), unless its end
 * is behind what was read. */
static enum flow step(struct pump_end *from, struct pump_end *to)
{
	char space[PUMP_HELD_BYTES];
	if (to->held != NULL) return send_held(to);
	if (from->has_ended) return pass_end(to);
	if (!from->is_readable) return FLOW_WAITS;
	ssize_t got = recv(from->watch.fd, space, sizeof space, 0);
	if (got < 0 && !would_wait()) return FLOW_BROKEN;
	from->has_ended = got == 0;
	from->is_readable = got == (ssize_t)sizeof space || (got > 0 && from->is_ending);
	if (got <= 0) return got == 0 ? FLOW_GOES_ON : FLOW_WAITS;
	ssize_t put = send(to->watch.fd, space, (size_t)got, MSG_NOSIGNAL);
	if (put < 0 && !would_wait()) return FLOW_BROKEN;
	if (put < 0) put = 0;
	count(to, put);
	return put < got ? hold(to, space + put, (size_t)(got - put)) : FLOW_GOES_ON;
}

static enum flow flow(struct pump_end *from, struct pump_end *to)
{
	enum flow last = FLOW_GOES_ON;
	for (int i = 0; i < ROUNDS_MAX && last == FLOW_GOES_ON; i++) last = step(from, to);
	return last;
}

static void bury(void *arg)
{
	struct pump *p = arg;
	free(p->end[0].held);
	free(p->end[1].held);
	free(p);
}

void pump_cut(struct pump *p)
{
	if (p->end[0].watch.fd < 0) return;
	int silent = is_silent(p) ? p->end[0].watch.fd : -1;
	if (silent >= 0)
		loop_forget(p->loop, &p->end[0].watch);
	else
		loop_unwatch(p->loop, &p->end[0].watch);
	loop_unwatch(p->loop, &p->end[1].watch);
	loop_later(p->loop, &p->bury);
	if (silent >= 0) p->on_silent(p->arg, p, silent);
	p->on_done(p->arg, p);
}

/* Nobody reads what is left for one that is gone, so it ends with what the gone one still said. */
static bool is_done(const struct pump *p)
{
	const struct pump_end *a = &p->end[0], *b = &p->end[1];
	if (a->is_shut && b->is_shut) return true;
	return (a->is_gone && b->is_shut) || (b->is_gone && a->is_shut);
}

static void go_on(void *arg)
{
	struct pump *p = arg;
	if (p->end[0].watch.fd < 0) return;
	enum flow there = flow(&p->end[0], &p->end[1]);
	enum flow back = there != FLOW_BROKEN ? flow(&p->end[1], &p->end[0]) : FLOW_BROKEN;
	if (there == FLOW_BROKEN || back == FLOW_BROKEN || is_done(p))
		pump_cut(p);
	else if (there == FLOW_GOES_ON || back == FLOW_GOES_ON)
		loop_later(p->loop, &p->go_on);
}

static void on_event(void *arg, uint32_t events)
{
	struct pump_end *e = arg;
	if (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) e->is_readable = true;
	if (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) e->is_ending = true;
	if (events & (EPOLLHUP | EPOLLERR)) e->is_gone = true;
	go_on(e->pump);
}

struct pump *pump_new(struct loop *l, int a, int b, void (*on_done)(void *arg, struct pump *p), void *arg)
{
	struct err ignored;
	struct pump *p = calloc(1, sizeof *p);
	if (p == NULL) abort();
	*p = (struct pump){.loop = l, .on_done = on_done, .arg = arg, .go_on = {go_on, p}, .bury = {bury, p}};
	for (int i = 0; i < 2; i++)
		p->end[i] = (struct pump_end){
		    .pump = p, .watch = {i == 0 ? a : b, on_event, &p->end[i]}, .is_readable = i == 0};
	if (loop_watch(l, &p->end[0].watch, &ignored) && loop_watch(l, &p->end[1].watch, &ignored)) {
		loop_later(l, &p->go_on);
		return p;
	}
	loop_unwatch(l, &p->end[0].watch);
	loop_unwatch(l, &p->end[1].watch);
	free(p);
	return NULL;
}
