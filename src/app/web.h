/* SPDX-License-Identifier: Apache-2.0
 *
 * An app's own server: one release's process behind <run>/<app>/web/<n>/web.sock, run by freehold-serve
 * (serve/config.h) as the app's code user. Its part is called "web.<n>"; several releases' may run at once: the live
 * one's, one that is about to be live, and those that drain or are kept warm. What server/ of release.json says (made
 * by build/):
 *
 *     {"kind", "argv": [TEXT], "cwd": below server/, "env": {NAME: TEXT}, "health": "/", "modules": KEY|null,
 *      "tools": [{"name", "bin"}], "node_bin", "node_prefix", "memory_bytes"} */
#ifndef FREEHOLD_APP_WEB_H
#define FREEHOLD_APP_WEB_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "app/flow.h"
#include "app/parts.h"
#include "app/serving.h"
#include "base/arena.h"
#include "base/buf.h"
#include "run/supervisor.h"

void web_part_name(int64_t release, char ret_part[PART_NAME_SIZE]);
int64_t web_part_release(const char *part); /* 0: it is another part */

/* Has this release a server? Of an app whose folder is app_dir. */
bool web_is_there(const char *app_dir, int64_t release);

/* Writes serve.json with the environment as it is now and tells what the supervisor runs. */
bool web_unit(const struct flow *f, const struct parts *p, int64_t release, struct arena *arena,
	      struct unit_spec *ret_spec, struct err *err);

/* The settings of an app that matter here; store/setting.h. */
struct web_settings {
	int64_t warm_ms; /* how long a server that is not live any more is kept, so that going back need not boot; 0: it
			  * ends as soon as it has drained */
	int64_t drain_ms;
	int64_t memory_bytes;
	int64_t instances;
	int64_t boot_ms; /* until it must listen; its first page may take a third of that */
	bool is_pinned; /* tabs keep the release they were loaded from */
};
bool web_settings_get(const struct flow *f, const char *app, struct web_settings *ret_settings, struct err *err);

/* Sets one of warm, drain, memory, instances, boot, pin from what the owner wrote ("10m", "512M", "2", "on").
 * ERR_INVALID says what it may be. */
bool web_settings_set(const struct flow *f, const char *app, const char *name, const char *value, struct err *err);
json_t *web_settings_json(const struct web_settings *s);

/* For workers, which ask the daemon: starts it (boots, or thaws a warm one) and waits until it listens. The error
 * quotes what it said last. */
bool web_start(const struct flow *f, const char *app, int64_t release, struct err *err);

/* It is not live any more: drains and is kept warm, or ends. Returns at once. */
bool web_retire(const struct flow *f, const char *app, int64_t release, struct err *err);
bool web_stop(const struct flow *f, const char *app, int64_t release, struct err *err);
bool web_stop_all(const struct flow *f, const char *app, struct err *err);

/* Asks a release's server for its health page, through the edge at this host; any answer below 500 will do, since an
 * app may want its visitor signed in. */
bool web_ask(const struct flow *f, const char *app, int64_t release, const char *host, struct err *err);

/* The same under the release's private name, which is there until web_unlook. */
bool web_look(const struct flow *f, const char *app, int64_t release, struct err *err);
bool web_unlook(const struct flow *f, const char *app, int64_t release, struct err *err);
void web_private_host(const char *app, int64_t release, char ret_host[EDGE_HOST_SIZE]);

bool web_log_path(const struct flow *f, const char *app, int64_t release, char ret_path[FILE_PATH_SIZE],
		  struct err *err);

#endif
