/* SPDX-License-Identifier: Apache-2.0 */
#include "upkeep/destroy.h"

#include <dirent.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "app/daemon.h"
#include "app/functions.h"
#include "app/live.h"
#include "app/parts.h"
#include "app/pause.h"
#include "app/pin.h"
#include "app/pool.h"
#include "app/web.h"
#include "base/clock.h"
#include "base/log.h"
#include "codec/json.h"
#include "edge/tls.h"
#include "move/following.h"
#include "os/proc.h"
#include "owndb/dump.h"
#include "store/job.h"
#include "upkeep/branch.h"
#include "upkeep/restore.h"

#define READY_DEADLINE_MS 60000
#define JOBS_DEADLINE_MS 60000
#define JOBS_TICK_MS 50
#define TAR_DEADLINE_MS (60 * 60 * 1000)

/* <home>/dumps/shop-2026-11-22-210320.dump, and .files.tar */
static bool name_dump(const struct flow *f, const char *app, const char *ending, char ret_path[FILE_PATH_SIZE],
		      struct err *err)
{
	char folder[FILE_PATH_SIZE], day[32];
	time_t now = time(NULL);
	struct tm t;
	gmtime_r(&now, &t);
	(void)strftime(day, sizeof day, "%Y-%m-%d-%H%M%S", &t);
	return layout_home(&f->layout, "dumps", folder, err) && file_mkdirs(folder, 0700, err) &&
	       file_path(ret_path, err, "%s/%s-%s%s", folder, app, day, ending);
}

static bool dump(const struct flow *f, const struct parts *p, char ret_dump[FILE_PATH_SIZE], struct err *err)
{
	ret_dump[0] = '\0';
	if (!file_exists(p->data_dir)) return true;
	return daemon_start_part(f, p->app.name, "postgres", err) &&
	       owndb_wait_ready(&p->owndb, 0, READY_DEADLINE_MS, err) &&
	       name_dump(f, p->app.name, ".dump", ret_dump, err) && owndb_dump(&p->owndb, ret_dump, NULL, err);
}

static bool is_empty(const char *folder)
{
	bool is_any = false;
	DIR *d = opendir(folder);
	for (struct dirent *e; d != NULL && !is_any && (e = readdir(d)) != NULL;)
		is_any = strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0;
	if (d != NULL) (void)closedir(d);
	return !is_any;
}

/* The app's user decides what is in there: tar follows no links, and leaves sockets and the like out. */
static bool keep_files(const struct flow *f, const struct parts *p, char ret_files[FILE_PATH_SIZE], struct err *err)
{
	char path[FILE_PATH_SIZE], part[FILE_PATH_SIZE];
	ret_files[0] = '\0';
	if (is_empty(p->files_dir)) return true;
	if (!name_dump(f, p->app.name, ".files.tar", path, err) || !file_path(part, err, "%s.part", path)) return false;
	const char *const argv[] = {"tar", "--create", "--file", part, "--directory", p->files_dir, ".", NULL};
	struct proc_spec spec = {.argv = argv, .cwd = "/", .deadline_ms = TAR_DEADLINE_MS};
	struct err ignored;
	if (!proc_run_ok(&spec, NULL, err) || chmod(part, 0600) != 0 || rename(part, path) != 0) {
		(void)file_remove_tree(part, &ignored);
		return err_wrap(err, "keep what the app's server wrote (%s)", p->files_dir);
	}
	(void)snprintf(ret_files, FILE_PATH_SIZE, "%s", path);
	*strrchr(path, '/') = '\0';
	return file_sync_dir(path, err);
}

static bool forget_certificate(const struct flow *f, const char *app, struct err *err)
{
	char host[EDGE_HOST_SIZE];
	edge_app_host(app, host);
	return edge_certificate_unset(&f->edge, host, err);
}

struct of_app {
	const char *app;
	struct job found; /* id 0: none */
};

