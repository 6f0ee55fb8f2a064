/* SPDX-License-Identifier: Apache-2.0 */
#include "pg/link.h"

#include <stdlib.h>
#include <string.h>

#include "pg/error.h"
#include "pg/way.h"

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

/* On the heap by itself, as the watch is: its timer outlives it for a moment. */
struct pg_link_name {
	uv_timer_t timer; /* one address has taken long enough */
	struct pg_way *way;
	struct pg_link *link;
	char *conninfo;
};

static void free_name(uv_handle_t *handle)
{
	struct pg_link_name *n = handle->data;
	free(n->conninfo);
	free(n);
}

static void drop_name(struct pg_link *link)
{
	struct pg_link_name *n = link->name;
	if (n == NULL) return;
	link->name = NULL;
	pg_way_free(n->way);
	uv_close((uv_handle_t *)&n->timer, free_name);
}

static bool start(struct pg_link *link, const char *conninfo, struct err *err)
{
	struct pg_error e;
	link->raw = PQconnectStart(conninfo);
	if (link->raw == NULL) abort();
	if (PQstatus(link->raw) != CONNECTION_BAD) {
		watch(link, UV_WRITABLE);
		return true;
	}
	pg_error_from_conn(&e, link->raw);
	PQfinish(link->raw);
	link->raw = NULL;
	return err_set(err, ERR_UNAVAILABLE, PG_CANNOT_CONNECT "%s", e.message);
}

static void on_address_late(uv_timer_t *timer);

static bool start_at(struct pg_link *link, const struct addrinfo *address, struct err *err)
{
	struct pg_link_name *n = link->name;
	char *conninfo = pg_way_conninfo(n->conninfo, address);
	if (conninfo == NULL) return err_set(err, ERR_INTERNAL, "a connection string that libpq cannot read");
	bool ok = start(link, conninfo, err);
	free(conninfo);
	if (ok && pg_way_has_next(n->way)) (void)uv_timer_start(&n->timer, on_address_late, PG_WAY_TCP_MS, 0);
	return ok;
}

/* Leaves the address that it is at, if there is another one that can be begun with. */
static bool go_on(struct pg_link *link, struct err *err)
{
	const struct addrinfo *address = NULL;
	while (link->name != NULL && (address = pg_way_next(link->name->way)) != NULL) {
		drop_watch(link);
		PQfinish(link->raw);
		link->raw = NULL;
		if (start_at(link, address, err)) return true;
	}
	return false;
}

static void fail_open(struct pg_link *link, bool was_reached)
{
	struct pg_error e;
	struct err err;
	pg_error_from_conn(&e, link->raw);
	(void)err_set(&err, ERR_UNAVAILABLE, PG_CANNOT_CONNECT "%s", e.message);
	if (link->name != NULL) (void)uv_timer_stop(&link->name->timer);
	/* A server that was reached has the last word. */
	if (was_reached || !go_on(link, &err)) link->events->on_open(link, &err);
}

static void on_address_late(uv_timer_t *timer)
{
	struct pg_link *link = ((struct pg_link_name *)timer->data)->link;
	struct err err;
	if (pg_way_is_dialling(link->raw) && !go_on(link, &err)) link->events->on_open(link, &err);
}

static void on_address(void *arg, const struct addrinfo *address, const struct err *err)
{
	struct pg_link *link = arg;
	struct err why;
	if (address == NULL)
		link->events->on_open(link, err);
	else if (!start_at(link, address, &why) && !go_on(link, &why))
		link->events->on_open(link, &why);
}

static void ignore_notice(void *arg, const PGresult *result)
{
	(void)arg;
	(void)result;
}

static void step_connecting(struct pg_link *link)
{
	bool was_reached = !pg_way_is_dialling(link->raw);
	switch (PQconnectPoll(link->raw)) {
	case PGRES_POLLING_READING: watch(link, UV_READABLE); break;
	case PGRES_POLLING_WRITING: watch(link, UV_WRITABLE); break;
	case PGRES_POLLING_OK:
		link->is_open = true;
		drop_name(link);
		(void)PQsetnonblocking(link->raw, 1);
		(void)PQsetNoticeReceiver(link->raw, ignore_notice, NULL);
		watch(link, UV_READABLE);
		link->events->on_open(link, NULL);
		break;
	default: fail_open(link, was_reached);
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
	char name[PG_WAY_NAME_SIZE], port[PG_WAY_PORT_SIZE];
	*link = (struct pg_link){.loop = loop, .events = events, .owner = owner};
	if (!pg_way_name(conninfo, name, port)) return start(link, conninfo, err);
	struct pg_link_name *n = calloc(1, sizeof *n);
	if (n == NULL || (n->conninfo = strdup(conninfo)) == NULL || uv_timer_init(loop, &n->timer) != 0) abort();
	n->timer.data = n;
	n->link = link;
	n->way = pg_way_new(loop, name, port, on_address, link);
	link->name = n;
	return true;
}

void pg_link_close(struct pg_link *link)
{
	drop_name(link);
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
