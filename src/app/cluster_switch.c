/* SPDX-License-Identifier: Apache-2.0 */
#include "app/cluster_switch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "app/daemon.h"
#include "app/database.h"
#include "app/pause.h"
#include "base/clock.h"

#define READY_DEADLINE_MS 120000
#define MARK "freehold_incoming" /* in a cluster that was not switched to yet */

struct places {
	char data[FILE_PATH_SIZE], incoming[FILE_PATH_SIZE], before[FILE_PATH_SIZE], folder[FILE_PATH_SIZE],
	    mark[FILE_PATH_SIZE], incoming_mark[FILE_PATH_SIZE];
};

static bool find_places(const struct flow *f, const char *app, struct places *p, struct err *err)
{
	return layout_app(&f->layout, app, "postgres", p->folder, err) &&
	       layout_app(&f->layout, app, "postgres/data", p->data, err) &&
	       layout_app(&f->layout, app, "postgres/incoming", p->incoming, err) &&
	       layout_app(&f->layout, app, "postgres/before", p->before, err) &&
	       file_path(p->mark, err, "%s/" MARK, p->data) &&
	       file_path(p->incoming_mark, err, "%s/" MARK, p->incoming);
}

static bool move(const char *from, const char *to, struct err *err)
{
	return rename(from, to) == 0 || err_set_errno(err, "rename %s to %s", from, to);
}

static bool exchange(const struct places *p, struct err *err)
{
	if (!file_exists(p->data)) return move(p->incoming, p->data, err);
	return renameat2(AT_FDCWD, p->incoming, AT_FDCWD, p->data, RENAME_EXCHANGE) == 0 ||
	       err_set_errno(err, "put %s in the place of %s", p->incoming, p->data);
}

/* The mark tells, after a crash, whether the exchange had happened: then it lies in data. */
bool cluster_switch_settle(const struct flow *f, const char *app, struct err *err)
{
	struct places p;
	if (!find_places(f, app, &p, err)) return false;
	if (file_exists(p.incoming_mark)) return file_remove_tree(p.incoming, err);
	if (file_exists(p.incoming) &&
	    (!file_remove_tree(p.before, err) || !move(p.incoming, p.before, err) || !file_sync_dir(p.folder, err)))
		return false;
	return file_remove_tree(p.mark, err);
}

static bool start(const struct flow *f, const char *app, struct err *err)
{
	struct parts parts;
	/* One that was set aside may know the server by another password's verifier. */
	return parts_open(f, app, &parts, err) && daemon_start_part(f, app, "postgres", err) &&
	       owndb_wait_ready(&parts.owndb, 0, READY_DEADLINE_MS, err) &&
	       (parts.elsewhere.is || database_let_server_in(f, &parts, &parts.owndb, err));
}

/* One elsewhere is there again as soon as the cluster is not. */
static bool go_back_elsewhere(const struct flow *f, const char *app, const struct places *p, bool is_running,
			      struct err *err)
{
	struct err why = *err;
	if (!daemon_stop_part(f, app, "postgres", err) || !move(p->data, p->incoming, err) ||
	    (is_running && !daemon_start_part(f, app, "backend", err)))
		return err_wrap(err, "%s; and the way to the former database could not be taken again", why.msg);
	*err = why;
	return err_wrap(err, "the new cluster did not start; the database is where it was");
}

/* An app that does not run gets its cluster too, which then rests. */
static bool run_again(const struct flow *f, const char *app, bool is_running, struct err *err)
{
	if (!start(f, app, err)) return false;
	return is_running ? daemon_start_part(f, app, "backend", err) : daemon_stop_part(f, app, "postgres", err);
}

static bool put_back(const struct flow *f, const char *app, const struct places *p, bool is_running, struct err *err)
{
	struct err why = *err;
	if (!daemon_stop_part(f, app, "postgres", err) || !exchange(p, err) || !run_again(f, app, is_running, err))
		return err_wrap(err, "%s; and the former cluster could not be put back", why.msg);
	*err = why;
	return err_wrap(err, "the new cluster did not start, and the former one is back");
}

static bool switch_to_incoming(const struct flow *f, const char *app, const struct places *p, int64_t *ret_stopped_ms,
			       struct err *err)
{
	struct app a;
	int64_t from_ms = clock_now_ms();
	bool had = file_exists(p->data), was_elsewhere = false;
	if (!app_get(f->db, app, &a, err) || !elsewhere_is(f, app, &was_elsewhere, err)) return false;
	bool is_running = strcmp(a.state, "running") == 0;
	if (!daemon_stop_part(f, app, "backend", err) || !daemon_stop_part(f, app, "postgres", err)) return false;
	pause_here("switch", "stopped");
	bool ok = exchange(p, err);
	pause_here("switch", "exchanged");
	if (!ok) {
		struct err ignored;
		(void)run_again(f, app, is_running, &ignored);
		return false;
	}
	if (!run_again(f, app, is_running, err)) {
		if (was_elsewhere) return go_back_elsewhere(f, app, p, is_running, err);
		return had ? put_back(f, app, p, is_running, err) : false;
	}
	*ret_stopped_ms = clock_now_ms() - from_ms;
	return true;
}

bool cluster_switch(const struct flow *f, const char *app, const char *data_dir, int64_t *ret_stopped_ms,
		    struct err *err)
{
	struct places p;
	char mark[FILE_PATH_SIZE];
	if (!find_places(f, app, &p, err) || !cluster_switch_settle(f, app, err) ||
	    !file_path(mark, err, "%s/" MARK, data_dir) || !file_write(mark, STR(""), 0600, err) ||
	    !move(data_dir, p.incoming, err) || !file_sync_dir(p.folder, err))
		return false;
	return switch_to_incoming(f, app, &p, ret_stopped_ms, err) && cluster_switch_settle(f, app, err);
}

bool cluster_switch_back(const struct flow *f, const char *app, int64_t *ret_stopped_ms, struct err *err)
{
	struct places p;
	if (!find_places(f, app, &p, err) || !cluster_switch_settle(f, app, err)) return false;
	if (!file_exists(p.before))
		return err_set(err, ERR_NOT_FOUND, "%s has no former database that was set aside", app);
	char mark[FILE_PATH_SIZE];
	return file_path(mark, err, "%s/" MARK, p.before) && file_write(mark, STR(""), 0600, err) &&
	       move(p.before, p.incoming, err) && switch_to_incoming(f, app, &p, ret_stopped_ms, err) &&
	       cluster_switch_settle(f, app, err);
}
