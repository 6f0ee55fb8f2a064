/* SPDX-License-Identifier: Apache-2.0
 *
 * What a deployment asks of the daemon that started it: to start and stop what serves. Over the control socket, since
 * only the daemon supervises. */
#ifndef FREEHOLD_APP_DAEMON_H
#define FREEHOLD_APP_DAEMON_H

#include "app/flow.h"

/* Of a database elsewhere (app/elsewhere.h) "postgres" is nothing to start or stop.
 * part: "postgres", "backend" or "web.N" (app/web.h). Returns when it answers (running), or is gone (stopped); retire
 * returns at once. */
bool daemon_start_part(const struct flow *f, const char *app, const char *part, struct err *err);
bool daemon_retire_part(const struct flow *f, const char *app, const char *part, struct err *err);
bool daemon_stop_part(const struct flow *f, const char *app, const char *part, struct err *err);

#endif
