/* SPDX-License-Identifier: Apache-2.0
 *
 * A release's code as it runs: freehold-serve (serve/config.h) as the app's code user, told by a file, a unit of the
 * supervisor. What its server (web.h) and its functions (functions.h) have in common; each adds what is its own.
 *
 *     <run>/<app>/<kind>/<n>/   serve.json, web.sock, state.json      its part is called "<kind>.<n>" */
#ifndef FREEHOLD_APP_SERVING_H
#define FREEHOLD_APP_SERVING_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "app/flow.h"
#include "app/parts.h"
#include "base/arena.h"
#include "run/supervisor.h"

void serving_part_name(const char *kind, int64_t release, char ret_part[PART_NAME_SIZE]);
int64_t serving_part_release(const char *kind, const char *part); /* 0: it is another part */

struct serving_limits {
	int64_t memory_bytes, processes, files, file_bytes;
	int64_t boot_ms, drain_ms, kill_ms; /* the last two one after the other */
	int64_t stop_slack_ms;
};

struct serving {
	const struct flow *f;
	const struct parts *p;
	const char *kind; /* "web", "functions" */
	int64_t release;
	struct serving_limits limits;
	char dir[FILE_PATH_SIZE]; /* set by serving_begin */
	json_t *config; /* the caller frees it */
};

/* The code user's, and for that group. */
bool serving_give(const struct serving *s, const char *path, gid_t gid, mode_t mode, struct err *err);

/* Makes its folder, which only the edge's workers may pass, and begins the configuration: socket, state, the app's own
 * name, limits, no mounts. */
bool serving_begin(struct serving *s, struct err *err);
void serving_mount(struct serving *s, const char *from, const char *to, const char *mode); /* "read", "write" */

/* Connections to this port of 127.0.0.1 inside lead to the socket outside. */
void serving_forward(struct serving *s, int port, const char *socket);

/* Writes the configuration and tells what the supervisor runs. */
bool serving_unit(struct serving *s, const char *log, struct arena *arena, struct unit_spec *ret_spec, struct err *err);

#endif
