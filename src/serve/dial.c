/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/dial.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

struct dial_call {
	struct loop *loop;
	struct loop_watch watch;
	struct loop_work finish;
	int visitor, tag, fd;
	dial_done on_done;
	void *arg;
};

int dial_begin(const struct sockaddr_storage *address, socklen_t len)
{
	int one = 1, fd = socket(address->ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0) return -1;
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	if (connect(fd, (const struct sockaddr *)address, len) == 0 || errno == EINPROGRESS) return fd;
	(void)close(fd);
	return -1;
}

static void finish(void *arg)
{
	struct dial_call *d = arg;
	d->on_done(d->arg, d->visitor, d->fd, d->tag);
	free(d);
}

static void on_event(void *arg, uint32_t events)
{
	struct dial_call *d = arg;
	bool is_refused = (events & (EPOLLERR | EPOLLHUP)) != 0;
	if (!is_refused && (events & EPOLLOUT) == 0) return;
	d->fd = d->watch.fd;
	loop_forget(d->loop, &d->watch);
	if (is_refused) (void)close(d->fd), d->fd = -1;
	loop_later(d->loop, &d->finish);
}

void dial(struct loop *l, const struct sockaddr_storage *address, socklen_t len, int visitor, int tag,
	  dial_done on_done, void *arg)
{
	struct err ignored;
	struct dial_call *d = calloc(1, sizeof *d);
	if (d == NULL) abort();
	*d = (struct dial_call){.loop = l,
				.watch = {dial_begin(address, len), on_event, d},
				.finish = {.run = finish, .arg = d},
				.visitor = visitor,
				.tag = tag,
				.fd = -1,
				.on_done = on_done,
				.arg = arg};
	if (d->watch.fd >= 0 && loop_watch(l, &d->watch, &ignored)) return;
	if (d->watch.fd >= 0) (void)close(d->watch.fd);
	loop_later(l, &d->finish);
}
