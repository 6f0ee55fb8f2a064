/* SPDX-License-Identifier: Apache-2.0 */
#include "pg/listen.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pg/link.h"

#define RETRY_FIRST_MS 100
#define RETRY_MAX_MS 5000

struct pg_listener {
	struct pg_link link;
	uv_timer_t timer;
	char *conninfo;
	char sql[200];
	pg_notify_fn on_notify;
	void *arg;
	uint64_t retry_ms;
	int answers_due; /* LISTEN was sent, its answer not yet read */
};

static void begin(struct pg_listener *l);

static void on_retry(uv_timer_t *timer)
{
	begin(timer->data);
}

static void lose(struct pg_listener *l)
{
	pg_link_close(&l->link);
	(void)uv_timer_start(&l->timer, on_retry, l->retry_ms, 0);
	l->retry_ms = l->retry_ms * 2 > RETRY_MAX_MS ? RETRY_MAX_MS : l->retry_ms * 2;
}

static void on_open(struct pg_link *link, const struct err *err)
{
	struct pg_listener *l = link->owner;
	if (err != NULL || PQsendQuery(link->raw, l->sql) != 1) {
		lose(l);
		return;
	}
	l->answers_due = 1;
	(void)PQflush(link->raw); /* a few bytes into an empty socket */
}

static bool read_answers(struct pg_listener *l)
{
	while (!PQisBusy(l->link.raw)) {
		PGresult *result = PQgetResult(l->link.raw);
		if (result == NULL) return true;
		bool ok = PQresultStatus(result) == PGRES_COMMAND_OK;
		PQclear(result);
		if (!ok) return false;
		if (l->answers_due == 0) continue;
		l->answers_due = 0;
		l->retry_ms = RETRY_FIRST_MS;
		l->on_notify(l->arg, NULL);
	}
	return true;
}

static void on_ready(struct pg_link *link)
{
	struct pg_listener *l = link->owner;
	if (!PQconsumeInput(link->raw) || !read_answers(l) || PQstatus(link->raw) != CONNECTION_OK) {
		lose(l);
		return;
	}
	PGnotify *note;
	while ((note = PQnotifies(link->raw)) != NULL) {
		l->on_notify(l->arg, note->extra);
		PQfreemem(note);
	}
}

static const struct pg_link_events events = {on_open, on_ready};

static void begin(struct pg_listener *l)
{
	struct err err;
	if (!pg_link_open(&l->link, l->timer.loop, l->conninfo, &events, l, &err)) lose(l);
}

struct pg_listener *pg_listener_new(uv_loop_t *loop, const char *conninfo, const char *channel, pg_notify_fn on_notify,
				    void *arg)
{
	struct pg_listener *l = calloc(1, sizeof *l);
	if (l == NULL || uv_timer_init(loop, &l->timer) != 0) abort();
	l->timer.data = l;
	l->conninfo = strdup(conninfo);
	if (l->conninfo == NULL) abort();
	size_t at = (size_t)snprintf(l->sql, sizeof l->sql, "LISTEN \"");
	for (const char *p = channel; *p != '\0' && at < sizeof l->sql - 3; p++) {
		if (*p == '"') l->sql[at++] = '"';
		l->sql[at++] = *p;
	}
	l->sql[at] = '"';
	l->on_notify = on_notify;
	l->arg = arg;
	l->retry_ms = RETRY_FIRST_MS;
	begin(l);
	return l;
}

static void on_closed(uv_handle_t *handle)
{
	struct pg_listener *l = handle->data;
	free(l->conninfo);
	free(l);
}

void pg_listener_stop(struct pg_listener *l)
{
	if (l == NULL) return;
	pg_link_close(&l->link);
	uv_close((uv_handle_t *)&l->timer, on_closed);
}
