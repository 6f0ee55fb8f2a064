/* SPDX-License-Identifier: Apache-2.0 */
#include "upkeep/recover_server.h"

#include <dirent.h>
#include <errno.h>
#include <fts.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/archive.h"
#include "app/live.h"
#include "backup/kit.h"
#include "backup/restic.h"
#include "base/clock.h"
#include "base/log.h"
#include "codec/json.h"
#include "owndb/recover.h"
#include "owndb/rows.h"
#include "release/release.h"
#include "upkeep/backup.h"
#include "upkeep/files.h"
#include "upkeep/restore.h"

struct recovering {
	struct layout layout;
	struct backup_places places;
	struct backup_place place;
	char key[BACKUP_KEY_SIZE];
	struct flow flow;
	json_t *apps;
	int failed;
};

static bool choose_place(struct recovering *r, int64_t wanted, const char *at, struct err *err)
{
	const struct backup_place *found = NULL;
	for (int i = 0; i < r->places.count; i++) {
		const struct backup_place *p = &r->places.list[i];
		if (wanted != 0 ? p->id == wanted : found == NULL || p->is_elsewhere || !found->is_elsewhere) found = p;
	}
	if (found == NULL)
		return err_set(err, ERR_NOT_FOUND, "the recovery kit names no %s",
			       wanted != 0 ? "such place" : "place");
	r->place = *found;
	if (at != NULL && strcmp(found->kind, "folder") != 0)
		return err_set(err, ERR_INVALID, "--at is for a place that is a folder; this is s3://%s",
			       found->location);
	if (at != NULL) (void)snprintf(r->place.location, sizeof r->place.location, "%s", at);
	return archive_place_check(&r->place, err);
}

/* What is there already is somebody's: only an empty home is filled, or one that this was doing. */
static bool check_home(const struct layout *l, char ret_folder[FILE_PATH_SIZE], struct err *err)
{
	char db[FILE_PATH_SIZE];
	if (!layout_home(l, "recovering", ret_folder, err) || !layout_home(l, "freehold.db", db, err)) return false;
	return !file_exists(db) || file_exists(ret_folder) ||
	       err_set(
		   err, ERR_CONFLICT,
		   "%s is in use: everything is recovered into an empty home. Choose another folder with FREEHOLD_HOME",
		   l->home);
}

/* The last one that was made. Others may be dated later, from while the lost server's clock was ahead. */
static bool fetch_newest(const struct restic *restic, const char *folder, struct err *err)
{
	char at[CLOCK_ISO8601_SIZE];
	json_t *list JSON_CLEANUP = NULL;
	if (!restic_snapshots(restic, &list, err)) return false;
	size_t count = json_array_size(list), later = 0;
	if (count == 0)
		return err_set(err, ERR_NOT_FOUND,
			       "no copy of files is there: none had been taken when the server was lost (freehold "
			       "recover KIT --place N takes another place of the kit)");
	const json_t *newest = json_array_get(list, count - 1);
	int64_t at_ms = json_int(newest, "at_ms", 0);
	for (size_t i = 0; i + 1 < count; i++) later += json_int(json_array_get(list, i), "at_ms", 0) > at_ms;
	clock_iso8601(at_ms, at);
	log_info("the newest copy of files is of %s", at);
	if (later > 0)
		log_warn("%zu older copies are dated later than it: the lost server's clock was wrong once", later);
	return restic_restore(restic, json_str(newest, "id", ""), folder, err);
}

static bool fetch_files(struct recovering *r, const char *folder, struct err *err)
{
	char cache[FILE_PATH_SIZE], done[FILE_PATH_SIZE];
	struct restic restic = {.place = &r->place, .key = r->key, .home = r->layout.home, .cache_dir = cache};
	if (!layout_home(&r->layout, "cache/restic", cache, err) || !file_path(done, err, "%s/fetched", folder))
		return false;
	if (file_exists(done)) return true;
	log_info("fetching files from %s", r->place.location);
	return file_remove_tree(folder, err) && file_mkdirs(folder, 0700, err) && fetch_newest(&restic, folder, err) &&
	       file_write(done, STR(""), 0600, err);
}

