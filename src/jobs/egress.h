/* SPDX-License-Identifier: Apache-2.0
 *
 * Which addresses the app's database may call. The public internet, and this machine's own edge, where the app itself
 * is; not this machine otherwise, not the networks that it is in, not the addresses where a cloud keeps a machine's
 * credentials (169.254.169.254 and kin), unless the owner allows them. Decided by the address that is connected to,
 * after names are resolved, so that no name can stand for another address later. Pure.
 *
 * Not public: IANA's special-purpose registries for IPv4 and IPv6, and IPv6 addresses that carry such an IPv4 one
 * (mapped, 6to4, NAT64, Teredo). */
#ifndef FREEHOLD_JOBS_EGRESS_H
#define FREEHOLD_JOBS_EGRESS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/err.h"

#define EGRESS_ALLOWED_MAX 32

struct egress_network {
	struct in6_addr address; /* IPv4 as ::ffff:a.b.c.d */
	int bits; /* of 128 */
};

struct egress {
	struct egress_network allowed[EGRESS_ALLOWED_MAX];
	int allowed_count;
	uint16_t own_port; /* on 127.0.0.1; 0: none */
};

/* "10.0.0.5", "10.0.0.0/8", "fd00::/8". ERR_INVALID for anything else, ERR_LIMIT past EGRESS_ALLOWED_MAX. */
bool egress_allow(struct egress *egress, const char *network, struct err *err);

bool egress_is_allowed(const struct egress *egress, const struct sockaddr *address);

#endif
