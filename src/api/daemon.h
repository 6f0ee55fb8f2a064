/* SPDX-License-Identifier: Apache-2.0
 *
 * freeholdd: one event loop that supervises what serves, answers the control socket, and starts a worker process for
 * everything that may wait (a deployment, its recovery, a destruction). Stopping or killing it touches nothing that
 * serves. */
#ifndef FREEHOLD_API_DAEMON_H
#define FREEHOLD_API_DAEMON_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "app/flow.h"
#include "base/err.h"
#include "http/server.h"
#include "run/supervisor.h"

#define DAEMON_ENDING_MAX 16

struct daemon {
	uv_loop_t loop;
	struct flow flow;
	struct supervisor *supervisor;
	struct http_server *server;
	uv_signal_t signals[3];
	uv_timer_t certificates; /* looks once a day which end soon */
	char program[FILE_PATH_SIZE]; /* this executable, for the workers */
	int64_t started_at_ms;
	int lock_fd;
	struct schedule *schedule; /* what is done by the clock (api/schedule.h) */
	struct pool_watch *pool_watch; /* looks at the pools of connections (api/pool_watch.h) */
	struct retired *retired; /* servers that are not live any more and still run (api/app_parts.h) */
	struct follower *followers; /* of moves (api/followers.h) */
	struct deploy_run *deploying; /* deployments that have a process (api/worker.c) */
	struct job_worker *jobs; /* that run and may be cut off (api/worker.c) */
	const char *ending_how[DAEMON_ENDING_MAX]; /* "is being destroyed" and so on */
	int64_t ending_job[DAEMON_ENDING_MAX]; /* 0: no job */
	char ending[DAEMON_ENDING_MAX]
		   [LAYOUT_APP_NAME_MAX + 1]; /* apps that are being destroyed or switched; "" is free */
};

/* Runs until it is told to end: SIGTERM and SIGINT leave alone what serves, SIGQUIT ends it too. With the exit status.
 */
int daemon_main(const char *program, const char *bin_dir);

/* Sends SIGQUIT to the daemon of the environment's home and waits until it is gone. ERR_NOT_FOUND: none runs. What
 * stays at the source of a move meanwhile is said on standard error. */
bool daemon_stop_everything(struct err *err);

#endif
