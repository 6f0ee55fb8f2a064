/* SPDX-License-Identifier: Apache-2.0 */
#include "upkeep/restore.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/archive.h"
#include "app/cluster.h"
#include "app/daemon.h"
#include "app/pause.h"
#include "base/clock.h"
#include "base/log.h"
#include "codec/json.h"
#include "owndb/recover.h"
#include "owndb/rows.h"
#include "store/backup.h"

#define HAND_OVER_MS 20000
#define COPY_READY_MS 60000
#define NOTE "freehold_restored" /* in a cluster that a job put live: the job's number */
#define KEPT_CONF "auto.conf" /* what the live one was told by ALTER SYSTEM, beside the copy that runs without it */

static bool spell(const struct parts *p, const char *kind, int64_t job, char ret_dir[FILE_PATH_SIZE], struct err *err)
{
	return file_path(ret_dir, err, "%s/postgres/%s-%lld", p->dir, kind, (long long)job);
}

/* The job that put the cluster in data_dir live, 0: none did. */
static int64_t note_of(const char *data_dir)
{
	char path[FILE_PATH_SIZE];
	struct err ignored;
	int64_t job = 0;
	return file_path(path, &ignored, "%s/" NOTE, data_dir) && file_read_int(path, &job) ? job : 0;
}

static bool write_note(const struct parts *p, const char *data_dir, int64_t job, struct err *err)
{
	char path[FILE_PATH_SIZE], text[32];
	(void)snprintf(text, sizeof text, "%lld\n", (long long)job);
	if (!file_path(path, err, "%s/" NOTE, data_dir) || !file_write(path, str_from(text), 0600, err)) return false;
	return !p->owndb.has_user || lchown(path, p->owndb.uid, p->owndb.gid) == 0 || err_set_errno(err, "%s", path);
}

/* Everything that was committed until now is where a restore can find it. Where the live one cannot be asked, what has
 * been handed on has to do. */
static void hand_over(struct job_run *r)
{
	struct err err;
	if (!owndb_hand_over(&r->parts.owndb, HAND_OVER_MS, &err))
		job_note(r, "The live database could not hand on its last changes: %s", err.msg);
}

static json_t *source_json(const struct restore_source *s)
{
	char at[CLOCK_ISO8601_SIZE];
	clock_iso8601(s->at_ms, at);
	return json_pack("{s:s, s:I, s:I, s:I, s:o, s:o}", "backup", s->label, "place", (json_int_t)s->place,
			 "timeline", (json_int_t)s->timeline, "forked_ms", (json_int_t)s->forked_ms, "to",
			 s->at_ms != 0 ? json_string(at) : json_null(), "point",
			 s->point[0] != '\0' ? json_string(s->point) : json_null());
}

static bool keep_auto_conf(const struct clone *c, struct err *err)
{
	char from[FILE_PATH_SIZE], to[FILE_PATH_SIZE];
	struct buf text BUF_CLEANUP;
	buf_init(&text, 1 << 20);
	return file_path(from, err, "%s/postgresql.auto.conf", c->data_dir) &&
	       file_path(to, err, "%s/" KEPT_CONF, c->dir) &&
	       (!file_exists(from) || (file_read(from, &text, err) && file_write(to, buf_view(&text), 0600, err)));
}

static bool put_auto_conf(const struct parts *p, const char *dir, struct err *err)
{
	char from[FILE_PATH_SIZE], to[FILE_PATH_SIZE];
	struct buf text BUF_CLEANUP;
	buf_init(&text, 1 << 20);
	if (!file_path(from, err, "%s/" KEPT_CONF, dir) || !file_path(to, err, "%s/data/postgresql.auto.conf", dir))
		return false;
	if (!file_exists(from)) return true;
	return file_read(from, &text, err) && file_write(to, buf_view(&text), 0600, err) &&
	       (!p->owndb.has_user || lchown(to, p->owndb.uid, p->owndb.gid) == 0 || err_set_errno(err, "%s", to));
}

/* What is in the copy beside what is live, and which history it is on. */
static bool compare(struct job_run *r, struct clone *c, struct err *err)
{
	json_t *copy JSON_CLEANUP = NULL, *live JSON_CLEANUP = NULL;
	struct err why;
	int64_t timeline = 0;
	if (!job_begin_step(r, "compare", err) || !clone_start(c, err) || !owndb_timeline(&c->db, &timeline, err) ||
	    !owndb_rows(&c->db, &copy, err) || !clone_stop_clean(c, err))
		return false;
	json_object_set_new(r->result, "timeline", json_integer(timeline));
	json_object_set_new(r->result, "tables", json_integer((json_int_t)json_object_size(copy)));
	if (owndb_rows(&r->parts.owndb, &live, &why))
		json_object_set_new(r->result, "differences", rows_compare(copy, live));
	else
		job_note(r, "The live database could not be counted: %s", why.msg);
	return true;
}