/* A rename each; what was moved before is not there any more. */
static bool put(const struct layout *l, const char *folder, const char *from, const char *to, struct err *err)
{
	char a[FILE_PATH_SIZE], b[FILE_PATH_SIZE];
	if (!file_path(a, err, "%s/%s", folder, from) || !layout_home(l, to, b, err)) return false;
	if (!file_exists(a)) return true;
	/* An empty folder that was made at the start gives way. */
	if (file_is_dir(b) && rmdir(b) != 0) return err_set_errno(err, "%s", b);
	return rename(a, b) == 0 || err_set_errno(err, "put %s in place", b);
}

static bool put_below(const struct layout *l, const char *folder, const char *name, struct err *err)
{
	char path[FILE_PATH_SIZE];
	if (!layout_home(l, name, path, err)) return false;
	*strrchr(path, '/') = '\0';
	return file_mkdirs(path, 0755, err) && put(l, folder, name, name, err);
}

static bool put_state(struct recovering *r, const char *folder, struct err *err)
{
	return file_mkdirs(r->layout.home, 0755, err) && put(&r->layout, folder, "secret.key", "secret.key", err) &&
	       put(&r->layout, folder, "apps", "apps", err) && put_below(&r->layout, folder, "edge/certs", err) &&
	       put_below(&r->layout, folder, "cache/tools", err) &&
	       put(&r->layout, folder, FILES_STATE, "freehold.db", err);
}

/* What ran on the lost server runs nowhere now, and the place is where it is now. */
static bool mend_store(struct recovering *r, struct err *err)
{
	struct db *db = r->flow.db;
	return db_run(db, NULL, err, "delete from process", "") &&
	       db_run(db, NULL, err, "update job set state = 'interrupted' where state in ('running', 'waiting')",
		      "") &&
	       db_run(db, NULL, err, "update deployment set state = 'interrupted' where state = 'running'", "") &&
	       db_run(db, NULL, err, "update backup_place set location = ? where id = ?", "si", r->place.location,
		      r->place.id);
}

/* Users and groups have other numbers here. Which of an app's old ones was whose, its folders tell: data/ was the code
 * user's, storage/ the backend's and, by its group, the edge's. */
struct owners {
	uid_t old_code, old_api;
	gid_t old_code_group, old_edge_group;
	struct user code, api;
	gid_t edge_group;
};

static bool own_entry(const FTSENT *e, const struct owners *o, struct err *err)
{
	uid_t uid = e->fts_statp->st_uid;
	gid_t gid = e->fts_statp->st_gid;
	uid_t new_uid = uid == 0 ? uid : uid == o->old_code ? o->code.uid : uid == o->old_api ? o->api.uid : uid;
	gid_t new_gid = gid == 0                        ? gid
			: gid == o->old_code_group      ? o->code.gid
			: gid == o->old_edge_group      ? o->edge_group
			: uid != 0 && uid == o->old_api ? o->api.gid
							: gid;
	if (new_uid == uid && new_gid == gid) return true;
	mode_t mode = e->fts_statp->st_mode;
	if (lchown(e->fts_path, new_uid, new_gid) != 0)
		return err_set_errno(err, "change the owner of %s", e->fts_path);
	/* The group that a folder hands down goes with its owner. */
	return S_ISLNK(mode) || (mode & 07000) == 0 || chmod(e->fts_path, mode & 07777) == 0 ||
	       err_set_errno(err, "%s", e->fts_path);
}

static bool own_all(const struct owners *o, const char *dir, struct err *err)
{
	char root[FILE_PATH_SIZE];
	(void)snprintf(root, sizeof root, "%s", dir);
	char *roots[] = {root, NULL};
	FTS *fts = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
	if (fts == NULL) return err_set_errno(err, "%s", dir);
	bool ok = true;
	for (FTSENT *e; ok && (e = fts_read(fts)) != NULL;)
		if (e->fts_info != FTS_DP && e->fts_statp != NULL) ok = own_entry(e, o, err);
	(void)fts_close(fts);
	return ok;
}

