/* SPDX-License-Identifier: Apache-2.0
 *
 * Certificates of the apps' addresses are good for a while: at the daemon's start and once a day those that end soon
 * are made anew. */
#ifndef FREEHOLD_API_TLS_H
#define FREEHOLD_API_TLS_H

#include "api/daemon.h"

void tls_watch(struct daemon *d);

#endif
