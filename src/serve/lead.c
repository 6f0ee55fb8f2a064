/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/lead.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "serve/dial.h"
#include "serve/workers.h"

#define BACKLOG 4096 /* a server may open all its connections to the database at once; somaxconn is the bound */

static void accept_links(struct door *d);

void room_tell(struct inside *in, const struct message *m)
{
	struct err ignored; /* what matters is sent again (USAGE), or the control socket's end ends us */
	(void)message_send(in->control.fd, m, -1, &ignored);
}

/* A drain is over with its last visitor. */
static void note_left(struct inside *in)
{
	bool is_waiting = in->phase == PHASE_DRAINING || in->phase == PHASE_LAST_WORDS;
	if (is_waiting && in->visitor_count == 0 && in->visitors.fd < 0) loop_timer_set(&in->loop, &in->drain, 0);
}

void lead_note_room(struct inside *in)
{
	if (!in->is_full) return;
	in->is_full = false;
	lead_accept_visitors(in);
	for (int i = 0; i < in->config.forward_count; i++) accept_links(&in->doors[i]);
}

static void on_pump_done(void *arg, struct pump *p)
{
	struct inside *in = arg;
	if (p->prev != NULL)
		p->prev->next = p->next;
	else
		in->pumps = p->next;
	if (p->next != NULL) p->next->prev = p->prev;
	in->pump_count--;
	if (p->tag >= 0) in->visitor_count--, in->instances[p->tag].connections--;
	lead_note_room(in);
	note_left(in);
}

/* tag: the instance it counts for, -1: none. Takes both descriptors. */
static void carry(struct inside *in, int a, int b, int tag)
{
	struct pump *p = pump_new(&in->loop, a, b, on_pump_done, in);
	if (p == NULL) return;
	p->tag = tag;
	p->next = in->pumps;
	if (p->next != NULL) p->next->prev = p;
	in->pumps = p;
	in->pump_count++;
	if (tag >= 0) in->visitor_count++, in->instances[tag].connections++;
}

void lead_cut_all(struct inside *in)
{
	in->is_full = false;
	while (in->pumps != NULL) pump_cut(in->pumps);
}

static struct instance *least_busy(struct inside *in)
{
	struct instance *best = NULL;
	for (int n = 0; n < in->config.instances; n++) {
		struct instance *i = &in->instances[n];
		if (i->is_listening && (best == NULL || i->connections < best->connections)) best = i;
	}
	return best;
}

static void lead_in(struct inside *in, int visitor);

/* Of several, one that has just died looks the least busy until it is reaped. */
static void on_dialled(void *arg, int visitor, int fd, int tag)
{
	struct inside *in = arg;
	in->visitor_count--, in->pump_count--, in->instances[tag].connections--;
	if (fd >= 0) {
		if (in->phase == PHASE_SERVING || in->phase == PHASE_DRAINING)
			carry(in, visitor, fd, tag);
		else
			(void)close(visitor), (void)close(fd);
		note_left(in);
		return;
	}
	in->instances[tag].is_listening = false;
	loop_timer_set(&in->loop, &in->look, LOOK_BOOT_MS);
	lead_in(in, visitor);
	note_left(in);
}

static bool is_coming_back(const struct inside *in)
{
	return in->workers == NULL && in->phase == PHASE_SERVING && in->config.instances == 1 &&
	       !in->instances[0].is_listening;
}

/* On loopback that is known at once. */
static bool is_refused(int fd)
{
	int error = 0;
	socklen_t len = sizeof error;
	return getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0 || error != 0;
}

/* One that has just died is found out here before it is reaped. */
static int dial_single(struct inside *in, struct instance *i)
{
	int fd = dial_begin(&i->address, i->address_len);
	if (fd >= 0 && !is_refused(fd)) return fd;
	if (fd >= 0) (void)close(fd);
	i->is_listening = false;
	loop_timer_set(&in->loop, &in->look, LOOK_BOOT_MS);
	if (in->back.at_ms == 0) loop_timer_set(&in->loop, &in->back, in->config.boot_ms);
	return -1;
}

