/* SPDX-License-Identifier: Apache-2.0 */
#include "app/cluster_switch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/cluster.h"
#include "app/daemon.h"
#include "app/database.h"
#include "app/pause.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/str.h"

#define READY_DEADLINE_MS 120000
#define MARK "freehold_incoming" /* in a cluster that was not switched to yet; says whence it came */
#define MARK_SET_ASIDE "set aside" /* one that is kept: it goes back to where it was, not away */

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

/* What never came into its place: the copy of a restore or an import can be made again, what was set aside cannot. */
static bool take_back(const struct places *p, struct err *err)
{
	struct buf text BUF_CLEANUP;
	buf_init(&text, sizeof MARK_SET_ASIDE);
	if (!file_read(p->incoming_mark, &text, err)) return false;
	if (!str_eq(buf_view(&text), STR(MARK_SET_ASIDE))) return file_remove_tree(p->incoming, err);
	return file_remove_tree(p->incoming_mark, err) && move(p->incoming, p->before, err) &&
	       file_sync_dir(p->folder, err);
}

/* The mark tells, after a crash, whether the exchange had happened: then it lies in data. */
bool cluster_switch_settle(const struct flow *f, const char *app, struct err *err)
{
	struct places p;
	if (!find_places(f, app, &p, err)) return false;
	if (file_exists(p.incoming_mark)) return take_back(&p, err);
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
	       database_let_server_in(f, &parts, &parts.owndb, err);
}

/* Between a cluster and a database elsewhere the whole app stops and starts: its server knows one address of it. Where
 * the cluster lies decides which of the two it is, so one rename is the switch, and another one the way back. */
static bool cross(const struct flow *f, const char *app, const char *from, const char *to, int64_t *ret_stopped_ms,
		  struct err *err)
{
	struct parts *before = calloc(1, sizeof *before), *after = calloc(1, sizeof *after);
	int64_t from_ms = clock_now_ms();
	struct err why;
	if (before == NULL || after == NULL) abort();
	bool ok = parts_open(f, app, before, err) && cluster_stop_app(f, before, err);
	bool is_moved = ok && move(from, to, err);
	pause_here("switch", "exchanged");
	ok = is_moved && parts_open(f, app, after, err) && cluster_start_app(f, after, err);
	if (!ok) {
		why = *err;
		if (is_moved && !(cluster_stop_app(f, after, err) && move(to, from, err)))
			(void)err_wrap(&why, "the way to the former database could not be taken again (%s)", err->msg);
		else if (before->dir[0] != '\0' && !cluster_start_app(f, before, err))
			(void)err_wrap(&why, "the app did not start again (%s)", err->msg);
		*err = why;
	}
	*ret_stopped_ms = clock_now_ms() - from_ms;
	free(before);
	free(after);
	return ok || err_wrap(err, "the database is where it was");
}

/* The app had an address before its cluster: that is what it goes back to, and the cluster is set aside. */
static bool leave_cluster(const struct flow *f, const char *app, const struct places *p, int64_t *ret_stopped_ms,
			  struct err *err)
{
	return file_remove_tree(p->before, err) && cross(f, app, p->data, p->before, ret_stopped_ms, err) &&
	       file_sync_dir(p->folder, err);
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
	if (was_elsewhere) /* what was set aside earlier is older than the database that is left now */
		return file_remove_tree(p->before, err) && cross(f, app, p->incoming, p->data, ret_stopped_ms, err);
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
		return had ? put_back(f, app, p, is_running, err) : false;
	}
	*ret_stopped_ms = clock_now_ms() - from_ms;
	return !had || elsewhere_forget(f, app, err);
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
	bool has_address = false;
	if (!find_places(f, app, &p, err) || !cluster_switch_settle(f, app, err) ||
	    !elsewhere_is_known(f, app, &has_address, err))
		return false;
	if (has_address && file_exists(p.data)) return leave_cluster(f, app, &p, ret_stopped_ms, err);
	if (!file_exists(p.before))
		return err_set(err, ERR_NOT_FOUND, "%s has no former database that was set aside", app);
	char mark[FILE_PATH_SIZE];
	return file_path(mark, err, "%s/" MARK, p.before) && file_write(mark, STR(MARK_SET_ASIDE), 0600, err) &&
	       move(p.before, p.incoming, err) && switch_to_incoming(f, app, &p, ret_stopped_ms, err) &&
	       cluster_switch_settle(f, app, err);
}