static bool own_app(struct recovering *r, const char *app, struct parts *p, struct err *err)
{
	char dir[FILE_PATH_SIZE], path[FILE_PATH_SIZE];
	struct stat code, api, edge;
	struct owners o;
	if (!layout_app(&r->flow.layout, app, "", dir, err) || !file_path(path, err, "%s/data", dir)) return false;
	bool is_known = stat(path, &code) == 0;
	if (!file_path(path, err, "%s/storage", dir)) return false;
	is_known = is_known && stat(path, &api) == 0;
	if (!parts_open(&r->flow, app, p, err)) return false;
	if (!is_known || !r->flow.is_root) return true;
	if (stat(p->storage_dir, &edge) != 0) return err_set_errno(err, "%s", p->storage_dir);
	o = (struct owners){code.st_uid, api.st_uid, code.st_gid, api.st_gid, p->users.code, p->users.api, edge.st_gid};
	return own_all(&o, dir, err);
}

/* A release's links to the sockets of its server and functions name the lost server's folder for sockets. */
static bool mend_link(struct recovering *r, const char *app, const char *link, const char *part, struct err *err)
{
	char target[FILE_PATH_SIZE], now[FILE_PATH_SIZE], rest[128];
	struct err ignored;
	if (!file_link_read(link, target, &ignored)) return true;
	const char *tail = strstr(target, part);
	if (tail == NULL) return true;
	(void)snprintf(rest, sizeof rest, "%.100s", tail + 1);
	return layout_app_run(&r->flow.layout, app, rest, now, err) && file_link_swap(now, link, err);
}

static bool mend_links(struct recovering *r, const struct parts *p, struct err *err)
{
	int64_t numbers[RELEASES_MAX];
	char link[FILE_PATH_SIZE];
	int count = 0;
	if (!release_list(p->dir, numbers, &count, err)) return false;
	for (int i = 0; i < count; i++)
		if (!file_path(link, err, "%s/releases/%lld/run", p->dir, (long long)numbers[i]) ||
		    !mend_link(r, p->app.name, link, "/web/", err) ||
		    !file_path(link, err, "%s/releases/%lld/fn", p->dir, (long long)numbers[i]) ||
		    !mend_link(r, p->app.name, link, "/functions/", err))
			return false;
	return true;
}

static bool own_repository(const struct parts *p, const struct backup_place *place, struct err *err)
{
	char path[FILE_PATH_SIZE];
	struct err away;
	if (strcmp(place->kind, "folder") != 0 || !archive_place_check(place, &away)) return true;
	return archive_repo_path(p, place, path, err) &&
	       (!file_exists(path) || file_chown_tree(path, p->users.db.uid, p->users.db.gid, err));
}

/* So have the repositories, in each place that is a folder and is there. */
static bool own_repositories(struct recovering *r, const struct parts *p, struct err *err)
{
	struct backup_places places;
	bool ok = true;
	if (!r->flow.is_root) return true;
	if (!backup_places_get(r->flow.db, r->flow.seal, &places, err)) return false;
	for (int i = 0; ok && i < places.count; i++) ok = own_repository(p, &places.list[i], err);
	backup_places_done(&places);
	return ok;
}

/* What lay on the lost server's own disk begins anew: without a repository there, the place would be said to fail until
 * the next backup makes it. One that cannot be reached just now is told from what waits for it. */
static void open_places(struct recovering *r, const struct parts *p)
{
	struct err why;
	if (!archive_open_all(&r->flow, p, &why)) log_warn("%s: %s", p->app.name, why.msg);
}

/* The newest state of the cluster, made beside and renamed when it is whole. */
static bool bring_database(struct recovering *r, struct job_run *job, json_t *entry, struct err *err)
{
	char dir[FILE_PATH_SIZE];
	struct restore_source s;
	struct clone c = {.lock = -1};
	json_t *rows JSON_CLEANUP = NULL, *wanted JSON_CLEANUP = json_pack("{s:I}", "place", (json_int_t)r->place.id);
	int64_t timeline = 0;
	struct parts *p = &job->parts;
	if (file_exists(p->data_dir)) return true;
	if (!backup_look(&r->flow, p, r->place.id, NULL, err) || !restore_choose(&r->flow, p, wanted, &s, err) ||
	    !file_path(dir, err, "%s/postgres/recovered", p->dir) || !restore_into(job, &s, dir, true, &c, err))
		return false;
	bool ok = clone_start(&c, err) && owndb_timeline(&c.db, &timeline, err) && owndb_rows(&c.db, &rows, err) &&
		  clone_stop_clean(&c, err);
	clone_stop(&c);
	if (!ok || !timeline_add(r->flow.db, p->app.name, timeline, clock_wall_ms(), s.timeline, s.forked_ms, err))
		return false;
	if (rename(c.data_dir, p->data_dir) != 0) return err_set_errno(err, "%s", p->data_dir);
	json_object_set_new(entry, "backup", json_string(s.label));
	json_object_set_new(entry, "tables", json_integer((json_int_t)json_object_size(rows)));
	open_places(r, p);
	return archive_push_histories(&r->flow, p, err) && file_remove_tree(dir, err);
}

