/* SPDX-License-Identifier: Apache-2.0
 *
 * For the tests of what a crash leaves: FREEHOLD_PAUSE_AT=step:point (build:ran, promote:began …) makes a deployment,
 * or another job, stop itself there (SIGSTOP) until it is killed or told to go on (SIGCONT). Without the variable
 * nothing happens. */
#ifndef FREEHOLD_APP_PAUSE_H
#define FREEHOLD_APP_PAUSE_H

void pause_here(const char *step, const char *point);

#endif
