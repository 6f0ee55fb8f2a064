/* SPDX-License-Identifier: Apache-2.0
 *
 * For the tests of what a crash leaves: FREEHOLD_PAUSE_AT=step:point (build:ran, promote:began …) makes a deployment
 * stand still there until it is killed. Without the variable nothing happens. */
#ifndef FREEHOLD_FLOW_PAUSE_H
#define FREEHOLD_FLOW_PAUSE_H

void pause_here(const char *step, const char *point);

#endif
