/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "serve/workers_private.h"

/* What they say. */

static void on_line(struct teller *t, struct str line)
{
	struct workers *ws = t->ws;
	struct str word, rest;
	int64_t number;
	if (t->worker == NULL) {
		for (int i = 0; i < ws->count; i++)
			if (ws->list[i].phase == WORKER_BOOTING && str_eq(line, str_from(ws->list[i].token)))
				t->worker = &ws->list[i], t->pid = ws->list[i].pid, ws->list[i].has_said = true;
		if (t->worker == NULL) loop_unwatch(&ws->in->loop, &t->watch);
		return;
	}
	struct worker *w = t->worker;
	if (w->pid != t->pid) return;
	if (str_eq(line, STR("listening")) && w->phase == WORKER_BOOTING) {
		w->phase = WORKER_SERVING;
		w->failures = w->stuck = 0;
		workers_note(ws, w, "started in %lld ms", (long long)(clock_now_ms() - w->started_ms));
		visit_lead_waiting(ws, w);
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

bool teller_open(struct workers *ws, struct err *err)
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
