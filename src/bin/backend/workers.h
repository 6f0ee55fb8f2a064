/* SPDX-License-Identifier: Apache-2.0
 *
 * Several processes that do the same, and one above them that starts them, starts them again when they die, and hands
 * signals on.
 *
 *     a worker: running ── dies ─▶ (a pause, when it lived for less than a second) ─▶ running
 *     SIGTERM, SIGINT: handed on; no worker is started again; the end is the last one's
 *     SIGUSR1, SIGUSR2: handed on */
#ifndef FREEHOLD_BIN_BACKEND_WORKERS_H
#define FREEHOLD_BIN_BACKEND_WORKERS_H

struct workers_spec {
	int count;
	int (*work)(void *arg, int index); /* in the worker: its exit status */
	void (*on_stop)(void *arg); /* in the one above, before SIGTERM is handed on */
	void *arg;
};

/* Returns in the one above when all have ended: 0, or 1 when one did not end well. */
int workers_run(const struct workers_spec *spec);

#endif
