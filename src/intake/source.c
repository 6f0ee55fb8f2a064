/* SPDX-License-Identifier: Apache-2.0 */
#include "intake/source.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

struct walk {
	struct source *source;
	size_t capacity;
	struct err *err;
};

static void close_root(void *arg)
{
	(void)close((int)(intptr_t)arg);
}

static bool is_plain_name(const char *name)
{
	for (const char *c = name; *c != '\0'; c++)
		if ((unsigned char)*c < 0x20 || *c == 0x7F) return false;
	return str_is_utf8(str_from(name));
}

static bool is_left_out(const char *name)
{
	return strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || strcmp(name, "node_modules") == 0 ||
	       strcmp(name, ".git") == 0 || !is_plain_name(name);
}

static bool add_file(struct walk *w, const char *path, uint64_t size)
{
	struct source *s = w->source;
	if (s->count == w->capacity) {
		if (s->count >= SOURCE_MAX_FILES)
			return err_set(w->err, ERR_LIMIT, "the source has more than %d files", SOURCE_MAX_FILES);
		size_t capacity = w->capacity == 0 ? 256 : w->capacity * 2;
		struct source_file *larger = arena_array(s->arena, capacity, sizeof *larger);
		if (larger == NULL) return err_set(w->err, ERR_LIMIT, "the source has too many files");
		if (s->count > 0) memcpy(larger, s->files, s->count * sizeof *larger);
		s->files = larger;
		w->capacity = capacity;
	}
	s->files[s->count++] = (struct source_file){path, size};
	s->bytes += size;
	return true;
}

static bool walk_dir(struct walk *w, int fd, const char *prefix, int depth);

static bool walk_entry(struct walk *w, int dir, const char *name, const char *prefix, int depth)
{
	struct stat st;
	if (is_left_out(name) || fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) != 0) return true;
	if (!S_ISDIR(st.st_mode) && !S_ISREG(st.st_mode)) return true;
	const char *path = arena_printf(w->source->arena, "%s%s%s", prefix, prefix[0] != '\0' ? "/" : "", name);
	if (path == NULL) return err_set(w->err, ERR_LIMIT, "the source has too many files");
	if (S_ISREG(st.st_mode)) return add_file(w, path, (uint64_t)st.st_size);
	int fd = openat(dir, name, O_DIRECTORY | O_NOFOLLOW | O_RDONLY | O_CLOEXEC);
	return fd < 0 || walk_dir(w, fd, path, depth + 1);
}

/* Closes fd. */
static bool walk_dir(struct walk *w, int fd, const char *prefix, int depth)
{
	DIR *d = fdopendir(fd);
	if (d == NULL) return err_set_errno(w->err, "%s", prefix);
	bool ok = depth <= SOURCE_MAX_DEPTH || err_set(w->err, ERR_LIMIT, "%s lies in too many folders", prefix);
	for (struct dirent *e; ok && (e = readdir(d)) != NULL;) ok = walk_entry(w, dirfd(d), e->d_name, prefix, depth);
	(void)closedir(d);
	return ok;
}

static int by_path(const void *a, const void *b)
{
	return strcmp(((const struct source_file *)a)->path, ((const struct source_file *)b)->path);
}

bool source_open(const char *dir, struct arena *arena, struct source *ret_source, struct err *err)
{
	struct source s = {.arena = arena, .root = open(dir, O_DIRECTORY | O_RDONLY | O_CLOEXEC)};
	if (s.root < 0) return err_set_errno(err, "%s", dir);
	arena_defer(arena, close_root, (void *)(intptr_t)s.root);
	struct walk w = {.source = &s, .err = err};
	int fd = openat(s.root, ".", O_DIRECTORY | O_RDONLY | O_CLOEXEC);
	if (fd < 0) return err_set_errno(err, "%s", dir);
	if (!walk_dir(&w, fd, "", 0)) return false;
	if (s.count > 0) qsort(s.files, s.count, sizeof *s.files, by_path);
	*ret_source = s;
	return true;
}

size_t source_lower_bound(const struct source *s, const char *prefix)
{
	size_t low = 0, high = s->count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (strcmp(s->files[middle].path, prefix) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

const struct source_file *source_find(const struct source *s, const char *path)
{
	size_t i = source_lower_bound(s, path);
	return i < s->count && strcmp(s->files[i].path, path) == 0 ? &s->files[i] : NULL;
}

const struct source_file *source_find_in(const struct source *s, const char *root, const char *name)
{
	char path[4096];
	(void)snprintf(path, sizeof path, "%s%s%s", root, root[0] != '\0' ? "/" : "", name);
	return source_find(s, path);
}

bool source_has_dir(const struct source *s, const char *root, const char *name)
{
	char path[4096];
	(void)snprintf(path, sizeof path, "%s%s%s/", root, root[0] != '\0' ? "/" : "", name);
	size_t i = source_lower_bound(s, path);
	return i < s->count && strncmp(s->files[i].path, path, strlen(path)) == 0;
}

static int open_beneath(int root, const char *path)
{
	struct open_how how = {.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK,
			       .resolve = RESOLVE_NO_SYMLINKS | RESOLVE_BENEATH};
	int fd = (int)syscall(SYS_openat2, root, path, &how, sizeof how);
	if (fd >= 0 || errno != ENOSYS) return fd;
	return openat(root, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
}

bool source_read(const struct source *s, const struct source_file *file, size_t max_bytes, struct buf *ret_bytes,
		 struct err *err)
{
	if (file->size > max_bytes)
		return err_set(err, ERR_LIMIT, "%s is larger than %zu MB", file->path, max_bytes >> 20);
	int fd = open_beneath(s->root, file->path);
	if (fd < 0) return err_set_errno(err, "%s", file->path);
	char block[16384];
	ssize_t got;
	while ((got = read(fd, block, sizeof block)) > 0 && ret_bytes->len <= max_bytes)
		buf_append(ret_bytes, block, (size_t)got);
	(void)close(fd);
	if (got < 0) return err_set_errno(err, "%s", file->path);
	if (!buf_is_ok(ret_bytes) || ret_bytes->len > max_bytes)
		return err_set(err, ERR_LIMIT, "%s is larger than %zu MB", file->path, max_bytes >> 20);
	return true;
}

void source_mark(const struct source_file *file)
{
	(void)fprintf(stderr, "reading %s\n", file->path);
}
