/* SPDX-License-Identifier: Apache-2.0 */
#include "os/file.h"

#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <linux/openat2.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#define COPY_CHUNK_BYTES (1u << 20)
#define REMOVE_WALKS_MAX 200

bool file_path(char ret_path[FILE_PATH_SIZE], struct err *err, const char *fmt, ...)
{
	char path[FILE_PATH_SIZE];
	va_list args;
	va_start(args, fmt);
	int len = vsnprintf(path, sizeof path, fmt, args);
	va_end(args);
	if (len < 0 || (size_t)len >= sizeof path) return err_set(err, ERR_LIMIT, "path is too long: %.200s…", path);
	memcpy(ret_path, path, (size_t)len + 1);
	return true;
}

bool file_exists(const char *path)
{
	return access(path, F_OK) == 0;
}

bool file_is_dir(const char *path)
{
	struct stat st;
	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

int file_open_beneath(int dir, const char *path, int flags)
{
	struct open_how how = {.flags = (uint64_t)flags | O_CLOEXEC,
			       .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS};
	return (int)syscall(SYS_openat2, dir, path, &how, sizeof how);
}

bool file_read(const char *path, struct buf *ret_bytes, struct err *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) return err_set_errno(err, "%s", path);
	char chunk[16384];
	ssize_t got;
	while ((got = read(fd, chunk, sizeof chunk)) > 0 && buf_is_ok(ret_bytes))
		buf_append(ret_bytes, chunk, (size_t)got);
	bool ok = true;
	if (got < 0)
		ok = err_set_errno(err, "%s", path);
	else if (!buf_is_ok(ret_bytes))
		ok = err_set(err, ERR_LIMIT, "%s is larger than %zu bytes", path, ret_bytes->max);
	(void)close(fd);
	return ok;
}

static bool write_all(int fd, struct str bytes)
{
	while (bytes.len > 0) {
		ssize_t put = write(fd, bytes.ptr, bytes.len);
		if (put < 0 && errno == EINTR) continue;
		if (put < 0) return false;
		bytes = str_sub(bytes, (size_t)put, bytes.len);
	}
	return true;
}

/* The folder part of path, "." where there is none. */
static void parent_of(const char *path, char ret_parent[FILE_PATH_SIZE])
{
	const char *slash = strrchr(path, '/');
	size_t len = slash != NULL ? (size_t)(slash - path) : 0;
	if (slash == path) len = 1;
	(void)snprintf(ret_parent, FILE_PATH_SIZE, "%.*s", len > 0 ? (int)len : 1, len > 0 ? path : ".");
}

bool file_sync_dir(const char *path, struct err *err)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0) return err_set_errno(err, "%s", path);
	bool ok = fsync(fd) == 0 || err_set_errno(err, "sync %s", path);
	(void)close(fd);
	return ok;
}

static bool sync_parent(const char *path, struct err *err)
{
	char parent[FILE_PATH_SIZE];
	parent_of(path, parent);
	return file_sync_dir(parent, err);
}

bool file_read_int(const char *path, int64_t *ret_number)
{
	struct buf text BUF_CLEANUP;
	struct err ignored;
	buf_init(&text, 64);
	return file_read(path, &text, &ignored) && str_to_int(str_trim(buf_view(&text)), ret_number);
}

bool file_write(const char *path, struct str bytes, mode_t mode, struct err *err)
{
	char beside[FILE_PATH_SIZE];
	if (!file_path(beside, err, "%s.new%d", path, (int)getpid())) return false;
	int fd = open(beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, mode);
	if (fd < 0) return err_set_errno(err, "write %s", path);
	bool ok =
	    (fchmod(fd, mode) == 0 && write_all(fd, bytes) && fsync(fd) == 0) || err_set_errno(err, "write %s", path);
	(void)close(fd);
	if (ok && rename(beside, path) != 0) ok = err_set_errno(err, "write %s", path);
	if (!ok) {
		(void)unlink(beside);
		return false;
	}
	return sync_parent(path, err);
}

