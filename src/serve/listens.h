/* SPDX-License-Identifier: Apache-2.0
 *
 * Where an app really listens: the kernel's own tables of the network namespace, /proc/net/tcp and tcp6 (proc(5)), and
 * which of these is the one to forward to. Pure. */
#ifndef FREEHOLD_SERVE_LISTENS_H
#define FREEHOLD_SERVE_LISTENS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

#define LISTENS_MAX 32

struct listen_at {
	bool is_v6;
	uint8_t address[16]; /* network order; the first 4 of IPv4 */
	uint16_t port;
	uint64_t inode; /* of the socket, 0 is none */
};

struct listens {
	struct listen_at at[LISTENS_MAX];
	int count;
};

/* Adds the listening sockets of one table, as far as there is room; lines that are none are passed over. */
void listens_parse(struct str table, bool is_v6, struct listens *inout_listens);

/* Takes out those that are ours. */
void listens_leave_out(struct listens *inout_listens, const uint64_t *inodes, int count);

/* The one to forward to: `port` itself, else (is_any) the one that more can reach, and of those the lowest port; ports
 * from..to excluded belong to other instances. NULL: none yet. */
const struct listen_at *listens_choose(const struct listens *l, uint16_t port, bool is_any, uint16_t other_from,
				       uint16_t other_to);

/* The address to connect to: a wildcard is reached on loopback. */
void listens_target(const struct listen_at *at, struct sockaddr_storage *ret_address, socklen_t *ret_len);

/* The ports, each once, ascending. Returns how many. */
int listens_ports(const struct listens *l, uint16_t ret_ports[LISTENS_MAX]);

#endif