static bool find_job(void *arg, const struct job *job, struct err *err)
{
	struct of_app *look = arg;
	(void)err;
	if (strcmp(job->app, look->app) == 0) look->found = *job;
	return look->found.id == 0;
}

/* The daemon cut off what still worked on the app; what that leaves is taken back before anything is removed. */
static bool wait_for_jobs(const struct flow *f, const char *app, struct err *err)
{
	for (int64_t began_ms = clock_now_ms();; (void)poll(NULL, 0, JOBS_TICK_MS)) {
		struct of_app look = {.app = app};
		if (!job_each(f->db, "running", find_job, &look, err) && look.found.id == 0) return false;
		if (look.found.id == 0) return true;
		if (clock_now_ms() - began_ms > JOBS_DEADLINE_MS)
			return err_set(err, ERR_CONFLICT, "%s (job %lld) still works on it; try again when it is over",
				       look.found.kind, (long long)look.found.id);
	}
}

/* They go with the app's folder; nothing of them may run then. */
static bool stop_branches(const struct flow *f, const char *app, struct err *err)
{
	struct branch list[BRANCHES_MAX];
	char part[BRANCH_NAME_MAX + sizeof BRANCH_PART];
	int count = 0;
	bool ok = branch_list(f, app, list, &count, err);
	for (int i = 0; ok && i < count; i++) {
		(void)snprintf(part, sizeof part, BRANCH_PART "%s", list[i].name);
		ok = daemon_stop_part(f, app, part, err);
	}
	return ok;
}

/* A database elsewhere is not ours to remove anything from, nor to be waited for; that the way in is closed is a
 * courtesy. */
static bool leave(const struct parts *p, struct destroyed *ret_kept, struct err *err)
{
	struct err ignored;
	ret_kept->is_locked = owndb_elsewhere_lock(&p->owndb, &ignored);
	return owndb_elsewhere_shown(p->elsewhere.url, ret_kept->external, sizeof ret_kept->external, err);
}

/* Nobody would know of it any more. */
static void leave_source(const struct flow *f, const char *app, char ret_left[512])
{
	json_t *state JSON_CLEANUP = NULL;
	struct err err;
	if (!following_read(f, app, &state, &err) || following_is(state, "ended")) return;
	if (following_forget(f, app, "the app was destroyed", &err)) return;
	(void)snprintf(ret_left, 512,
		       "%.200s. That server keeps its log until somebody there runs: select "
		       "pg_drop_replication_slot('%s')",
		       err.msg, json_str(state, "name", ""));
	log_error("%s: %s", app, ret_left);
}

bool destroy_app(const struct flow *f, const char *app, struct destroyed *ret_kept, struct err *err)
{
	struct parts p;
	if (!parts_ensure(f, app, &p, err)) return false;
	leave_source(f, app, ret_kept->left);
	/* A daemon that starts in the middle of this is not to start any of it again. */
	if (p.elsewhere.is && !leave(&p, ret_kept, err)) return err_wrap(err, "destroy %s", app);
	bool ok = wait_for_jobs(f, app, err) && dump(f, &p, ret_kept->dump, err) &&
		  app_set_state(f->db, app, "stopped", err) && live_withdraw(f, app, err) && pin_forget(f, app, err) &&
		  daemon_stop_part(f, app, RESTORE_COPY_PART, err) && stop_branches(f, app, err) &&
		  forget_certificate(f, app, err) && web_stop_all(f, app, err) && functions_stop_all(f, app, err) &&
		  daemon_stop_part(f, app, POOL_PART, err) && daemon_stop_part(f, app, "backend", err) &&
		  daemon_stop_part(f, app, "postgres", err);
	if (ok) pause_here("destroy", "stopped");
	ok = ok && keep_files(f, &p, ret_kept->files, err) && parts_remove(f, &p.app, err) &&
	     app_delete(f->db, app, err);
	return ok || err_wrap(err, "destroy %s", app);
}
