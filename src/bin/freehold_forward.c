/* SPDX-License-Identifier: Apache-2.0
 *
 * freehold-forward PORT SOCKET -- COMMAND…: runs a command in a sandbox whose network is only a loopback, where
 * 127.0.0.1:PORT leads to a unix socket. It is the app's user like the command, reads nothing but bytes to carry, and
 * ends as the command did (128 and the signal's number, as shells do). */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define LINKS_MAX 64
#define HELD_BYTES 65536

/* One direction: what came from `from` and `to` has not taken yet. */
struct way {
	int from, to;
	char *held;
	size_t at, len;
	bool has_ended; /* from said it sends no more */
	bool is_shut; /* and to was told */
};

struct link {
	int fds[2];
	struct way ways[2];
	bool is_open;
};

static struct sockaddr_un target;
static struct link links[LINKS_MAX];

static int fail(const char *what)
{
	(void)fprintf(stderr, "freehold-forward: %s: %s\n", what, strerror(errno));
	return 127;
}

static void set_way(struct way *w, int from, int to)
{
	*w = (struct way){.from = from, .to = to, .held = malloc(HELD_BYTES)};
	if (w->held == NULL) abort();
}

static void close_link(struct link *l)
{
	for (int i = 0; i < 2; i++) {
		(void)close(l->fds[i]);
		free(l->ways[i].held);
	}
	*l = (struct link){.is_open = false};
}

static void open_link(int visitor)
{
	struct link *l = links;
	while (l < links + LINKS_MAX && l->is_open) l++;
	int out = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (l == links + LINKS_MAX || out < 0 || connect(out, (struct sockaddr *)&target, sizeof target) != 0 ||
	    fcntl(out, F_SETFL, O_NONBLOCK) != 0) {
		(void)close(visitor);
		if (out >= 0) (void)close(out);
		return;
	}
	*l = (struct link){.fds = {visitor, out}, .is_open = true};
	set_way(&l->ways[0], visitor, out);
	set_way(&l->ways[1], out, visitor);
}

static bool is_later(ssize_t got)
{
	return got < 0 && (errno == EAGAIN || errno == EINTR);
}

/* False: this link is broken. */
static bool carry(struct way *w)
{
	if (w->at == w->len && !w->has_ended) {
		ssize_t got = read(w->from, w->held, HELD_BYTES);
		if (got < 0 && !is_later(got)) return false;
		if (got == 0) w->has_ended = true;
		w->at = 0, w->len = got > 0 ? (size_t)got : 0;
	}
	while (w->at < w->len) {
		ssize_t put = send(w->to, w->held + w->at, w->len - w->at, MSG_NOSIGNAL);
		if (is_later(put)) return true;
		if (put < 0) return false;
		w->at += (size_t)put;
	}
	if (w->has_ended && !w->is_shut) {
		(void)shutdown(w->to, SHUT_WR);
		w->is_shut = true;
	}
	return true;
}

static void serve_link(struct link *l)
{
	bool ok = carry(&l->ways[0]) && carry(&l->ways[1]);
	if (!ok || (l->ways[0].is_shut && l->ways[1].is_shut)) close_link(l);
}

static short events_of(const struct link *l, int end)
{
	const struct way *reads = &l->ways[end], *writes = &l->ways[1 - end];
	bool can_read = reads->at == reads->len && !reads->has_ended;
	return (short)((can_read ? POLLIN : 0) | (writes->at < writes->len ? POLLOUT : 0));
}

/* An end without anything to wait for is left out: it would be reported again and again once it hung up. */
static int fill(struct pollfd *fds, struct link **owners)
{
	int n = 2;
	for (struct link *l = links; l < links + LINKS_MAX; l++)
		for (int end = 0; end < 2 && l->is_open; end++) {
			short events = events_of(l, end);
			if (events == 0) continue;
			owners[n] = l;
			fds[n++] = (struct pollfd){.fd = l->fds[end], .events = events};
		}
	return n;
}

static int status_of(pid_t child)
{
	int status = 0;
	if (waitpid(child, &status, 0) != child) return 127;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int forward_until_end(int listener, int signals, pid_t child)
{
	struct pollfd fds[2 + 2 * LINKS_MAX] = {{.fd = signals, .events = POLLIN}, {.fd = listener, .events = POLLIN}};
	struct link *owners[2 + 2 * LINKS_MAX];
	for (;;) {
		int n = fill(fds, owners);
		if (poll(fds, (nfds_t)n, -1) < 0 && errno != EINTR) return fail("poll");
		if (fds[0].revents != 0) return status_of(child);
		for (int i = 2; i < n; i++)
			if (fds[i].revents != 0 && owners[i]->is_open) serve_link(owners[i]);
		int visitor = fds[1].revents != 0 ? accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK) : -1;
		if (visitor >= 0) open_link(visitor);
	}
}

static int listen_on(uint16_t port)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(port)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof at) != 0 || listen(fd, 64) != 0) return -1;
	return fd;
}

static pid_t start(char **argv, const sigset_t *before)
{
	pid_t child = fork();
	if (child != 0) return child;
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)sigprocmask(SIG_SETMASK, before, NULL);
	(void)execvp(argv[0], argv);
	_exit(fail(argv[0]));
}

int main(int argc, char **argv)
{
	sigset_t ended, before;
	long port = argc > 4 ? strtol(argv[1], NULL, 10) : 0;
	if (port < 1 || port > UINT16_MAX || strcmp(argv[3], "--") != 0 || strlen(argv[2]) >= sizeof target.sun_path) {
		(void)fprintf(stderr, "usage: freehold-forward PORT SOCKET -- COMMAND...\n");
		return 2;
	}
	target.sun_family = AF_UNIX;
	memcpy(target.sun_path, argv[2], strlen(argv[2]) + 1);
	(void)sigemptyset(&ended);
	(void)sigaddset(&ended, SIGCHLD);
	(void)sigprocmask(SIG_BLOCK, &ended, &before);
	int signals = signalfd(-1, &ended, SFD_CLOEXEC), listener = listen_on((uint16_t)port);
	if (signals < 0 || listener < 0) return fail("listen");
	pid_t child = start(argv + 4, &before);
	return child < 0 ? fail("fork") : forward_until_end(listener, signals, child);
}