static bool make_copy(struct job_run *r, struct err *err)
{
	char dir[FILE_PATH_SIZE];
	struct restore_source source;
	struct clone c = {.lock = -1};
	hand_over(r);
	if (!archive_prepare(r->f, &r->parts, err) || !restore_choose(r->f, &r->parts, r->options, &source, err) ||
	    !spell(&r->parts, "copy", r->job.id, dir, err))
		return false;
	json_object_set_new(r->result, "source", source_json(&source));
	bool ok = restore_into(r, &source, dir, false, &c, err) && keep_auto_conf(&c, err) && compare(r, &c, err);
	clone_stop(&c);
	return ok;
}

static void drop_copy(const struct job_run *r, int64_t job)
{
	char dir[FILE_PATH_SIZE];
	struct err err;
	if (!spell(&r->parts, "copy", job, dir, &err) || !file_remove_tree(dir, &err))
		log_error("%s: %s", r->job.app, err.msg);
}

/* A copy that waits, or one that a kill left: it goes when the next is made. */
static bool end_waiting(struct job_run *r, struct err *err)
{
	int64_t job = 0;
	if (!restore_waiting_copy(r->f, r->job.app, &job, err)) return false;
	if (job == 0) return true;
	if (!daemon_stop_part(r->f, r->job.app, RESTORE_COPY_PART, err)) return false;
	drop_copy(r, job);
	json_t *result JSON_CLEANUP = job_result(r->f->db, job);
	return job_end(r->f->db, job, "done", NULL, result, err);
}

/* The daemon starts the copy of the job that waits. That its socket accepts is not all: PostgreSQL refuses everybody
 * there until it has started. */
static bool start_copy(struct job_run *r, char ret_sockets[FILE_PATH_SIZE], struct err *err)
{
	char dir[FILE_PATH_SIZE], data[FILE_PATH_SIZE], log[FILE_PATH_SIZE];
	struct owndb db = r->parts.owndb;
	db.data_dir = data;
	db.socket_dir = ret_sockets;
	db.log_path = log;
	return spell(&r->parts, "copy", r->job.id, dir, err) && file_path(ret_sockets, err, "%s/run", dir) &&
	       file_path(data, err, "%s/data", dir) && restore_copy_log(&r->parts, log, err) &&
	       job_end(r->f->db, r->job.id, "waiting", NULL, r->result, err) &&
	       daemon_start_part(r->f, r->job.app, RESTORE_COPY_PART, err) &&
	       owndb_wait_ready(&db, 0, COPY_READY_MS, err);
}

bool restore_inspect_run(struct job_run *r, struct err *err)
{
	char sockets[FILE_PATH_SIZE];
	struct err ignored;
	if (!end_waiting(r, err)) return false;
	if (!make_copy(r, err)) {
		drop_copy(r, r->job.id);
		return false;
	}
	if (!start_copy(r, sockets, err)) {
		if (daemon_stop_part(r->f, r->job.app, RESTORE_COPY_PART, &ignored)) drop_copy(r, r->job.id);
		return false;
	}
	json_object_set_new(r->result, "socket_dir", json_string(sockets));
	r->waits = true;
	return true;
}

bool restore_inspect_recover(struct job_run *r, bool *ret_is_done, struct err *err)
{
	char dir[FILE_PATH_SIZE];
	*ret_is_done = false;
	return spell(&r->parts, "copy", r->job.id, dir, err) && file_remove_tree(dir, err);
}

/* One exchange: live is the one or the other, never none. */
static bool exchange(struct job_run *r, const char *dir, struct err *err)
{
	char data[FILE_PATH_SIZE], parent[FILE_PATH_SIZE];
	if (!file_path(data, err, "%s/data", dir) || !file_path(parent, err, "%s/postgres", r->parts.dir) ||
	    !write_note(&r->parts, data, r->job.id, err))
		return false;
	pause_here("swap", "noted");
	if (renameat2(AT_FDCWD, data, AT_FDCWD, r->parts.data_dir, RENAME_EXCHANGE) != 0)
		return err_set_errno(err, "put %s in the place of %s", data, r->parts.data_dir);
	pause_here("swap", "exchanged");
	return file_sync_dir(dir, err) && file_sync_dir(parent, err);
}

