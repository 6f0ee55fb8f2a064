/* SPDX-License-Identifier: Apache-2.0
 *
 * The daemon looks at the pools of all apps every few seconds, keeps what was used by the hour (store/pool_use.h), and
 * gives a pool that is sized by measured use the size that follows. */
#ifndef FREEHOLD_API_POOL_WATCH_H
#define FREEHOLD_API_POOL_WATCH_H

#include "api/daemon.h"

void pool_watch_start(struct daemon *d);
void pool_watch_stop(struct daemon *d);

#endif
