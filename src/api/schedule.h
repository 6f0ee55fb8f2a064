/* SPDX-License-Identifier: Apache-2.0
 *
 * What freeholdd does by the clock: each app's backups, drills, and sending what waits for a place. What is due is read
 * from the store at every tick, so nothing is forgotten by a restart, and what was missed is made up. One job at a
 * time, so that the apps have the machine. */
#ifndef FREEHOLD_API_SCHEDULE_H
#define FREEHOLD_API_SCHEDULE_H

#include "api/daemon.h"

#define SCHEDULE_TICK_MS 10000
#define SCHEDULE_AGAIN_MS ((int64_t)15 * 60 * 1000) /* after a job that failed, by the home's clock */
#define SCHEDULE_AGAIN_SOON_MS                                                                                         \
	((int64_t)10 *                                                                                                 \
	 1000) /* after one that was only in the way of something else; then 20, 40 ..., up to the others' pause */
#define SCHEDULE_AGAIN_BROKEN_MS ((int64_t)60 * 1000) /* where the window of restore is broken */

void schedule_start(struct daemon *d);
void schedule_stop(struct daemon *d);

/* Looks now: something has changed that may make something due. */
void schedule_wake(struct daemon *d);

#endif
