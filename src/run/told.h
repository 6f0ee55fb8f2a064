/* SPDX-License-Identifier: Apache-2.0
 *
 * What a unit says of itself: the state.json of freehold-serve (serve/state.h). It is written by the app's user, so it
 * is read as what comes from outside: bounded, a regular file, no link. */
#ifndef FREEHOLD_RUN_TOLD_H
#define FREEHOLD_RUN_TOLD_H

#include <jansson.h>
#include <stdbool.h>
#include <sys/types.h>

/* The caller's, or NULL: there is none, or it is not this process's (an earlier one left it). */
json_t *told_read(const char *path, pid_t pid);

/* Its "state" is that word. */
bool told_is(const json_t *told, const char *state);

#endif
