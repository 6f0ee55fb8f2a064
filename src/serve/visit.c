/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "serve/dial.h"
#include "serve/lead.h"
#include "serve/workers_private.h"

#define HEAD_BYTES 256 /* more than the longest method and name */
#define READ_MS 10000 /* for a first line */
#define WAIT_MS 30000 /* for a process */
#define JUDGE_MS 1000 /* for knowing why it said nothing */
#define LINGER_MS 3000 /* for a visitor that still sends */

static void lead_on(struct workers *ws, struct visitor *v);

/* Visitors. */

static void bury_visitor(void *arg)
{
	free(arg);
}

static void set_state(struct visitor *v, enum visit state)
{
	bool was = v->state == VISIT_WAITING, is = state == VISIT_WAITING;
	v->state = state;
	v->since_ms = clock_now_ms();
	if (was != is) {
		v->ws->waiting += is ? 1 : -1;
		v->worker->waiting += is ? 1 : -1;
	}
}

static void note_room(struct inside *in)
{
	lead_note_room(in);
	if (in->phase == PHASE_DRAINING && in->visitor_count == 0 && in->visitors.fd < 0)
		loop_timer_set(&in->loop, &in->drain, 0);
}

/* Its descriptor is somebody else's, or closed. */
static void visitor_remove(struct visitor *v)
{
	struct workers *ws = v->ws;
	if (v->state == VISIT_WAITING) set_state(v, VISIT_LINGERING);
	if (v->prev != NULL)
		v->prev->next = v->next;
	else
		ws->visitors = v->next;
	if (v->next != NULL) v->next->prev = v->prev;
	ws->in->visitor_count--, ws->in->pump_count--;
	loop_later(&ws->in->loop, &v->bury);
	note_room(ws->in);
}

static void visitor_close(struct visitor *v)
{
	loop_unwatch(&v->ws->in->loop, &v->watch);
	visitor_remove(v);
}

/* What it still sends is taken, so that the answer is not lost with it (a socket closed over unread bytes is reset). */
static void drain_visitor(struct visitor *v)
{
	char space[16384];
	ssize_t got;
	while ((got = recv(v->watch.fd, space, sizeof space, MSG_DONTWAIT)) > 0) continue;
	if (got == 0 || (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)) visitor_close(v);
}

static void answer(struct visitor *v, enum answer what, const char *why)
{
	char text[ANSWER_SIZE];
	size_t len = answer_text(what, why, text);
	(void)send(v->watch.fd, text, len, MSG_NOSIGNAL | MSG_DONTWAIT);
	(void)shutdown(v->watch.fd, SHUT_WR);
	set_state(v, VISIT_LINGERING);
	drain_visitor(v);
}

static struct worker *find(struct workers *ws, struct str name)
{
	for (int i = 0; i < ws->count; i++)
		if (str_eq(name, str_from(ws->in->config.functions[i].name))) return &ws->list[i];
	return NULL;
}

static void choose(struct visitor *v, struct str name)
{
	struct workers *ws = v->ws;
	struct worker *w = find(ws, name);
	if (w == NULL) {
		answer(v, ANSWER_UNKNOWN, "");
		return;
	}
	const char *refusal = ws->in->config.functions[w->index].refusal;
	v->worker = w;
	if (refusal != NULL)
		answer(v, ANSWER_BOOT, refusal);
	else if (w->phase == WORKER_SERVING)
		lead_on(ws, v);
	else if (ws->waiting >= WORKERS_WAITING_MAX)
		answer(v, ANSWER_BUSY, "");
	else {
		set_state(v, VISIT_WAITING);
		workers_want(ws, w);
	}
}

static void read_head(struct visitor *v)
{
	char head[HEAD_BYTES];
	struct str name;
	ssize_t got = recv(v->watch.fd, head, sizeof head, MSG_PEEK | MSG_DONTWAIT);
	if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) return;
	if (got <= 0) {
		visitor_close(v);
		return;
	}
	switch (answer_name((struct str){head, (size_t)got}, &name)) {
	case LINE_SHORT: return;
	case LINE_WRONG: answer(v, ANSWER_UNKNOWN, ""); return;
	case LINE_WHOLE: choose(v, name); return;
	}
}

static void on_visitor(void *arg, uint32_t events)
{
	struct visitor *v = arg;
	if (v->state == VISIT_READING)
		read_head(v);
	else if (v->state == VISIT_LINGERING)
		drain_visitor(v);
	else if ((events & (EPOLLHUP | EPOLLERR)) != 0)
		visitor_close(v); /* nobody waits any more */
}

