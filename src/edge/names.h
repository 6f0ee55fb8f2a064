/* SPDX-License-Identifier: Apache-2.0
 *
 * <edge>/<folder>/<host>: the links and files that stand for a host. ERR_INVALID when it is no name of a host. */
#ifndef FREEHOLD_EDGE_NAMES_H
#define FREEHOLD_EDGE_NAMES_H

#include "edge/edge.h"

bool edge_name_path(const struct edge *e, const char *folder, const char *host, char ret_path[FILE_PATH_SIZE],
		    struct err *err);

#endif