/* One that cannot be led on, and has nobody to wait for, is closed: nginx answers for us. */
static void lead_in(struct inside *in, int visitor)
{
	if (in->workers != NULL) {
		workers_take(in->workers, visitor);
		return;
	}
	struct instance *i = least_busy(in);
	if (i != NULL && in->config.instances > 1) {
		in->visitor_count++, in->pump_count++, i->connections++;
		dial(&in->loop, &i->address, i->address_len, visitor, i->index, on_dialled, in);
		return;
	}
	int fd = i != NULL ? dial_single(in, i) : -1;
	if (fd >= 0)
		carry(in, visitor, fd, i->index);
	else if (is_coming_back(in) && in->held_count < HELD_MAX)
		in->held[in->held_count++] = visitor;
	else
		(void)close(visitor);
}

void lead_release_held(struct inside *in)
{
	int held[HELD_MAX], count = in->held_count;
	if (count > 0) memcpy(held, in->held, (size_t)count * sizeof *held);
	in->held_count = 0;
	for (int n = 0; n < count; n++) lead_in(in, held[n]);
	lead_accept_visitors(in);
}

void lead_drop_held(struct inside *in)
{
	for (int n = 0; n < in->held_count; n++) (void)close(in->held[n]);
	in->held_count = 0;
}

void lead_accept_visitors(struct inside *in)
{
	while (in->visitors.fd >= 0 && !is_coming_back(in)) {
		if (in->pump_count >= in->pumps_max && in->phase != PHASE_DRAINING) {
			in->is_full = true;
			return;
		}
		int fd = accept4(in->visitors.fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (fd < 0 && errno != ECONNABORTED && errno != EINTR) return;
		if (fd >= 0) lead_in(in, fd);
	}
}

void lead_on_visitors(void *arg, uint32_t events)
{
	(void)events;
	lead_accept_visitors(arg);
}

static void accept_links(struct door *d)
{
	struct inside *in = d->in;
	struct err ignored;
	struct message m = {.kind = MESSAGE_LINK, .index = d->index};
	while (d->watch.fd >= 0) {
		if (in->pump_count >= in->pumps_max || in->link_count >= LINKS_MAX) {
			in->is_full = true;
			return;
		}
		int one = 1, fd = accept4(d->watch.fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (fd < 0 && errno != ECONNABORTED && errno != EINTR) return;
		if (fd < 0) continue;
		(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
		if (message_send(in->control.fd, &m, -1, &ignored))
			in->links[in->link_count++] = fd;
		else
			(void)close(fd);
	}
}

void lead_stop_accepting(struct inside *in)
{
	if (in->visitors.fd >= 0) (void)shutdown(in->visitors.fd, SHUT_RD);
	lead_accept_visitors(in);
	lead_drop_held(in);
	loop_unwatch(&in->loop, &in->visitors);
}

static void on_door(void *arg, uint32_t events)
{
	(void)events;
	accept_links(arg);
}

void lead_on_linked(struct inside *in, int outside)
{
	if (in->link_count == 0) {
		if (outside >= 0) (void)close(outside);
		return;
	}
	int fd = in->links[0];
	memmove(in->links, in->links + 1, (size_t)--in->link_count * sizeof *in->links);
	if (outside >= 0)
		carry(in, fd, outside, -1);
	else
		(void)close(fd);
	lead_note_room(in);
}

void lead_take_door(struct inside *in, int index, int fd)
{
	struct err err;
	bool is_wanted = fd >= 0 && index >= 0 && index < in->config.forward_count && in->doors[index].watch.fd < 0;
	if (is_wanted) {
		in->doors[index].watch.fd = fd;
		if (!loop_watch(&in->loop, &in->doors[index].watch, &err)) log_error("%s", err.msg);
	} else if (fd >= 0)
		(void)close(fd);
}

bool lead_open_door(struct inside *in, int index, struct err *err)
{
	struct door *d = &in->doors[index];
	struct sockaddr_in at = {.sin_family = AF_INET,
				 .sin_port = htons(in->config.forwards[index].port),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int one = 1;
	*d = (struct door){.in = in, .watch = {-1, on_door, d}, .index = index};
	if (in->config.forwards[index].port < CONFIG_OPEN_PORTS) return true; /* DOOR brings it */
	d->watch = (struct loop_watch){socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), on_door, d};
	if (d->watch.fd < 0 || setsockopt(d->watch.fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) != 0 ||
	    bind(d->watch.fd, (struct sockaddr *)&at, sizeof at) != 0 || listen(d->watch.fd, BACKLOG) != 0)
		return err_set_errno(err, "listen inside on port %u", in->config.forwards[index].port);
	return loop_watch(&in->loop, &d->watch, err);
}
