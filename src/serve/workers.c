/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/workers.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "os/file.h"
#include "serve/answer.h"
#include "serve/dial.h"
#include "serve/lead.h"
#include "serve/room.h"
#include "serve/worker.h"

#define PORT_FIRST 20000
#define TELLERS_MAX (CONFIG_FUNCTIONS_MAX + 64)
#define LINE_MAX_BYTES 512
#define HEAD_BYTES 256 /* more than the longest method and name */
#define TICK_MS 500
#define READ_MS 10000 /* for a first line */
#define WAIT_MS 30000 /* for a process */
#define JUDGE_MS 1000 /* for knowing why it said nothing */
#define LINGER_MS 3000 /* for a visitor that still sends */
#define TASKS_MS 400000 /* a task of waitUntil keeps its process for as long as Supabase lets it run */
#define PAUSE_FIRST_MS 200
#define PAUSE_MAX_MS 10000
#define LASTED_MS 1000
#define LOG_MAX_BYTES ((off_t)8 << 20)
#define LOG_KEPT_BYTES ((size_t)4 << 20)
#define LAST_BYTES 4096

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
	char line[LINE_MAX_BYTES];
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

static void want(struct workers *ws, struct worker *w);
static void lead_on(struct workers *ws, struct visitor *v);

static const char *name_of(const struct workers *ws, const struct worker *w)
{
	return ws->in->config.functions[w->index].name;
}

/* Into the function's own log, so that whoever looks there sees what became of it. */
__attribute__((format(printf, 3, 4))) static void note(struct workers *ws, const struct worker *w, const char *fmt, ...)
{
	char text[512], at[CLOCK_ISO8601_SIZE];
	va_list args;
	va_start(args, fmt);
	(void)vsnprintf(text, sizeof text, fmt, args);
	va_end(args);
	clock_iso8601(clock_wall_ms(), at);
	if (ws->logs[w->index] >= 0) dprintf(ws->logs[w->index], "%s freehold: %s\n", at, text);
}

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
		want(ws, w);
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

static void lead_waiting(struct workers *ws, struct worker *w)
{
	for (struct visitor *v = ws->visitors, *next; v != NULL && w->phase == WORKER_SERVING; v = next) {
		next = v->next;
		if (v->worker == w && v->state == VISIT_WAITING) lead_on(ws, v);
	}
}

static void answer_all(struct workers *ws, struct worker *w, enum visit state, enum answer what, const char *why)
{
	for (struct visitor *v = ws->visitors, *next; v != NULL; v = next) {
		next = v->next;
		if (v->worker == w && v->state == state) answer(v, what, why);
	}
}

/* Processes. */

int workers_running(const struct workers *ws)
{
	int count = 0;
	for (int i = 0; i < ws->count; i++) count += ws->list[i].pid > 0;
	return count;
}

static void leave(struct worker *w)
{
	if (w->pid <= 0 || w->phase == WORKER_LEAVING) return;
	w->phase = WORKER_LEAVING;
	w->leave_ms = clock_now_ms();
	(void)kill(-w->pid, SIGTERM);
}

static bool is_idle(const struct worker *w, int64_t now_ms)
{
	bool has_tasks = w->tasks > 0 && now_ms - w->used_ms < TASKS_MS;
	return w->phase == WORKER_SERVING && w->connections == 0 && w->waiting == 0 && !has_tasks;
}

/* Of those that nobody asks for, the one that was longest not asked for makes room. */
static void make_room(struct workers *ws)
{
	struct worker *oldest = NULL;
	int64_t now_ms = clock_now_ms();
	for (int i = 0; i < ws->count; i++) {
		struct worker *w = &ws->list[i];
		if (w->phase == WORKER_LEAVING) return; /* one is on its way already */
		if (is_idle(w, now_ms) && (oldest == NULL || w->used_ms < oldest->used_ms)) oldest = w;
	}
	if (oldest != NULL) leave(oldest);
}

static void want(struct workers *ws, struct worker *w)
{
	struct err err;
	if (w->phase != WORKER_IDLE || ws->is_ending) return;
	if (clock_now_ms() < w->again_ms) {
		answer_all(ws, w, VISIT_WAITING, ANSWER_BOOT, w->why);
		return;
	}
	if (workers_running(ws) >= ws->in->config.workers_max) {
		make_room(ws);
		return;
	}
	if (worker_start(w, &ws->in->config, ws->control_port, ws->logs[w->index], ws->in->holds_rlimits, &err)) return;
	log_error("%s", err.msg);
	answer_all(ws, w, VISIT_WAITING, ANSWER_BOOT, err.msg);
}

/* Those for whom there was no room. */
static void want_all(struct workers *ws)
{
	for (int i = 0; i < ws->count; i++)
		if (ws->list[i].waiting > 0) want(ws, &ws->list[i]);
}

