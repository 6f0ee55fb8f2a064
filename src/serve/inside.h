/* SPDX-License-Identifier: Apache-2.0
 *
 * freehold-serve --inside: pid 1 of the sandbox. Starts the app's command, reaps what dies, sees where it listens, and
 * forwards: visitors from web.sock to it, and its own connections to 127.0.0.1 to unix sockets outside, which the outer
 * half opens for it. When it goes, everything in the namespace goes.
 *
 *     waiting ──GO──▶ booting ──it listens, LISTEN──▶ serving ──RETIRE──▶ draining ──▶ frozen
 *                        │                              ▲  ▲──────THAW───────┴───────────┘
 *                        │                              └──END──▶ draining ──▶ ending ──▶ exit
 *                        └──the last instance ended──▶ exit
 *
 * A single instance that ends while serving, for the first time in ten seconds, is started again in its place when the
 * outer half agrees (AGAIN); visitors wait meanwhile, at most for as long as it may take to boot.
 *
 * The app shares our user: we are not dumpable, so that it can neither trace us nor open our descriptors, and it cannot
 * kill pid 1 of its own namespace. */
#ifndef FREEHOLD_SERVE_INSIDE_H
#define FREEHOLD_SERVE_INSIDE_H

/* control: the socket to the outer half (serve/message.h). config_fd: serve.json. Returns the exit status. */
int inside_main(int control, int config_fd, int holds_rlimits);

#endif
