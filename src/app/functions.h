/* SPDX-License-Identifier: Apache-2.0
 *
 * An app's edge functions as they run: one sandbox for each release that has some, behind
 * <run>/<app>/functions/<n>/web.sock, which the edge finds as releases/<n>/fn; in it a process for each function that
 * is asked for (serve/workers.h). Its part is called "functions.<n>". One that is not live any more finishes what it is
 * in and ends: the next one starts in a moment. What "functions" of release.json says is build/functions.h's outcome.
 */
#ifndef FREEHOLD_APP_FUNCTIONS_H
#define FREEHOLD_APP_FUNCTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "app/flow.h"
#include "app/parts.h"
#include "app/serving.h"
#include "base/arena.h"
#include "run/supervisor.h"

#define FUNCTIONS_SECRET "functions" /* kind of a variable that only functions get; store/app.h */

void functions_part_name(int64_t release, char ret_part[PART_NAME_SIZE]);
int64_t functions_part_release(const char *part); /* 0: it is another part */

/* Has this release functions? */
bool functions_is_there(const char *app_dir, int64_t release);

/* Writes serve.json with the environment as it is now and tells what the supervisor runs. */
bool functions_unit(const struct flow *f, const struct parts *p, int64_t release, struct arena *arena,
		    struct unit_spec *ret_spec, struct err *err);

/* The folder of its socket, which releases/<n>/fn leads to. */
bool functions_run_dir(const struct parts *p, int64_t release, char ret_path[FILE_PATH_SIZE], struct err *err);

/* apps/<app>/logs/functions/NAME.log; NAME NULL: the folder. */
bool functions_log_path(const struct flow *f, const char *app, const char *name, char ret_path[FILE_PATH_SIZE],
			struct err *err);

/* For workers, which ask the daemon; all are nothing to do for a release without functions. */
bool functions_start(const struct flow *f, const char *app, int64_t release, struct err *err);
bool functions_retire(const struct flow *f, const char *app, int64_t release, struct err *err);
bool functions_stop(const struct flow *f, const char *app, int64_t release, struct err *err);
bool functions_stop_all(const struct flow *f, const char *app, struct err *err);

#endif
