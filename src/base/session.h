/* SPDX-License-Identifier: Apache-2.0
 *
 * Sessions of processes: what was started with one of its own.
 *
 * The kernel shares the processor out between sessions first (sched(7), "The autogroup feature"): a nice value counts
 * inside its session only, and what is to be last on the machine needs the session's own value set. */
#ifndef FREEHOLD_BASE_SESSION_H
#define FREEHOLD_BASE_SESSION_H

#include <stdbool.h>
#include <sys/types.h>

/* Of the session that this process leads; nice -20 to 19. False when it should be tried again a little later: it leads
 * none yet, or the kernel, which takes ten such changes a second from all who are not root, has had enough. True also
 * where there are no such groups or it may not be done. */
bool session_nice(pid_t leader, int nice);

/* To it and all in its group. A child has a group of its own only once its side of the fork has come so far: before
 * that it alone is there. 0 or less: nobody. */
void session_signal(pid_t leader, int signal);

#endif
