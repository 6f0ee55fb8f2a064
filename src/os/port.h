/* SPDX-License-Identifier: Apache-2.0
 *
 * Who listens on a TCP port of 127.0.0.1: read from /proc (proc(5)), since bind(2) says only that somebody does. */
#ifndef FREEHOLD_OS_PORT_H
#define FREEHOLD_OS_PORT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* False only where somebody listens there. It is tried with SO_REUSEADDR, as servers do, and let go of at once. */
bool port_is_free(uint16_t port);

/* The first process that has a socket which listens there, or 0: none, or one of another user's whom we may not look
 * at. It looks at every process of the machine; milliseconds. */
pid_t port_listener(uint16_t port);

/* This one has such a socket. */
bool port_is_held_by(uint16_t port, pid_t pid);

/* How it was called, cut, for a message; "a program of another user" where that cannot be read. */
#define PORT_PROGRAM_SIZE 120
void port_program(pid_t pid, char ret_text[PORT_PROGRAM_SIZE]);

/* It has a file of this folder, or deeper, open. */
bool port_process_has_file_below(pid_t pid, const char *folder);

#endif
