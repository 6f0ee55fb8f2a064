/* SPDX-License-Identifier: Apache-2.0
 *
 * Whether the edge can have its ports. nginx says it only in its log, and goes on trying. */
#ifndef FREEHOLD_EDGE_PORT_H
#define FREEHOLD_EDGE_PORT_H

#include "edge/edge.h"

/* Both ports are free, or an nginx of this edge has them. ERR_CONFLICT names the port, who has it, and what to do.
 * Looks at every process where one is taken: milliseconds. */
bool edge_check_ports(const struct edge *e, struct err *err);

/* Ends what an nginx of this edge that was killed left (its workers keep the port), when its master is known to be
 * dead; waits at most 2 s. */
void edge_end_left(const struct edge *e);

#endif