bool file_mkdirs(const char *path, mode_t mode, struct err *err)
{
	char part[FILE_PATH_SIZE];
	if (!file_path(part, err, "%s", path)) return false;
	for (char *slash = part + 1;; slash++) {
		char was = *slash;
		if (was != '/' && was != '\0') continue;
		*slash = '\0';
		if (mkdir(part, mode) != 0 && (errno != EEXIST || !file_is_dir(part))) {
			if (errno == EEXIST) errno = ENOTDIR;
			return err_set_errno(err, "make folder %s", part);
		}
		*slash = was;
		if (was == '\0') return true;
	}
}

/* Walks a tree and calls visit for each entry; stops at the first failure. */
static bool walk(const char *path, bool (*visit)(FTSENT *entry, void *arg, struct err *err), void *arg, struct err *err)
{
	char root[FILE_PATH_SIZE];
	if (!file_path(root, err, "%s", path)) return false;
	char *roots[] = {root, NULL};
	FTS *fts = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
	if (fts == NULL) return err_set_errno(err, "read %s", path);
	bool ok = true;
	for (FTSENT *entry; ok && (entry = fts_read(fts)) != NULL;) {
		if (entry->fts_info == FTS_DNR || entry->fts_info == FTS_ERR || entry->fts_info == FTS_NS) {
			errno = entry->fts_errno;
			/* Gone while we walked, or never there: nothing to do. */
			if (errno != ENOENT) ok = err_set_errno(err, "%s", entry->fts_path);
			continue;
		}
		ok = visit(entry, arg, err);
	}
	(void)fts_close(fts);
	return ok;
}

static bool remove_entry(FTSENT *entry, void *arg, struct err *err)
{
	/* A folder that its owner made unreadable must be opened before its entries can go. */
	if (entry->fts_info == FTS_D) {
		if ((entry->fts_statp->st_mode & S_IRWXU) != S_IRWXU) (void)chmod(entry->fts_path, 0700);
		return true;
	}
	int failed = entry->fts_info == FTS_DP ? rmdir(entry->fts_path) : unlink(entry->fts_path);
	if (failed != 0 && errno == ENOTEMPTY) {
		*(bool *)arg = true;
		return true;
	}
	return failed == 0 || errno == ENOENT || err_set_errno(err, "remove %s", entry->fts_path);
}

/* A process that was just killed may still write into the folder in its last moment: then it is walked again. */
bool file_remove_tree(const char *path, struct err *err)
{
	for (int i = 0; i < REMOVE_WALKS_MAX; i++) {
		bool has_grown = false;
		if (!walk(path, remove_entry, &has_grown, err)) return false;
		if (!has_grown) return true;
	}
	return err_set(err, ERR_CONFLICT, "remove %s: something keeps writing into it", path);
}

bool file_link_swap(const char *target, const char *link, struct err *err)
{
	char beside[FILE_PATH_SIZE];
	if (!file_path(beside, err, "%s.new%d", link, (int)getpid())) return false;
	(void)unlink(beside);
	if (symlink(target, beside) != 0) return err_set_errno(err, "link %s", link);
	if (rename(beside, link) != 0) {
		(void)err_set_errno(err, "link %s", link);
		(void)unlink(beside);
		return false;
	}
	return sync_parent(link, err);
}

bool file_link_read(const char *link, char ret_target[FILE_PATH_SIZE], struct err *err)
{
	char target[FILE_PATH_SIZE];
	ssize_t len = readlink(link, target, sizeof target - 1);
	if (len < 0) return err_set_errno(err, "%s", link);
	memcpy(ret_target, target, (size_t)len);
	ret_target[len] = '\0';
	return true;
}

static bool copy_bytes(int in, int out)
{
	for (;;) {
		ssize_t got = copy_file_range(in, NULL, out, NULL, COPY_CHUNK_BYTES, 0);
		if (got == 0) return true;
		if (got > 0 || errno == EINTR) continue;
		if (errno != EXDEV && errno != EINVAL && errno != ENOSYS && errno != EOPNOTSUPP) return false;
		break;
	}
	char chunk[65536];
	for (ssize_t got; (got = read(in, chunk, sizeof chunk)) != 0;)
		if (got < 0 || !write_all(out, (struct str){chunk, (size_t)got})) return false;
	return true;
}

