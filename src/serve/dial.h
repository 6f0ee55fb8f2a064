/* SPDX-License-Identifier: Apache-2.0
 *
 * Connects, and tells when the connection stands or was refused: only then may another be tried in its place, since
 * nothing was sent yet. */
#ifndef FREEHOLD_SERVE_DIAL_H
#define FREEHOLD_SERVE_DIAL_H

#include <sys/socket.h>

#include "serve/loop.h"

/* Comes exactly once, from the loop; fd is the caller's, -1: refused. visitor and tag are as given. */
typedef void (*dial_done)(void *arg, int visitor, int fd, int tag);

void dial(struct loop *l, const struct sockaddr_storage *address, socklen_t len, int visitor, int tag,
	  dial_done on_done, void *arg);

/* A connection that may still be on its way; -1: refused at once. */
int dial_begin(const struct sockaddr_storage *address, socklen_t len);

#endif
