/* SPDX-License-Identifier: Apache-2.0
 *
 * The copy: fetched, recovered, and run for whoever wants to look at it. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/alone.h"
#include "app/archive.h"
#include "base/clock.h"
#include "codec/json.h"
#include "owndb/recover.h"
#include "upkeep/restore.h"

#define ROOM_KEPT_BYTES ((uint64_t)512 << 20)
#define COPY_STOP_MS 15000

static bool give(const struct parts *p, const char *path, mode_t mode, struct err *err)
{
	if (p->owndb.has_user && lchown(path, p->owndb.uid, p->owndb.gid) != 0)
		return err_set_errno(err, "change the owner of %s", path);
	return chmod(path, mode) == 0 || err_set_errno(err, "%s", path);
}

static bool make_folder(const struct parts *p, const char *path, struct err *err)
{
	return file_mkdirs(path, 0700, err) && give(p, path, 0700, err);
}

/* Of one place alone, without what waits here to be sent: to prove that the place has it. */
static bool make_own_archive(const struct parts *p, int64_t place, const char *archive, struct err *err)
{
	char from[FILE_PATH_SIZE], to[FILE_PATH_SIZE], helper[FILE_PATH_SIZE], program[FILE_PATH_SIZE];
	struct buf text BUF_CLEANUP;
	buf_init(&text, 65536);
	return make_folder(p, archive, err) && file_path(from, err, "%s/%lld.conf", p->archive_dir, (long long)place) &&
	       file_path(to, err, "%s/%lld.conf", archive, (long long)place) && file_read(from, &text, err) &&
	       file_write(to, buf_view(&text), 0600, err) && give(p, to, 0600, err) &&
	       file_path(helper, err, "%s/pgbackrest-archive", p->archive_dir) &&
	       file_link_read(helper, program, err) && file_path(to, err, "%s/pgbackrest-archive", archive) &&
	       file_link_swap(program, to, err) && file_path(helper, err, "%s/pgbackrest", p->archive_dir) &&
	       file_link_read(helper, program, err) && file_path(to, err, "%s/pgbackrest", archive) &&
	       file_link_swap(program, to, err);
}

static bool make_folders(const struct parts *p, const char *dir, int64_t only_place, struct err *err)
{
	char path[FILE_PATH_SIZE];
	if (!file_remove_tree(dir, err) || !make_folder(p, dir, err) || !file_path(path, err, "%s/data", dir) ||
	    !make_folder(p, path, err) || !file_path(path, err, "%s/archive", dir))
		return false;
	if (only_place != 0) return make_own_archive(p, only_place, path, err);
	return symlink("../archive", path) == 0 || err_set_errno(err, "%s", path);
}

static bool check_room(const struct parts *p, const struct restore_source *s, struct err *err)
{
	uint64_t room = 0;
	if (!file_disk_free(p->dir, &room, err)) return false;
	if (room >= s->bytes + ROOM_KEPT_BYTES) return true;
	return err_set(err, ERR_UNAVAILABLE,
		       "there is not enough room for a copy of %s: it takes %" PRIu64 " MB, and %" PRIu64
		       " MB are free; make room, or let go of what an earlier restore kept: freehold db %s restore "
		       "--forget",
		       p->app.name, (s->bytes + ROOM_KEPT_BYTES) >> 20, room >> 20, p->app.name);
}

struct fetching {
	struct job_run *r;
	uint64_t bytes;
};

static void on_progress(void *arg, double done)
{
	struct fetching *f = arg;
	events_progress(&f->r->events, done, f->bytes);
}

bool restore_into(struct job_run *r, const struct restore_source *s, const char *dir, bool only_this_place,
		  struct clone *ret_copy, struct err *err)
{
	bool was_short = false;
	struct repo repo = archive_repo(&r->parts, s->place);
	struct fetching fetching = {r, s->bytes};
	struct recover_target target = {.timeline = s->timeline,
					.at_ms = s->at_ms,
					.point = s->point[0] != '\0' ? s->point : NULL,
					.is_end_of_backup = s->is_end_of_backup};
	if (!job_begin_step(r, "room", err) || !check_room(&r->parts, s, err) || !job_begin_step(r, "fetch", err) ||
	    !make_folders(&r->parts, dir, only_this_place ? s->place : 0, err) ||
	    !clone_open_at(ret_copy, &r->parts.owndb, dir, err) ||
	    !repo_fetch(&repo, s->label, ret_copy->data_dir, on_progress, &fetching, err) ||
	    !job_begin_step(r, "recover", err) || !owndb_recover(ret_copy, &target, &was_short, err))
		return false;
	if (was_short) job_note(r, "Nothing was changed after that moment, so this is the newest state there is.");
	return true;
}

bool restore_waiting_copy(const struct flow *f, const char *app, int64_t *ret_job, struct err *err)
{
	struct job job;
	if (!job_newest(f->db, app, "inspect", "waiting", &job, err)) return false;
	*ret_job = job.id;
	return true;
}

bool restore_copy_log(const struct parts *p, char ret_path[FILE_PATH_SIZE], struct err *err)
{
	return file_path(ret_path, err, "%s/logs/postgres-copy.log", p->dir);
}

bool restore_copy_unit(const struct flow *f, const struct parts *p, int64_t job, struct arena *arena,
		       struct unit_spec *ret_spec, struct err *err)
{
	char log[FILE_PATH_SIZE];
	const char *dir = arena_printf(arena, "%s/postgres/copy-%lld", p->dir, (long long)job);
	if (!restore_copy_log(p, log, err)) return false;
	struct alone copy = {.bin_dir = p->pg_bin_dir,
			     .data_dir = arena_printf(arena, "%s/data", dir),
			     .socket_dir = arena_printf(arena, "%s/run", dir),
			     .log_path = log,
			     .setting = "default_transaction_read_only=on",
			     .stop_ms = COPY_STOP_MS};
	if (job == 0 || !file_is_dir(copy.data_dir))
		return err_set(err, ERR_NOT_FOUND,
			       "%s has no copy to look at; make one: freehold db %s restore --to "
			       "TIME --inspect",
			       p->app.name, p->app.name);
	alone_unit(f, p, &copy, arena, ret_spec);
	parts_unit_name(p->app.name, RESTORE_COPY_PART, ret_spec->name);
	return true;
}
