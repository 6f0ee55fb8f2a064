/* SPDX-License-Identifier: Apache-2.0 */
#include "flow/destroy.h"

#include <stdio.h>
#include <time.h>

#include "flow/daemon.h"
#include "flow/live.h"
#include "flow/parts.h"
#include "flow/web.h"
#include "owndb/dump.h"

#define READY_DEADLINE_MS 60000

/* <home>/dumps/shop-2026-11-22-210320.dump */
static bool name_dump(const struct flow *f, const char *app, char ret_path[FILE_PATH_SIZE], struct err *err)
{
	char folder[FILE_PATH_SIZE], day[32];
	time_t now = time(NULL);
	struct tm t;
	gmtime_r(&now, &t);
	(void)strftime(day, sizeof day, "%Y-%m-%d-%H%M%S", &t);
	return layout_home(&f->layout, "dumps", folder, err) && file_mkdirs(folder, 0700, err) &&
	       file_path(ret_path, err, "%s/%s-%s.dump", folder, app, day);
}

static bool dump(const struct flow *f, const struct parts *p, char ret_dump[FILE_PATH_SIZE], struct err *err)
{
	ret_dump[0] = '\0';
	if (!file_exists(p->data_dir)) return true;
	return daemon_start_part(f, p->app.name, "postgres", err) &&
	       owndb_wait_ready(&p->owndb, 0, READY_DEADLINE_MS, err) && name_dump(f, p->app.name, ret_dump, err) &&
	       owndb_dump(&p->owndb, ret_dump, NULL, err);
}

bool destroy_app(const struct flow *f, const char *app, char ret_dump[FILE_PATH_SIZE], struct err *err)
{
	struct parts p;
	if (!parts_ensure(f, app, &p, err)) return false;
	/* A daemon that starts in the middle of this is not to start any of it again. */
	bool ok = dump(f, &p, ret_dump, err) && app_set_state(f->db, app, "stopped", err) &&
		  live_withdraw(f, app, err) && web_stop_all(f, app, err) && daemon_stop_part(f, app, "backend", err) &&
		  daemon_stop_part(f, app, "postgres", err) && parts_remove(f, &p.app, err) &&
		  app_delete(f->db, app, err);
	return ok || err_wrap(err, "destroy %s", app);
}
