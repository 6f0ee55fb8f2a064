/* SPDX-License-Identifier: Apache-2.0
 *
 * What the routes of an import (api/import.c) and of a move (api/move.c) share. */
#ifndef FREEHOLD_API_IMPORT_H
#define FREEHOLD_API_IMPORT_H

#include "api/routes.h"

/* ERR_CONFLICT while the app is being deployed, destroyed or imported. */
bool import_may_begin(struct route_call *c, struct err *err);

/* The process of what import_prepare wrote down; should it die with the source held, that is let go. */
bool import_start(struct daemon *d, const char *app, struct err *err);

/* Answers the call when `freeholdd VERB APP` has ended: {} or its error. */
void import_answer_alone(struct route_call *c, const char *verb);

/* Begins to let the source of a move write again that was cut off, where there is one. */
void move_recover_start(struct daemon *d, const char *app);

#endif