static bool copy_file(const char *from, const char *to, mode_t mode, struct err *err)
{
	int in = open(from, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (in < 0) return err_set_errno(err, "copy %s", from);
	int out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode & 07777);
	bool ok = (out >= 0 && copy_bytes(in, out) && fchmod(out, mode & 07777) == 0) ||
		  err_set_errno(err, "copy %s to %s", from, to);
	if (out >= 0) (void)close(out);
	(void)close(in);
	return ok;
}

struct copy {
	size_t from_len;
	const char *to;
};

static bool copy_entry(FTSENT *entry, void *arg, struct err *err)
{
	const struct copy *c = arg;
	char to[FILE_PATH_SIZE];
	if (!file_path(to, err, "%s%s", c->to, entry->fts_path + c->from_len)) return false;
	mode_t mode = entry->fts_statp->st_mode;
	if (entry->fts_info == FTS_D)
		return mkdir(to, (mode & 07777) | S_IRWXU) == 0 || err_set_errno(err, "make folder %s", to);
	if (entry->fts_info == FTS_F) return copy_file(entry->fts_path, to, mode, err);
	return true;
}

bool file_copy_tree(const char *from, const char *to, struct err *err)
{
	if (!file_is_dir(from)) {
		errno = ENOENT;
		return err_set_errno(err, "copy %s", from);
	}
	struct copy c = {strlen(from), to};
	return walk(from, copy_entry, &c, err);
}

struct owner {
	uid_t uid;
	gid_t gid;
};

static bool chown_entry(FTSENT *entry, void *arg, struct err *err)
{
	const struct owner *o = arg;
	if (entry->fts_info == FTS_DP) return true;
	return lchown(entry->fts_path, o->uid, o->gid) == 0 ||
	       err_set_errno(err, "change the owner of %s", entry->fts_path);
}

bool file_chown_tree(const char *path, uid_t uid, gid_t gid, struct err *err)
{
	if (geteuid() != 0) return true;
	struct owner o = {uid, gid};
	return walk(path, chown_entry, &o, err);
}

static bool add_size(FTSENT *entry, void *arg, struct err *err)
{
	(void)err;
	uint64_t *total = arg;
	if (entry->fts_info == FTS_F) *total += (uint64_t)entry->fts_statp->st_size;
	return true;
}

bool file_tree_size(const char *path, uint64_t *ret_bytes, struct err *err)
{
	uint64_t total = 0;
	if (!walk(path, add_size, &total, err)) return false;
	*ret_bytes = total;
	return true;
}

struct bounded {
	uint64_t bytes;
	uint32_t left;
};

static bool add_size_bounded(FTSENT *entry, void *arg, struct err *err)
{
	struct bounded *b = arg;
	return b->left-- > 0 ? add_size(entry, &b->bytes, err) : err_set(err, ERR_LIMIT, "enough");
}

uint64_t file_tree_size_up_to(const char *path, uint32_t max_entries, bool *ret_is_whole)
{
	struct bounded b = {.left = max_entries};
	struct err err;
	*ret_is_whole = walk(path, add_size_bounded, &b, &err) || err.code != ERR_LIMIT;
	return b.bytes;
}

bool file_disk_free(const char *path, uint64_t *ret_bytes, struct err *err)
{
	struct statvfs vfs;
	if (statvfs(path, &vfs) != 0) return err_set_errno(err, "%s", path);
	*ret_bytes = (uint64_t)vfs.f_bavail * vfs.f_frsize;
	return true;
}

void file_keep_end(int fd, size_t max_bytes)
{
	struct stat st;
	size_t keep = max_bytes / 2;
	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || (size_t)st.st_size <= max_bytes) return;
	char *tail = malloc(keep);
	if (tail == NULL) abort();
	ssize_t got = pread(fd, tail, keep, st.st_size - (off_t)keep);
	char *line = got > 0 ? memchr(tail, '\n', (size_t)got) : NULL;
	size_t from = line != NULL ? (size_t)(line + 1 - tail) : 0;
	/* A write that fails leaves less of a log, no more. */
	if (got > 0 && ftruncate(fd, 0) == 0) (void)!pwrite(fd, tail + from, (size_t)got - from, 0);
	free(tail);
}
