/* SPDX-License-Identifier: Apache-2.0
 *
 * The functions of a release, in their sandbox: visitors from web.sock, each a connection with one request (the edge
 * keeps none open), are told apart by the name in its first line and led to that function's process, which is started
 * for the first of them and ended when nobody asks for long, or when another is wanted and as many run as may.
 *
 *     reading ──name──▶ waiting ──its process listens──▶ led (serve/pump.h) ──answered──▶ gone
 *                         │                                │ it ended without a word
 *                         └────────▶ answered for it ◀─────┘ (serve/answer.h), once it is known why
 *
 * Visitors that wait: at most WORKERS_WAITING_MAX; one more is told that all are busy. */
#ifndef FREEHOLD_SERVE_WORKERS_H
#define FREEHOLD_SERVE_WORKERS_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/err.h"
#include "serve/loop.h"

#define WORKERS_WAITING_MAX 512
#define WORKERS_LOGS "/logs" /* a file for each function, NAME.log */

struct inside;
struct workers;

/* For a config with functions; the room's loop and config are there. The caller frees it with workers_free. */
struct workers *workers_new(struct inside *in, struct err *err);
void workers_free(struct workers *ws);

/* Takes a connection that was accepted. */
void workers_take(struct workers *ws, int fd);

/* One of ours was reaped? */
bool workers_reaped(struct workers *ws, pid_t pid, int status);

int workers_running(const struct workers *ws);

/* The environment of the config is another: each process goes as soon as it has answered whom it is answering. */
void workers_renew(struct workers *ws);

/* Asks all to end: what they still have to do (waitUntil) they may. */
void workers_end(struct workers *ws);

/* Closes every visitor. */
void workers_cut(struct workers *ws);

#endif
