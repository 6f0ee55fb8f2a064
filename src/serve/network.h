/* SPDX-License-Identifier: Apache-2.0
 *
 * The way out to the internet of a sandbox with a network of its own: slirp4netns(1), which speaks for it from the
 * outside as an ordinary user. It reaches nothing of this machine's loopback. Where it is not to be had the server has
 * no way out, and that is said; the machine's own network is never shared instead. */
#ifndef FREEHOLD_SERVE_NETWORK_H
#define FREEHOLD_SERVE_NETWORK_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/err.h"

#define NETWORK_RESOLV_CONF "nameserver 10.0.2.3\noptions timeout:2\n"
#define NETWORK_RESOLV_NONE "# no way out: see network_why in state.json\n"

/* Can there be one? If not, err says what is missing and what to do. */
bool network_probe(struct err *err);

struct network {
	pid_t pid; /* of slirp4netns, 0: none; it dies with us */
	int pidfd;
	int ready_fd; /* readable when the way is open, or when it failed */
	int exit_fd; /* it ends when this is closed */
};

/* Attaches to the network namespace of this process. */
bool network_open(struct network *ret_network, pid_t pid, struct err *err);

/* Call it when ready_fd is readable. */
bool network_is_ready(const struct network *n);

void network_close(struct network *n);

#endif
