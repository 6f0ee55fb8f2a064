/* SPDX-License-Identifier: Apache-2.0
 *
 * state.json: what the daemon and the owner are told about the server of one release. Replaced by rename at each
 * change; lies below <run>, so nothing is synced.
 *
 *     {"state": "booting|serving|draining|frozen|ended", "pid": outer process, "at": ISO 8601,
 *      "port": 4000, "told_port": 3000, "listens": [4000], "connections": 2, "processes": 11,
 *      "memory_bytes": n, "memory_limit_bytes": n|null, "limits_by": "cgroup v1|cgroup v2|rlimits",
 *      "network": "none|slirp", "network_why": TEXT|null,
 *      "why": KIND, "text": SENTENCE, "exit_status": n|null, "signal": n|null, "has_listened": bool}       once ended
 *
 * "text" is there while serving too when the port is not the one it was told. KINDs are end_why_word's. */
#ifndef FREEHOLD_SERVE_STATE_H
#define FREEHOLD_SERVE_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "serve/end.h"
#include "serve/message.h"

enum state_word { STATE_BOOTING, STATE_SERVING, STATE_DRAINING, STATE_FROZEN, STATE_ENDED };

struct state {
	enum state_word word;
	uint16_t port, told_port;
	uint32_t ports[MESSAGE_PORTS_MAX]; /* 0: no more */
	uint32_t connections;
	uint32_t processes;
	uint64_t memory_bytes, memory_limit_bytes;
	const char *limits_by;
	bool has_network;
	const char *network_why; /* why there is none, or NULL */
	bool has_listened;
	enum end_why why;
	char text[END_TEXT_SIZE];
	int exit_status; /* -1: not known or a signal */
	int signal; /* 0: none */
};

bool state_write(const struct state *s, const char *path, struct err *err);

#endif
