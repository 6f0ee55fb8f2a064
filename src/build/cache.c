/* SPDX-License-Identifier: Apache-2.0 */
#include "build/cache.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "build/child.h"
#include "codec/json.h"

#define META_MAX_BYTES (1u << 20)
#define ENTRIES_MAX 4096
#define STAGE_PREFIX "new-"

/* Of an app that had this name before, whose user is gone or somebody else by now. */
static bool is_foreign(const struct build_job *job, const char *path)
{
	struct stat st;
	return geteuid() == 0 && lstat(path, &st) == 0 && st.st_uid != job->uid;
}

static bool make_private(const struct build_job *job, const char *path, struct err *err)
{
	if (is_foreign(job, path) && !cache_remove(path, err)) return false;
	if (mkdir(path, 0700) != 0 && errno != EEXIST) return err_set_errno(err, "make folder %s", path);
	if (geteuid() == 0 && lchown(path, job->uid, job->gid) != 0)
		return err_set_errno(err, "give folder %s to the app", path);
	return true;
}

bool cache_open(const struct build_job *job, char ret_download[FILE_PATH_SIZE], struct err *err)
{
	char path[FILE_PATH_SIZE];
	if (!file_path(path, err, "%s/tools", job->cache_dir) || !file_mkdirs(path, 0755, err)) return false;
	if (!file_path(path, err, "%s/apps/%s/deps", job->cache_dir, job->app) || !file_mkdirs(path, 0755, err))
		return false;
	return file_path(ret_download, err, "%s/apps/%s/download", job->cache_dir, job->app) &&
	       make_private(job, ret_download, err);
}

static bool kept_reader(const void *arg, json_t **ret_answer, struct err *err)
{
	uint64_t bytes = 0;
	if (!file_tree_size(arg, &bytes, err)) return false;
	*ret_answer = json_pack("{s:I}", "bytes", (json_int_t)bytes);
	return true;
}

bool cache_kept(const struct build_job *job, const char *name, char ret_path[FILE_PATH_SIZE], bool *ret_is_filled,
		struct err *err)
{
	json_t *answer JSON_CLEANUP = NULL;
	if (!file_path(ret_path, err, "%s/apps/%s/%s", job->cache_dir, job->app, name) ||
	    !make_private(job, ret_path, err) ||
	    !build_child_run(job, "measure the build cache", kept_reader, ret_path, -1, &answer, err))
		return false;
	uint64_t bytes = (uint64_t)json_int(answer, "bytes", 0);
	*ret_is_filled = bytes > 0 && bytes <= CACHE_KEPT_MAX_BYTES;
	if (bytes <= CACHE_KEPT_MAX_BYTES) return true;
	return cache_remove(ret_path, err) && make_private(job, ret_path, err);
}

bool cache_entry_path(const struct build_job *job, const char *key, char ret_path[FILE_PATH_SIZE], struct err *err)
{
	return file_path(ret_path, err, "%s/apps/%s/deps/%s", job->cache_dir, job->app, key);
}

bool cache_get(const struct build_job *job, const char *key, json_t **ret_meta, int *ret_lock_fd, struct err *err)
{
	char folder[FILE_PATH_SIZE], file[FILE_PATH_SIZE];
	if (!cache_entry_path(job, key, folder, err) || !file_path(file, err, "%s.json", folder)) return false;
	if (is_foreign(job, folder)) return err_set(err, ERR_NOT_FOUND, "%s belongs to another app", folder);
	int fd = open(file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0) return err_set_errno(err, "%s", file);
	/* Locked first, looked at then: whoever removes it removes the folder before it lets go of the lock. */
	bool ok = flock(fd, LOCK_SH | LOCK_NB) == 0 && file_is_dir(folder) && file_exists(file);
	if (!ok) (void)err_set(err, ERR_NOT_FOUND, "%s is being removed", folder);
	ok = ok && json_parse_file(file, META_MAX_BYTES, ret_meta, err);
	if (!ok) {
		(void)close(fd);
		return false;
	}
	(void)futimens(fd, NULL);
	*ret_lock_fd = fd;
	return true;
}

bool cache_stage(const struct build_job *job, char ret_path[FILE_PATH_SIZE], struct err *err)
{
	char name[64];
	(void)snprintf(name, sizeof name, STAGE_PREFIX "%d", (int)getpid());
	return cache_entry_path(job, name, ret_path, err) && cache_remove(ret_path, err) &&
	       make_private(job, ret_path, err);
}

bool cache_commit(const struct build_job *job, const char *staged, const char *key, json_t *meta, uint64_t bytes,
		  struct err *err)
{
	char folder[FILE_PATH_SIZE], file[FILE_PATH_SIZE];
	if (!cache_entry_path(job, key, folder, err) || !file_path(file, err, "%s.json", folder)) return false;
	if (json_object_set_new(meta, "bytes", json_integer((json_int_t)bytes)) != 0)
		return err_set(err, ERR_INTERNAL, "keep dependencies");
	if (!cache_remove(folder, err)) return false;
	if (rename(staged, folder) != 0) return err_set_errno(err, "keep dependencies as %s", folder);
	char *text = json_text(meta);
	bool ok = file_write(file, str_from(text), 0644, err);
	free(text);
	return ok;
}

