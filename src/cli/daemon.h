/* SPDX-License-Identifier: Apache-2.0
 *
 * Asking the daemon: docs/api.md over its unix socket. Errors are in the daemon's own words. */
#ifndef FREEHOLD_CLI_DAEMON_H
#define FREEHOLD_CLI_DAEMON_H

#include <jansson.h>
#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "cli/source.h"

#define DAEMON_SOCKET_SIZE 108 /* sun_path */
#define DAEMON_PATH_SIZE 8192 /* of a request, with its query */
#define DAEMON_ANSWER_MAX (16 * 1024 * 1024)

struct daemon {
	char socket_path[DAEMON_SOCKET_SIZE];
};

/* option (from --socket) or NULL; else $FREEHOLD_HOME/run/control.sock; else /run/freehold/control.sock where it is;
 * else
 * ~/.freehold/run/control.sock. Nothing is connected to yet. */
bool daemon_find(const char *option, struct daemon *ret_daemon, struct err *err);

/* method NULL: GET, or POST with a body. body NULL: none. ERR_UNAVAILABLE says how to start the daemon. */
bool daemon_ask(const struct daemon *d, const char *method, const char *path, const json_t *body, json_t **ret_answer,
		struct err *err);

/* Follows an answer of lines until it ends, or on_line or on_tick (may be NULL; ten times a second) gives false. */
struct daemon_watcher {
	bool (*on_line)(void *arg, struct str line);
	bool (*on_tick)(void *arg);
	void *arg;
};
bool daemon_follow(const struct daemon *d, const char *path, const struct daemon_watcher *watcher, struct err *err);

/* Sends a source as the body of a POST. on_tick is told how much has gone; false stops: then *ret_answer is NULL. */
struct daemon_sender {
	bool (*on_tick)(void *arg, uint64_t sent_bytes);
	void *arg;
};
bool daemon_send(const struct daemon *d, const char *path, struct source *source, const struct daemon_sender *sender,
		 json_t **ret_answer, struct err *err);

/* Appends a value to a path or query, percent-encoded. */
void daemon_escape(struct buf *path, const char *value);

#endif