static bool bring_app(struct recovering *r, const struct app *app, json_t *entry, struct err *err)
{
	char path[FILE_PATH_SIZE];
	struct job_run job = {.f = &r->flow, .events = {.fd = -1}, .result = entry};
	if (!own_app(r, app->name, &job.parts, err) || !parts_ensure(&r->flow, app->name, &job.parts, err) ||
	    !mend_links(r, &job.parts, err))
		return false;
	bool is_ours = !job.parts.elsewhere.is; /* else it is where it was, and nothing of it is in a backup */
	if (is_ours && (!own_repositories(r, &job.parts, err) || !archive_prepare(&r->flow, &job.parts, err)))
		return false;
	if (strcmp(app->state, "new") == 0) return true;
	if (is_ours) log_info("%s: fetching the database", app->name);
	bool ok = job_begin(r->flow.db, app->name, "recover", NULL, &job.job.id, err) &&
		  job_events_path(&r->flow, job.job.id, path, err) && events_open(&job.events, path, err);
	(void)snprintf(job.job.app, sizeof job.job.app, "%s", app->name);
	(void)snprintf(job.job.kind, sizeof job.job.kind, "recover");
	ok = ok && (!is_ours || bring_database(r, &job, entry, err));
	struct err end;
	if (job.job.id != 0 && !job_end(r->flow.db, job.job.id, ok ? "done" : "failed", ok ? NULL : err, entry, &end))
		log_error("%s: %s", app->name, end.msg);
	events_close(&job.events);
	return ok && parts_write_backend_config(&r->flow, &job.parts, err) && live_publish(&r->flow, app->name, err) &&
	       live_set_stopped(&r->flow, app->name, strcmp(app->state, "stopped") == 0, err);
}

static bool each_app(void *arg, const struct app *app, struct err *err)
{
	struct recovering *r = arg;
	struct err why;
	(void)err;
	json_t *entry = json_pack("{s:s}", "app", app->name);
	if (!bring_app(r, app, entry, &why)) {
		r->failed++;
		log_error("%s: %s", app->name, why.msg);
		json_object_set_new(entry, "error", json_string(why.msg));
	}
	json_array_append_new(r->apps, entry);
	return true;
}

static bool bring_apps(struct recovering *r, const char *bin_dir, const char *folder, json_t **ret_answer,
		       struct err *err)
{
	if (!flow_open(&r->flow, bin_dir, true, err)) return false;
	r->apps = json_array();
	bool ok = mend_store(r, err) && app_each(r->flow.db, each_app, r, err);
	flow_close(&r->flow);
	if (!ok) {
		json_decref(r->apps);
		return false;
	}
	*ret_answer = json_pack("{s:o}", "apps", r->apps);
	if (r->failed > 0)
		return err_set(err, ERR_FAILED, "%d of %zu apps did not come back whole; run it again for those",
			       r->failed, json_array_size(r->apps));
	return file_remove_tree(folder, err);
}

bool recover_server(const char *bin_dir, const char *kit_path, int64_t place, const char *at, json_t **ret_answer,
		    struct err *err)
{
	static struct recovering r; /* large */
	char folder[FILE_PATH_SIZE];
	struct buf text BUF_CLEANUP;
	int lock = -1;
	buf_init(&text, KIT_MAX_BYTES);
	if (!file_read(kit_path, &text, err) || !kit_read(buf_view(&text), r.key, &r.places, err)) return false;
	bool ok = choose_place(&r, place, at, err) && layout_from_environment(&r.layout, err) &&
		  flow_lock(&r.layout, &lock, err) && check_home(&r.layout, folder, err) &&
		  fetch_files(&r, folder, err) && put_state(&r, folder, err) &&
		  bring_apps(&r, bin_dir, folder, ret_answer, err);
	if (lock >= 0) (void)close(lock);
	backup_places_done(&r.places);
	return ok;
}