/* After the exchange, as often as it takes. */
static bool finish(struct job_run *r, const char *dir, struct err *err)
{
	char aside[FILE_PATH_SIZE];
	if (!spell(&r->parts, "aside", r->job.id, aside, err)) return false;
	if (strcmp(dir, aside) != 0 && file_exists(dir) && rename(dir, aside) != 0)
		return err_set_errno(err, "keep %s", aside);
	return job_begin_step(r, "start", err) && archive_push_histories(r->f, &r->parts, err) &&
	       cluster_start_app(r->f, &r->parts, err);
}

/* Which history the app is on from now on, and where it left the former. */
static bool note_timeline(struct job_run *r, const json_t *looked, struct err *err)
{
	const json_t *source = json_object_get(looked, "source");
	return timeline_add(r->f->db, r->job.app, json_int(looked, "timeline", 1), clock_wall_ms(),
			    json_int(source, "timeline", 1), json_int(source, "forked_ms", 0), err);
}

static bool swap(struct job_run *r, const char *dir, struct err *err)
{
	return job_begin_step(r, "stop", err) && cluster_stop_app(r->f, &r->parts, err) &&
	       job_begin_step(r, "swap", err) && put_auto_conf(&r->parts, dir, err) && exchange(r, dir, err);
}

/* What was tried and did not come to the exchange leaves the app as it was. */
static bool go_on_as_before(struct job_run *r)
{
	struct err err;
	if (!cluster_start_app(r->f, &r->parts, &err)) job_note(r, "The app did not start again: %s", err.msg);
	return false;
}

/* A copy that waited is compared once more, before it is stopped: the app went on meanwhile. */
static void count_again(struct job_run *r, int64_t copy, json_t *looked)
{
	char dir[FILE_PATH_SIZE];
	struct clone c;
	struct err why;
	json_t *then JSON_CLEANUP = NULL, *live JSON_CLEANUP = NULL;
	if (spell(&r->parts, "copy", copy, dir, &why) && clone_open_at(&c, &r->parts.owndb, dir, &why) &&
	    owndb_rows(&c.db, &then, &why) && owndb_rows(&r->parts.owndb, &live, &why)) {
		json_object_set_new(looked, "differences", rows_compare(then, live));
		return;
	}
	json_object_del(looked, "differences");
	job_note(r, "The copy and the live database could not be counted once more: %s", why.msg);
}

/* The copy that is to go live: one that was looked at, or one of our own. */
static bool get_copy(struct job_run *r, int64_t *ret_copy, json_t **ret_looked, struct err *err)
{
	int64_t copy = json_int(r->options, "copy", 0);
	if (copy == 0) {
		*ret_copy = r->job.id;
		if (!end_waiting(r, err)) return false;
		if (!make_copy(r, err)) {
			drop_copy(r, r->job.id);
			return false;
		}
		*ret_looked = json_incref(r->result);
		return true;
	}
	json_t *looked = job_result(r->f->db, copy);
	if (looked == NULL) return err_set(err, ERR_NOT_FOUND, "there is no copy %lld any more", (long long)copy);
	*ret_copy = copy;
	*ret_looked = looked;
	count_again(r, copy, looked);
	json_object_update(r->result, looked);
	return daemon_stop_part(r->f, r->job.app, RESTORE_COPY_PART, err) &&
	       job_end(r->f->db, copy, "done", NULL, looked, err);
}

bool restore_run(struct job_run *r, struct err *err)
{
	char dir[FILE_PATH_SIZE];
	int64_t copy = 0;
	json_t *looked JSON_CLEANUP = NULL;
	if (!get_copy(r, &copy, &looked, err) || !job_keep(r->f->db, r->job.id, looked, err) ||
	    !spell(&r->parts, "copy", copy, dir, err))
		return false;
	if (!swap(r, dir, err)) {
		drop_copy(r, copy);
		return go_on_as_before(r);
	}
	return note_timeline(r, looked, err) && finish(r, dir, err);
}

/* Folders "aside-N", the newest N. */
static int64_t newest_aside(const struct parts *p)
{
	char folder[FILE_PATH_SIZE];
	struct err ignored;
	int64_t newest = 0, n;
	DIR *entries = file_path(folder, &ignored, "%s/postgres", p->dir) ? opendir(folder) : NULL;
	for (struct dirent *e; entries != NULL && (e = readdir(entries)) != NULL;)
		if (strncmp(e->d_name, "aside-", 6) == 0 && str_to_int(str_from(e->d_name + 6), &n) && n > newest)
			newest = n;
	if (entries != NULL) (void)closedir(entries);
	return newest;
}

