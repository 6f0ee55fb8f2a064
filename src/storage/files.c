/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/files.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/file.h"
#include "storage/files_private.h"
#include "storage/place.h"
#include "storage/render.h"

#define FOLDER_MODE 0750
#define REMOVE_AT_ONCE 256

static bool make_folder(const char *root, const char *name, mode_t mode, struct err *err)
{
	char path[FILES_PATH_SIZE];
	return file_path(path, err, "%s/%s", root, name) && file_mkdirs(path, mode, err);
}

/* Whoever finds the lock free knows that its process has died. */
static bool lock_incoming(struct files *f, struct err *err)
{
	char id[STORAGE_VERSION_SIZE];
	storage_version(id);
	if (!file_path(f->incoming, err, "%s/incoming/%s", f->folder, id) || !file_mkdirs(f->incoming, 0700, err))
		return false;
	f->lock_fd = open(f->incoming, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (f->lock_fd < 0 || flock(f->lock_fd, LOCK_EX | LOCK_NB) != 0) return err_set_errno(err, "%s", f->incoming);
	return true;
}

bool files_new(uv_loop_t *loop, const char *folder, struct files **ret_files, struct err *err)
{
	struct files *f = calloc(1, sizeof *f);
	if (f == NULL) abort();
	f->loop = loop;
	f->lock_fd = -1;
	f->holds = 1;
	bool ok = file_path(f->folder, err, "%s", folder) && file_mkdirs(folder, FOLDER_MODE, err) &&
		  make_folder(folder, "objects", FOLDER_MODE, err) && make_folder(folder, "incoming", 0700, err) &&
		  make_folder(folder, "resumable", 0700, err) && make_folder(folder, "lost", 0700, err) &&
		  make_folder(folder, "rendered", FOLDER_MODE, err) && lock_incoming(f, err);
	if (!ok) {
		files_free(f);
		return err_wrap(err, "the files of storage");
	}
	*ret_files = f;
	return true;
}

/* A job on the pool still needs it. */
void files_hold(struct files *f)
{
	f->holds++;
}

void files_free(struct files *f)
{
	if (f == NULL || --f->holds > 0) return;
	if (f->lock_fd >= 0) {
		(void)rmdir(f->incoming); /* empty, unless something is still being written */
		(void)close(f->lock_fd);
	}
	free(f);
}

const char *files_folder(const struct files *files)
{
	return files->folder;
}

bool files_path(const struct files *files, struct str version, char ret_path[FILES_PATH_SIZE], struct err *err)
{
	if (!storage_is_uuid(version)) return err_set(err, ERR_INVALID, "the object has no file");
	return file_path(ret_path, err, "%s/objects/%.2s/%.*s", files->folder, version.ptr, STR_FMT(version));
}

bool files_room(const struct files *files, uint64_t *ret_bytes)
{
	struct err ignored;
	return file_disk_free(files->folder, ret_bytes, &ignored);
}

/* On the pool: the folder of a version, made where it is missing. */
bool files_make_place(const struct files *files, const char *version, char ret_folder[FILES_PATH_SIZE],
		      char ret_path[FILES_PATH_SIZE], struct err *err)
{
	char objects[FILES_PATH_SIZE];
	if (!file_path(ret_folder, err, "%s/objects/%.2s", files->folder, version) ||
	    !files_path(files, str_from(version), ret_path, err))
		return false;
	if (mkdir(ret_folder, FOLDER_MODE) == 0)
		return file_path(objects, err, "%s/objects", files->folder) && file_sync_dir(objects, err);
	return errno == EEXIST || err_set_errno(err, "%s", ret_folder);
}

/* Copies: an object's file never changes, so that another name for it is a copy. */
struct copy {
	uv_work_t work;
	struct files *files;
	char from[STORAGE_VERSION_SIZE], to[STORAGE_VERSION_SIZE];
	bool is_again;
	struct err err;
	void (*done)(void *arg, const char *new_version, const struct err *err);
	void *arg;
};

static void copy_work(uv_work_t *work)
{
	struct copy *c = work->data;
	char from[FILES_PATH_SIZE], folder[FILES_PATH_SIZE], to[FILES_PATH_SIZE];
	if (!files_path(c->files, str_from(c->from), from, &c->err) ||
	    !files_make_place(c->files, c->to, folder, to, &c->err))
		return;
	if (link(from, to) != 0)
		(void)err_set_errno(&c->err, "copy a file");
	else
		(void)file_sync_dir(folder, &c->err);
}

static void on_here(void *arg, const struct err *err);

static void copy_done(uv_work_t *work, int status)
{
	struct copy *c = work->data;
	(void)status;
	if (c->err.code == ERR_NOT_FOUND && !c->is_again && place_remote(c->files->place) != NULL) {
		c->is_again = true; /* it was taken elsewhere just then */
		c->err.code = ERR_NONE;
		place_bring(c->files->place, c->from, on_here, c);
		return;
	}
	c->done(c->arg, c->to, c->err.code != ERR_NONE ? &c->err : NULL);
	files_free(c->files);
	free(c);
}

/* The bytes may lie elsewhere. */
static void on_here(void *arg, const struct err *err)
{
	struct copy *c = arg;
	if (err == NULL) {
		(void)uv_queue_work(c->files->loop, &c->work, copy_work, copy_done);
		return;
	}
	c->err = *err;
	copy_done(&c->work, 0);
}

void files_copy(struct files *files, const char *version,
		void (*done)(void *arg, const char *new_version, const struct err *err), void *arg)
{
	struct copy *c = calloc(1, sizeof *c);
	if (c == NULL) abort();
	c->work.data = c;
	c->files = files;
	(void)snprintf(c->from, sizeof c->from, "%s", version);
	storage_version(c->to);
	c->done = done;
	c->arg = arg;
	files_hold(files);
	place_bring(files->place, c->from, on_here, c);
}

struct removal {
	uv_work_t work;
	struct files *files;
	int count;
	char versions[REMOVE_AT_ONCE][STORAGE_VERSION_SIZE];
};

static void remove_work(uv_work_t *work)
{
	struct removal *r = work->data;
	char path[FILES_PATH_SIZE];
	struct err ignored;
	/* What stays behind because of a crash is found by the sweep. */
	for (int i = 0; i < r->count; i++)
		if (files_path(r->files, str_from(r->versions[i]), path, &ignored)) {
			(void)unlink(path);
			render_forget(r->files->folder, r->versions[i]);
		}
}

static void remove_done(uv_work_t *work, int status)
{
	struct removal *r = work->data;
	(void)status;
	files_free(r->files);
	free(r);
}

void files_remove(struct files *files, const char *const *versions, int count)
{
	while (count > 0) {
		struct removal *r = calloc(1, sizeof *r);
		if (r == NULL) abort();
		r->work.data = r;
		r->files = files;
		for (; count > 0 && r->count < REMOVE_AT_ONCE; versions++, count--) {
			if (!storage_is_uuid(str_from(*versions))) continue;
			(void)snprintf(r->versions[r->count++], STORAGE_VERSION_SIZE, "%s", *versions);
			place_remove(files->place, *versions);
		}
		files_hold(files);
		(void)uv_queue_work(files->loop, &r->work, remove_work, remove_done);
	}
}
