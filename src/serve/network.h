/* SPDX-License-Identifier: Apache-2.0
 *
 * The way out to the internet of a sandbox with a network of its own: slirp4netns(1), which speaks for it from the
 * outside as an ordinary user. It reaches nothing of this machine's loopback. Where it is not to be had the server has
 * no way out, and that is said; the machine's own network is never shared instead. */
#ifndef FREEHOLD_SERVE_NETWORK_H
#define FREEHOLD_SERVE_NETWORK_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "serve/loop.h"

#define NETWORK_RESOLV_CONF "nameserver 10.0.2.3\noptions timeout:2\n"
#define NETWORK_RESOLV_NONE "# no way out: see network_why in state.json\n"

/* Shuts what is not the internet to everything in the network namespace of this process: private, shared and link-local
 * networks (RFC 1918, 6598, 3927, 4193; a provider's metadata service is link-local), and the addresses that this
 * machine itself has, by which its ports could be reached from the way out's far end. By routes that end there: the
 * processes inside have no right to change them. slirp4netns's own network stays, since names are asked there. */
bool network_shut_private(pid_t pid, struct err *err);

/* Can there be one? If not, err says what is missing and what to do. */
bool network_probe(struct err *err);

/* A socket that listens on 127.0.0.1:port in the network namespace of this process, also on a port below 1024: the
 * namespace belongs to us, whatever its processes may do in it. */
bool network_listen(pid_t pid, uint16_t port, int *ret_fd, struct err *err);

/* Lies still from begin to end. */
struct network {
	bool has_way;
	char why[ERR_MSG_SIZE]; /* there is none, or "" */
	struct loop *loop;
	pid_t target;
	bool is_outward; /* network_shut_private, before the way opens */
	void (*on_change)(void *arg);
	void *arg;
	pid_t pid; /* of slirp4netns, 0: none; it dies with us */
	struct loop_watch ready, ended;
	int exit_fd; /* slirp4netns ends when this is closed */
	struct loop_timer late, again;
};

/* Attaches to the network namespace of this process. on_change comes once the way is open, or cannot be opened (in 5 s
 * at the latest), and whenever that changes: a slirp4netns that ended is started again. */
void network_begin(struct network *n, struct loop *loop, pid_t target, bool is_outward, void (*on_change)(void *arg),
		   void *arg);

/* Closes the way; one that never began is no error. */
void network_end(struct network *n);

#endif
