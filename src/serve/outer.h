/* SPDX-License-Identifier: Apache-2.0
 *
 * freehold-serve --config FILE: the outside of one release's server. Makes the sandbox, opens web.sock once the app
 * listens, opens what the app connects to outside, watches what it uses, and says in state.json what happens. Runs as
 * the app's code user (or as the owner, without root), one for each server, supervised by run/; when it ends, nothing
 * of the server is left.
 *
 *     booting ──it listens──▶ serving ──SIGUSR1──▶ draining ──▶ frozen
 *        │                     │  ▲ ▲───SIGUSR2──────┴───────────┘
 *        └──────SIGTERM────────┴──────▶ draining ──▶ ended
 *
 * SIGHUP hands the file's environment to functions, which take it with their next process; a server takes no notice.
 * SIGUSR1 retires it: no timer of an old release runs. SIGUSR2 thaws it: it serves again, once it says "serving".
 *
 * A drain goes on accepting for linger_ms, so that requests that were on their way when the edge switched are answered;
 * then the socket's name is removed, what the backlog holds is accepted, and what is open has drain_ms. */
#ifndef FREEHOLD_SERVE_OUTER_H
#define FREEHOLD_SERVE_OUTER_H

/* Returns the exit status: 0 when it was asked to end. */
int outer_main(const char *config_path);

#endif