static struct str read_last(struct workers *ws, const struct worker *w, char space[LAST_BYTES])
{
	struct stat st;
	int fd = ws->logs[w->index];
	if (fd < 0 || fstat(fd, &st) != 0) return STR("");
	off_t from = st.st_size > LAST_BYTES ? st.st_size - LAST_BYTES : 0;
	if (from < w->log_began && w->log_began <= st.st_size) from = w->log_began;
	ssize_t got = pread(fd, space, LAST_BYTES, from);
	return (struct str){space, got > 0 ? (size_t)got : 0};
}

static void note_failure(struct worker *w)
{
	int64_t pause_ms = PAUSE_FIRST_MS;
	for (int n = 0; n < w->failures && pause_ms < PAUSE_MAX_MS; n++) pause_ms *= 2;
	w->failures++;
	w->again_ms = clock_now_ms() + (pause_ms < PAUSE_MAX_MS ? pause_ms : PAUSE_MAX_MS);
}

/* The end of one is its own only: whoever it left without an answer hears why, others that wait get another. */
static void on_ended(struct workers *ws, struct worker *w, int status)
{
	char space[LAST_BYTES];
	bool was_asked = w->phase == WORKER_LEAVING && !w->is_killed;
	worker_judge(w, &ws->in->config, status, read_last(ws, w, space));
	bool has_served = w->answer != ANSWER_BOOT;
	w->pid = 0;
	w->phase = WORKER_IDLE;
	w->tasks = 0;
	if (!was_asked) {
		note(ws, w, "the function ended: %s", w->why);
		log_warn("function %s: %s", name_of(ws, w), w->why);
	}
	if (!was_asked && (!has_served || clock_now_ms() - w->started_ms < LASTED_MS))
		note_failure(w);
	else
		w->failures = 0, w->again_ms = 0;
	answer_all(ws, w, VISIT_JUDGING, was_asked ? ANSWER_ERROR : w->answer, w->why);
	if (!has_served && !was_asked) answer_all(ws, w, VISIT_WAITING, ANSWER_BOOT, w->why);
	if (ws->is_ending && workers_running(ws) == 0) ws->in->loop.is_over = true;
	want_all(ws);
}

bool workers_reaped(struct workers *ws, pid_t pid, int status)
{
	for (int i = 0; i < ws->count; i++)
		if (ws->list[i].pid == pid) {
			on_ended(ws, &ws->list[i], status);
			return true;
		}
	return false;
}

void workers_renew(struct workers *ws)
{
	for (int i = 0; i < ws->count; i++) {
		ws->list[i].failures = 0, ws->list[i].again_ms = 0;
		leave(&ws->list[i]);
	}
}

void workers_end(struct workers *ws)
{
	ws->is_ending = true;
	for (int i = 0; i < ws->count; i++) leave(&ws->list[i]);
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

/* What they say. */

static void on_line(struct teller *t, struct str line)
{
	struct workers *ws = t->ws;
	struct str word, rest;
	int64_t number;
	if (t->worker == NULL) {
		for (int i = 0; i < ws->count; i++)
			if (ws->list[i].phase == WORKER_BOOTING && str_eq(line, str_from(ws->list[i].token)))
				t->worker = &ws->list[i], t->pid = ws->list[i].pid;
		if (t->worker == NULL) loop_unwatch(&ws->in->loop, &t->watch);
		return;
	}
	struct worker *w = t->worker;
	if (w->pid != t->pid) return;
	if (str_eq(line, STR("listening")) && w->phase == WORKER_BOOTING) {
		w->phase = WORKER_SERVING;
		w->failures = 0;
		note(ws, w, "started in %lld ms", (long long)(clock_now_ms() - w->started_ms));
		lead_waiting(ws, w);
	} else if (str_cut(line, ' ', &word, &rest) && str_eq(word, STR("failed")) && w->phase == WORKER_BOOTING) {
		(void)snprintf(w->why, sizeof w->why, "%.*s", STR_FMT(rest));
	} else if (str_cut(line, ' ', &word, &rest) && str_eq(word, STR("waiting")) && str_to_int(rest, &number) &&
		   number >= 0 && number < 1 << 20) {
		w->tasks = (int)number;
	}
}

static void on_teller(void *arg, uint32_t events)
{
	(void)events;
	struct teller *t = arg;
	while (t->watch.fd >= 0) {
		ssize_t got = recv(t->watch.fd, t->line + t->len, sizeof t->line - t->len, MSG_DONTWAIT);
		if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) return;
		if (got <= 0) {
			loop_unwatch(&t->ws->in->loop, &t->watch);
			return;
		}
		t->len += (size_t)got;
		for (char *end; t->watch.fd >= 0 && (end = memchr(t->line, '\n', t->len)) != NULL;) {
			size_t taken = (size_t)(end - t->line) + 1;
			on_line(t, (struct str){t->line, taken - 1});
			memmove(t->line, t->line + taken, t->len - taken);
			t->len -= taken;
		}
		if (t->len == sizeof t->line && t->watch.fd >= 0) loop_unwatch(&t->ws->in->loop, &t->watch);
	}
}

