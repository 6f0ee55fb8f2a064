/* SPDX-License-Identifier: Apache-2.0
 *
 * Sockets of the file system: the one that visitors come by, and those that an app's doors lead to. */
#ifndef FREEHOLD_SERVE_UNIX_SOCKET_H
#define FREEHOLD_SERVE_UNIX_SOCKET_H

#include "base/err.h"

/* Listens, in the place of what had the name; does not block. Anybody may connect: its folder decides who may pass,
 * the edge's workers are another user. -1: err says why. */
int unix_socket_listen(const char *path, struct err *err);

/* A unix socket connects at once or not at all, unless its backlog is full: that is waited for, a little (0.2 s). Does
 * not block afterwards; -1: nobody is there. */
int unix_socket_connect(const char *path);

#endif
