/* SPDX-License-Identifier: Apache-2.0 */
#include "pg/link.h"

#include <stdlib.h>

#include "pg/error.h"

/* On the heap by itself: libuv gives a handle back some time after the socket it watched is closed, and libpq may take
 * another socket while it connects. */
struct pg_link_watch {
	uv_poll_t poll;
	struct pg_link *link;
	int fd;
	int events;
};

static void on_poll(uv_poll_t *handle, int status, int events);

static void free_watch(uv_handle_t *handle)
{
	free(handle->data);
}

static void drop_watch(struct pg_link *link)
{
	struct pg_link_watch *w = link->watch;
	if (w == NULL) return;
	link->watch = NULL;
	w->link = NULL;
	(void)uv_poll_stop(&w->poll);
	uv_close((uv_handle_t *)&w->poll, free_watch);
}

static void watch(struct pg_link *link, int events)
{
	int fd = PQsocket(link->raw);
	if (link->watch != NULL && link->watch->fd != fd) drop_watch(link);
	if (fd < 0) return;
	if (link->watch == NULL) {
		struct pg_link_watch *w = calloc(1, sizeof *w);
		if (w == NULL || uv_poll_init(link->loop, &w->poll, fd) != 0) abort();
		w->poll.data = w;
		w->link = link;
		w->fd = fd;
		link->watch = w;
	}
	if (link->watch->events == events) return;
	link->watch->events = events;
	(void)uv_poll_start(&link->watch->poll, events, on_poll);
}

static void fail_open(struct pg_link *link)
{
	struct pg_error e;
	struct err err;
	pg_error_from_conn(&e, link->raw);
	(void)err_set(&err, ERR_UNAVAILABLE, PG_CANNOT_CONNECT "%s", e.message);
	link->events->on_open(link, &err);
}

static void ignore_notice(void *arg, const PGresult *result)
{
	(void)arg;
	(void)result;
}

static void step_connecting(struct pg_link *link)
{
	switch (PQconnectPoll(link->raw)) {
	case PGRES_POLLING_READING: watch(link, UV_READABLE); break;
	case PGRES_POLLING_WRITING: watch(link, UV_WRITABLE); break;
	case PGRES_POLLING_OK:
		link->is_open = true;
		(void)PQsetnonblocking(link->raw, 1);
		(void)PQsetNoticeReceiver(link->raw, ignore_notice, NULL);
		watch(link, UV_READABLE);
		link->events->on_open(link, NULL);
		break;
	default: fail_open(link);
	}
}

static void on_poll(uv_poll_t *handle, int status, int events)
{
	(void)events;
	struct pg_link_watch *w = handle->data;
	struct pg_link *link = w->link;
	if (link == NULL) return;
	/* At an error of the socket libuv stops watching. Yet libpq may first find what the server said before, and
	 * must be called again to find the error. */
	if (status < 0) (void)uv_poll_start(&w->poll, w->events, on_poll);
	if (link->is_open)
		link->events->on_ready(link);
	else
		step_connecting(link);
}

bool pg_link_open(struct pg_link *link, uv_loop_t *loop, const char *conninfo, const struct pg_link_events *events,
		  void *owner, struct err *err)
{
	*link = (struct pg_link){.loop = loop, .events = events, .owner = owner};
	link->raw = PQconnectStart(conninfo);
	if (link->raw == NULL) abort();
	if (PQstatus(link->raw) == CONNECTION_BAD) {
		struct pg_error e;
		pg_error_from_conn(&e, link->raw);
		pg_link_close(link);
		return err_set(err, ERR_UNAVAILABLE, PG_CANNOT_CONNECT "%s", e.message);
	}
	watch(link, UV_WRITABLE);
	return true;
}

void pg_link_close(struct pg_link *link)
{
	if (link->raw == NULL) return;
	drop_watch(link);
	PQfinish(link->raw);
	link->raw = NULL;
	link->is_open = false;
}

void pg_link_want_write(struct pg_link *link, bool want)
{
	watch(link, want ? UV_READABLE | UV_WRITABLE : UV_READABLE);
}

void pg_link_pause(struct pg_link *link)
{
	watch(link, 0);
}
