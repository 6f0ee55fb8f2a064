/* SPDX-License-Identifier: Apache-2.0
 *
 * What the two halves of freehold-serve say to each other over one SOCK_SEQPACKET pair: messages of one fixed form, at
 * most one descriptor with each. Pid 1 shares its namespaces and its user with the app, so the outer half believes it
 * nothing that it could not bear to be false: numbers are shown and compared, never used as sizes or indices unchecked.
 *
 * outer to inside:
 *     GO               the network is there: start the app
 *     DOOR + socket    forward `index` listens here: a port below 1024, which pid 1 may not open
 *     LISTEN + socket  accept visitors here
 *     RETIRE, END      accept what is left, close the socket, wait for the open ones; then freeze, or
 *                      SIGTERM, later SIGKILL, and exit
 *     THAW             go on; a LISTEN follows
 *     LINKED + socket  answers the oldest LINK; without a socket it could not be reached
 *     AGAIN, OVER      answers ENDED with is_asking: start it once more, or end
 *     RELOAD + file    functions: serve.json as it is now; its environment holds for processes that start from here on
 *
 * inside to outer:
 *     HELLO            the sandbox is there
 *     READY            it listens: port, ports
 *     LINK             connect me with forward `index`
 *     FROZEN           drained and stopped
 *     USAGE            what it uses now
 *     ENDED            one instance: exit_status or signal; is_last: there is none left; is_asking: the only one, which
 *                      has served well so far: visitors wait until AGAIN or OVER says whether it may come back */
#ifndef FREEHOLD_SERVE_MESSAGE_H
#define FREEHOLD_SERVE_MESSAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

enum message_kind {
	MESSAGE_GO = 1,
	MESSAGE_LISTEN,
	MESSAGE_RETIRE,
	MESSAGE_END,
	MESSAGE_THAW,
	MESSAGE_DOOR,
	MESSAGE_LINKED,
	MESSAGE_HELLO,
	MESSAGE_READY,
	MESSAGE_LINK,
	MESSAGE_FROZEN,
	MESSAGE_USAGE,
	MESSAGE_ENDED,
	MESSAGE_AGAIN,
	MESSAGE_OVER,
	MESSAGE_RELOAD,
};

#define MESSAGE_PORTS_MAX 8

struct message {
	uint32_t kind;
	int32_t index;
	int32_t exit_status; /* -1: a signal ended it */
	int32_t signal;
	int32_t is_last;
	int32_t is_asking;
	uint32_t connections;
	uint32_t processes;
	uint32_t port; /* that visitors are forwarded to */
	uint32_t ports[MESSAGE_PORTS_MAX]; /* all it listens on, 0 where there are no more */
	uint64_t memory_bytes;
	uint64_t written_bytes;
};

/* Never waits. fd -1: none. False when the other side is gone or does not read (ERR_UNAVAILABLE). */
bool message_send(int control, const struct message *message, int fd, struct err *err);

/* Never waits. 1: one was read, ret_fd (-1 without one) is the caller's; 0: there is none; -1: the other side is gone,
 * or speaks nonsense. */
int message_receive(int control, struct message *ret_message, int *ret_fd);

#endif