static bool empty_reader(const void *arg, json_t **ret_answer, struct err *err)
{
	(void)ret_answer;
	const char *path = arg;
	DIR *d = opendir(path);
	if (d == NULL) return err_set_errno(err, "%s", path);
	bool ok = true;
	for (struct dirent *e; ok && (e = readdir(d)) != NULL;) {
		char inner[FILE_PATH_SIZE];
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0) continue;
		ok = file_path(inner, err, "%s/%s", path, e->d_name) && file_remove_tree(inner, err);
	}
	(void)closedir(d);
	return ok;
}

bool cache_forget(const char *cache_dir, const char *app, struct err *err)
{
	char path[FILE_PATH_SIZE];
	return file_path(path, err, "%s/apps/%s", cache_dir, app) && file_remove_tree(path, err);
}

bool cache_remove(const char *path, struct err *err)
{
	struct stat st;
	if (lstat(path, &st) != 0) return errno == ENOENT || err_set_errno(err, "%s", path);
	if (!S_ISDIR(st.st_mode)) return unlink(path) == 0 || err_set_errno(err, "remove %s", path);
	if (st.st_uid == 0) return file_remove_tree(path, err);
	const struct build_job owner = {.has_user = true, .uid = st.st_uid, .gid = st.st_gid};
	json_t *answer JSON_CLEANUP = NULL;
	if (!build_child_run(&owner, "remove old dependencies", empty_reader, path, -1, &answer, err)) return false;
	return rmdir(path) == 0 || err_set_errno(err, "remove %s", path);
}

struct entry {
	char path[FILE_PATH_SIZE]; /* without .json */
	uint64_t bytes;
	struct timespec used;
};

struct entries {
	struct entry *list;
	int count;
	uint64_t bytes;
};

/* Only when nobody holds it. The lock is released after the folder is gone. */
static bool remove_entry(const struct entry *entry)
{
	char file[FILE_PATH_SIZE];
	struct err ignored;
	if (!file_path(file, &ignored, "%s.json", entry->path)) return false;
	int fd = open(file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	bool ok =
	    fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0 && unlink(file) == 0 && cache_remove(entry->path, &ignored);
	if (fd >= 0) (void)close(fd);
	return ok;
}

static void note_entry(struct entries *all, const char *folder, const char *name)
{
	struct entry *e = &all->list[all->count];
	char file[FILE_PATH_SIZE];
	struct err ignored;
	struct stat st;
	json_t *meta JSON_CLEANUP = NULL;
	if (all->count == ENTRIES_MAX || !file_path(file, &ignored, "%s/%s", folder, name)) return;
	if (lstat(file, &st) != 0 || !json_parse_file(file, META_MAX_BYTES, &meta, &ignored)) return;
	(void)snprintf(e->path, sizeof e->path, "%.*s", (int)(strlen(file) - strlen(".json")), file);
	e->bytes = (uint64_t)json_int(meta, "bytes", 0);
	e->used = st.st_mtim;
	all->bytes += e->bytes;
	all->count++;
}

/* What a killed install left: its process is gone, or the folder has no .json beside it and is not being staged. */
static void remove_half_made(const char *folder, const char *name)
{
	char path[FILE_PATH_SIZE], file[FILE_PATH_SIZE];
	struct err ignored;
	int pid;
	if (name[0] == '.' || !file_path(path, &ignored, "%s/%s", folder, name) ||
	    !file_path(file, &ignored, "%s.json", path))
		return;
	bool is_staged = sscanf(name, STAGE_PREFIX "%d", &pid) == 1;
	if (is_staged ? kill(pid, 0) != 0 && errno == ESRCH : !file_exists(file)) (void)cache_remove(path, &ignored);
}

static void look_into(struct entries *all, const char *folder, bool is_own)
{
	DIR *d = opendir(folder);
	if (d == NULL) return;
	for (struct dirent *e; (e = readdir(d)) != NULL;) {
		if (str_has_suffix(str_from(e->d_name), STR(".json")))
			note_entry(all, folder, e->d_name);
		else if (is_own)
			remove_half_made(folder, e->d_name);
	}
	(void)closedir(d);
}

static int by_use(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;
	if (x->used.tv_sec != y->used.tv_sec) return x->used.tv_sec < y->used.tv_sec ? -1 : 1;
	return x->used.tv_nsec < y->used.tv_nsec ? -1 : x->used.tv_nsec > y->used.tv_nsec;
}

int cache_trim(const struct build_job *job)
{
	struct entries all = {.list = calloc(ENTRIES_MAX, sizeof *all.list)};
	char apps[FILE_PATH_SIZE], folder[FILE_PATH_SIZE];
	struct err ignored;
	uint64_t max = job->cache_max_bytes > 0 ? job->cache_max_bytes : BUILD_CACHE_MAX_BYTES;
	int removed = 0;
	DIR *d = NULL;
	if (all.list == NULL) abort();
	if (file_path(apps, &ignored, "%s/apps", job->cache_dir)) d = opendir(apps);
	for (struct dirent *e; d != NULL && (e = readdir(d)) != NULL;)
		if (e->d_name[0] != '.' && file_path(folder, &ignored, "%s/%s/deps", apps, e->d_name))
			look_into(&all, folder, strcmp(e->d_name, job->app) == 0);
	if (d != NULL) (void)closedir(d);
	qsort(all.list, (size_t)all.count, sizeof *all.list, by_use);
	for (int i = 0; i < all.count && all.bytes > max; i++)
		if (remove_entry(&all.list[i])) all.bytes -= all.list[i].bytes, removed++;
	free(all.list);
	return removed;
}
