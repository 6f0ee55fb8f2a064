/* SPDX-License-Identifier: Apache-2.0
 *
 * Another cluster in the place of an app's own: one rename (RENAME_EXCHANGE), while its PostgreSQL and backend are
 * stopped for a moment. The one that was there is kept aside, as postgres/before, until another switch or
 * cluster_forget; so a switch can be undone. Where the app's database was elsewhere (app/elsewhere.h) the switch puts
 * a cluster where none was, and undoing it takes that away: the address is known as long as that can be undone. */
#ifndef FREEHOLD_APP_CLUSTER_SWITCH_H
#define FREEHOLD_APP_CLUSTER_SWITCH_H

#include "app/parts.h"

/* data_dir: a whole cluster that no process runs, on the same file system, the cluster user's. When it does not start
 * in its new place, the former one is put back and runs again. ret_stopped_ms: how long the database was away. */
bool cluster_switch(const struct flow *f, const char *app, const char *data_dir, int64_t *ret_stopped_ms,
		    struct err *err);

/* Puts back what the last switch set aside, and that in its place. ERR_NOT_FOUND: there is none. */
bool cluster_switch_back(const struct flow *f, const char *app, int64_t *ret_stopped_ms, struct err *err);

/* After a crash in the middle: what was set aside gets its name, what was to come goes, or back to where it was kept.
 * Before anything of the app runs. */
bool cluster_switch_settle(const struct flow *f, const char *app, struct err *err);

#endif
