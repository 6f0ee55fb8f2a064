/* SPDX-License-Identifier: Apache-2.0 */
#include "app/cluster.h"

#include <string.h>

#include "app/daemon.h"
#include "app/database.h"
#include "app/functions.h"
#include "app/live.h"
#include "app/serve_env.h"
#include "app/web.h"
#include "owndb/prelude.h"
#include "owndb/server_role.h"
#include "release/release.h"

#define READY_DEADLINE_MS 60000

bool cluster_settle(const struct flow *f, const struct parts *p, struct err *err)
{
	return database_settle(f, p, &p->owndb, err);
}

bool cluster_stop_app(const struct flow *f, const struct parts *p, struct err *err)
{
	const char *app = p->app.name;
	return live_set_stopped(f, app, true, err) && functions_stop_all(f, app, err) && web_stop_all(f, app, err) &&
	       daemon_stop_part(f, app, "backend", err) && daemon_stop_part(f, app, "postgres", err);
}

bool cluster_start_app(const struct flow *f, const struct parts *p, struct err *err)
{
	const char *app = p->app.name;
	int64_t live = 0;
	struct app now;
	if (!app_get(f->db, app, &now, err) || !daemon_start_part(f, app, "postgres", err) ||
	    !owndb_wait_ready(&p->owndb, 0, READY_DEADLINE_MS, err) || !cluster_settle(f, p, err))
		return false;
	if (strcmp(now.state, "running") != 0) return daemon_stop_part(f, app, "postgres", err);
	return daemon_start_part(f, app, "backend", err) && release_live(p->dir, &live, err) &&
	       (live == 0 || functions_start(f, app, live, err)) &&
	       (live == 0 || !web_is_there(p->dir, live) || web_start(f, app, live, err)) &&
	       live_set_stopped(f, app, false, err);
}
