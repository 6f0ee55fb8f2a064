/* SPDX-License-Identifier: Apache-2.0
 *
 * At the daemon's start: an app whose address is another one now, since Freehold was started on another port
 * (FREEHOLD_PORT), has the former one in the pages of its releases, in its server's environment and in its backend's
 * settings. It gets the new one, one app after the other, each in a process of its own (app/bind.h). */
#ifndef FREEHOLD_API_ADDRESS_H
#define FREEHOLD_API_ADDRESS_H

#include "api/daemon.h"

/* Begins it and comes back. An app that is being deployed is passed over: its deployment writes the new address, or a
 * later start of the daemon does. */
void address_follow(struct daemon *d);

#endif