/* A place whose owner is gone, else the first that never said who it is. */
static struct teller *teller_place(struct workers *ws)
{
	for (int i = 0; i < TELLERS_MAX; i++)
		if (ws->tellers[i].watch.fd < 0) return &ws->tellers[i];
	for (int i = 0; i < TELLERS_MAX; i++)
		if (ws->tellers[i].worker == NULL) {
			loop_unwatch(&ws->in->loop, &ws->tellers[i].watch);
			return &ws->tellers[i];
		}
	return NULL;
}

static void on_control(void *arg, uint32_t events)
{
	(void)events;
	struct workers *ws = arg;
	struct err err;
	for (int fd; (fd = accept4(ws->control.fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK)) >= 0;) {
		struct teller *t = teller_place(ws);
		if (t == NULL) {
			(void)close(fd);
			continue;
		}
		*t = (struct teller){.ws = ws, .watch = {fd, on_teller, t}};
		if (!loop_watch(&ws->in->loop, &t->watch, &err)) log_error("%s", err.msg);
		on_teller(t, 0);
	}
}

/* Time. */

static void look_at_visitors(struct workers *ws, int64_t now_ms)
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

static void look_at_log(int fd)
{
	struct stat st;
	if (fd >= 0 && fstat(fd, &st) == 0 && st.st_size > LOG_MAX_BYTES) file_keep_end(fd, LOG_KEPT_BYTES);
}

static void on_tick(void *arg)
{
	struct workers *ws = arg;
	const struct config *c = &ws->in->config;
	int64_t now_ms = clock_now_ms(), since_ms = now_ms - ws->ticked_ms;
	ws->ticked_ms = now_ms;
	for (int i = 0; i < ws->count; i++) {
		struct worker *w = &ws->list[i];
		if (w->pid <= 0) continue;
		worker_look(w, c, now_ms, since_ms);
		look_at_log(ws->logs[i]);
		if (is_idle(w, now_ms) && now_ms - w->used_ms > c->idle_ms) leave(w);
		if (w->phase == WORKER_LEAVING && w->leave_ms > 0 && now_ms - w->leave_ms > c->kill_ms)
			(void)kill(-w->pid, SIGKILL);
	}
	look_at_visitors(ws, now_ms);
	want_all(ws);
	loop_timer_set(&ws->in->loop, &ws->tick, TICK_MS);
}

/* The beginning. */

static bool open_control(struct workers *ws, struct err *err)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof at;
	ws->control =
	    (struct loop_watch){socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), on_control, ws};
	if (ws->control.fd < 0 || bind(ws->control.fd, (struct sockaddr *)&at, sizeof at) != 0 ||
	    listen(ws->control.fd, CONFIG_FUNCTIONS_MAX) != 0 ||
	    getsockname(ws->control.fd, (struct sockaddr *)&at, &len) != 0)
		return err_set_errno(err, "listen for the functions");
	ws->control_port = ntohs(at.sin_port);
	return loop_watch(&ws->in->loop, &ws->control, err);
}

static int open_log(const char *name)
{
	char path[FILE_PATH_SIZE];
	struct err ignored;
	if (!file_path(path, &ignored, WORKERS_LOGS "/%s.log", name)) return -1;
	int fd = open(path, O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0640);
	return fd >= 0 ? fd : open("/dev/null", O_RDWR | O_CLOEXEC);
}

struct workers *workers_new(struct inside *in, struct err *err)
{
	struct workers *ws = calloc(1, sizeof *ws);
	if (ws == NULL) abort();
	ws->in = in;
	ws->count = in->config.function_count;
	ws->tick = (struct loop_timer){.on_timer = on_tick, .arg = ws};
	ws->ticked_ms = clock_now_ms();
	for (int i = 0; i < TELLERS_MAX; i++) ws->tellers[i].watch.fd = -1;
	for (int i = 0; i < ws->count; i++) {
		ws->list[i] = (struct worker){.index = i, .port = (uint16_t)(PORT_FIRST + i)};
		ws->logs[i] = open_log(in->config.functions[i].name);
	}
	if (!open_control(ws, err)) {
		workers_free(ws);
		return NULL;
	}
	loop_timer_set(&in->loop, &ws->tick, TICK_MS);
	return ws;
}

void workers_free(struct workers *ws)
{
	if (ws == NULL) return;
	for (int i = 0; i < ws->count; i++)
		if (ws->logs[i] >= 0) (void)close(ws->logs[i]);
	free(ws);
}