/* What is live after job `job` is undone: what a restore had brought, or what was there before it. An undo can itself
 * be undone, so it goes to and fro. */
static bool is_forward(const struct job_run *r, int64_t job)
{
	struct job was;
	struct err ignored;
	if (!job_get(r->f->db, job, &was, &ignored) || strcmp(was.kind, "undo") != 0) return false;
	json_t *result JSON_CLEANUP = job_result(r->f->db, job);
	return !json_bool(result, "is_forward", false);
}

bool restore_undo_run(struct job_run *r, struct err *err)
{
	char dir[FILE_PATH_SIZE];
	int64_t timeline = 0, aside = newest_aside(&r->parts);
	if (aside == 0)
		return err_set(err, ERR_NOT_FOUND,
			       "%s has nothing set aside that could be put back: no restore was made, "
			       "or what it had set aside was let go (--forget)",
			       r->job.app);
	if (!spell(&r->parts, "aside", aside, dir, err)) return false;
	json_object_set_new(r->result, "aside", json_integer(aside));
	json_object_set_new(r->result, "is_forward", json_boolean(is_forward(r, aside)));
	if (!swap(r, dir, err)) return go_on_as_before(r);
	return finish(r, dir, err) && owndb_timeline(&r->parts.owndb, &timeline, err) &&
	       timeline_add(r->f->db, r->job.app, timeline, clock_wall_ms(), 0, 0, err);
}

/* The app was stopped, or not yet; the exchange happened, or not. */
bool restore_recover(struct job_run *r, bool *ret_is_done, struct err *err)
{
	char dir[FILE_PATH_SIZE], aside[FILE_PATH_SIZE];
	int64_t copy = json_int(r->options, "copy", 0);
	bool is_undo = strcmp(r->job.kind, "undo") == 0;
	if (copy == 0) copy = r->job.id;
	if (!spell(&r->parts, "copy", copy, dir, err) || !spell(&r->parts, "aside", r->job.id, aside, err))
		return false;
	*ret_is_done = note_of(r->parts.data_dir) == r->job.id;
	if (!*ret_is_done) {
		if (!is_undo && !file_remove_tree(dir, err)) return false;
		return cluster_start_app(r->f, &r->parts, err);
	}
	if (is_undo && !spell(&r->parts, "aside", newest_aside(&r->parts), dir, err)) return false;
	if (!finish(r, dir, err)) return false;
	int64_t timeline = 0;
	json_t *list JSON_CLEANUP = NULL, *looked JSON_CLEANUP = job_result(r->f->db, r->job.id);
	if (!owndb_timeline(&r->parts.owndb, &timeline, err) || !timeline_list(r->f->db, r->job.app, &list, err))
		return false;
	const json_t *last = json_array_get(list, json_array_size(list) - 1);
	if (looked != NULL) json_object_update(r->result, looked);
	if (json_int(last, "number", 1) == timeline) return true;
	return is_undo ? timeline_add(r->f->db, r->job.app, timeline, clock_wall_ms(), 0, 0, err)
		       : note_timeline(r, looked, err);
}

bool restore_forget_run(struct job_run *r, struct err *err)
{
	char folder[FILE_PATH_SIZE], dir[FILE_PATH_SIZE];
	if (!end_waiting(r, err) || !file_path(folder, err, "%s/postgres", r->parts.dir)) return false;
	uint64_t bytes = 0;
	for (int64_t n; (n = newest_aside(&r->parts)) != 0;) {
		uint64_t size = 0;
		if (!spell(&r->parts, "aside", n, dir, err) || !file_tree_size(dir, &size, err) ||
		    !file_remove_tree(dir, err))
			return false;
		bytes += size;
	}
	json_object_set_new(r->result, "bytes", json_integer((json_int_t)bytes));
	return true;
}

bool restore_json(const struct flow *f, const char *app, json_t **ret_json, struct err *err)
{
	struct parts p = {0};
	int64_t job = 0;
	json_t *copy = NULL;
	if (!app_get(f->db, app, &p.app, err) || !layout_app(&f->layout, app, "", p.dir, err) ||
	    !restore_waiting_copy(f, app, &job, err) || (job != 0 && !job_json(f->db, job, &copy, err)))
		return false;
	int64_t aside = newest_aside(&p);
	*ret_json = json_pack("{s:o, s:o}", "copy", copy != NULL ? copy : json_null(), "aside",
			      aside != 0 ? json_integer(aside) : json_null());
	return true;
}