static struct visitor *visitor_add(struct workers *ws, int fd, enum visit state)
{
	struct err err;
	struct visitor *v = calloc(1, sizeof *v);
	if (v == NULL) abort();
	*v = (struct visitor){.ws = ws,
			      .watch = {fd, on_visitor, v},
			      .state = state,
			      .since_ms = clock_now_ms(),
			      .next = ws->visitors,
			      .bury = {bury_visitor, v}};
	if (v->next != NULL) v->next->prev = v;
	ws->visitors = v;
	ws->in->visitor_count++, ws->in->pump_count++;
	if (!loop_watch(&ws->in->loop, &v->watch, &err)) log_error("%s", err.msg);
	return v;
}

void workers_take(struct workers *ws, int fd)
{
	read_head(visitor_add(ws, fd, VISIT_READING));
}

/* Those that were led. */

static struct worker *worker_of(struct workers *ws, const struct pump *p)
{
	return &ws->list[p->tag];
}

/* Its process closed the connection before it said a word: why is known when that is reaped. */
static void on_silent(void *arg, struct pump *p, int fd)
{
	struct workers *ws = arg;
	struct visitor *v = visitor_add(ws, fd, VISIT_JUDGING);
	v->worker = worker_of(ws, p);
}

static void on_left(void *arg, struct pump *p)
{
	struct workers *ws = arg;
	struct worker *w = worker_of(ws, p);
	if (p->prev != NULL)
		p->prev->next = p->next;
	else
		ws->pumps = p->next;
	if (p->next != NULL) p->next->prev = p->prev;
	w->connections--;
	w->used_ms = clock_now_ms();
	ws->in->visitor_count--, ws->in->pump_count--;
	note_room(ws->in);
}

/* Takes the visitor's descriptor from it. */
static void carry(struct workers *ws, struct visitor *v, int to)
{
	struct worker *w = v->worker;
	int from = v->watch.fd;
	loop_forget(&ws->in->loop, &v->watch);
	visitor_remove(v);
	struct pump *p = pump_new(&ws->in->loop, from, to, on_left, ws);
	if (p == NULL) return;
	p->on_silent = on_silent;
	p->counter = &w->passed_bytes;
	p->tag = w->index;
	p->next = ws->pumps;
	if (p->next != NULL) p->next->prev = p;
	ws->pumps = p;
	w->connections++;
	w->used_ms = clock_now_ms();
	ws->in->visitor_count++, ws->in->pump_count++;
}

/* On loopback that is known at once; refused: it has died and is not reaped yet, and another comes. */
static void lead_on(struct workers *ws, struct visitor *v)
{
	struct sockaddr_storage at = {0};
	struct sockaddr_in *in = (struct sockaddr_in *)&at;
	int error = 0, one = 1;
	socklen_t len = sizeof error;
	*in = (struct sockaddr_in){
	    .sin_family = AF_INET, .sin_port = htons(v->worker->port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = dial_begin(&at, sizeof *in);
	if (fd >= 0 && getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) == 0 && error == 0) {
		(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
		carry(ws, v, fd);
		return;
	}
	if (fd >= 0) (void)close(fd);
	if (v->state != VISIT_WAITING) set_state(v, VISIT_WAITING);
}

void visit_lead_waiting(struct workers *ws, struct worker *w)
{
	for (struct visitor *v = ws->visitors, *next; v != NULL && w->phase == WORKER_SERVING; v = next) {
		next = v->next;
		if (v->worker == w && v->state == VISIT_WAITING) lead_on(ws, v);
	}
}

void visit_answer_all(struct workers *ws, struct worker *w, enum visit state, enum answer what, const char *why)
{
	for (struct visitor *v = ws->visitors, *next; v != NULL; v = next) {
		next = v->next;
		if (v->worker == w && v->state == state) answer(v, what, why);
	}
}

void workers_cut(struct workers *ws)
{
	for (struct pump *p = ws->pumps, *next; p != NULL; p = next) {
		next = p->next;
		p->on_silent = NULL;
		pump_cut(p);
	}
	for (struct visitor *v = ws->visitors, *next; v != NULL; v = next) {
		next = v->next;
		visitor_close(v);
	}
}

void visit_look(struct workers *ws, int64_t now_ms)
{
	for (struct visitor *v = ws->visitors, *next; v != NULL; v = next) {
		int64_t since_ms = now_ms - v->since_ms;
		next = v->next;
		if (v->state == VISIT_LINGERING && since_ms > LINGER_MS)
			visitor_close(v);
		else if (v->state == VISIT_READING && since_ms > READ_MS)
			visitor_close(v);
		else if (v->state == VISIT_WAITING && since_ms > WAIT_MS)
			answer(v, ANSWER_BUSY, "");
		else if (v->state == VISIT_JUDGING && since_ms > JUDGE_MS)
			answer(v, ANSWER_ERROR, "it closed the connection without an answer");
	}
}
