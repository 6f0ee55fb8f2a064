/* SPDX-License-Identifier: Apache-2.0 */
#include "build/tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/file.h"

#define CHUNK_BYTES (1u << 20)
#define COMPARED_BYTES 16384

static bool take_folder(struct tree_copy *c, int from, int to, const char *relative, int depth, struct err *err);

static bool copy_all(int from, int to)
{
	ssize_t got;
	while ((got = copy_file_range(from, NULL, to, NULL, CHUNK_BYTES, 0)) > 0)
		;
	return got == 0;
}

static bool count(struct tree_copy *c, uint64_t bytes, struct err *err)
{
	c->files++;
	c->bytes += bytes;
	if (c->files > c->max_files)
		return err_set(err, ERR_LIMIT, "%s has more than %llu files", c->what,
			       (unsigned long long)c->max_files);
	return c->bytes <= c->max_bytes ||
	       err_set(err, ERR_LIMIT, "%s has more than %llu MB", c->what, (unsigned long long)c->max_bytes / 1000000);
}

static bool have_same_bytes(int a, int b)
{
	char of_a[COMPARED_BYTES], of_b[COMPARED_BYTES];
	for (off_t at = 0;;) {
		ssize_t got = pread(a, of_a, sizeof of_a, at);
		if (got < 0 || pread(b, of_b, sizeof of_b, at) != got || memcmp(of_a, of_b, (size_t)got) != 0)
			return false;
		if (got == 0) return true;
		at += got;
	}
}

/* False: there is none like it, or it cannot be linked (too many links, another file system): then it is copied. */
static bool share(struct tree_copy *c, int from, int to_dir, const char *name, const char *relative, mode_t mode)
{
	char open_file[64];
	struct stat st, there;
	int dir = c->like != NULL ? open(c->like, O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;
	int like = dir >= 0 ? file_open_beneath(dir, relative, O_RDONLY | O_NONBLOCK) : -1;
	if (dir >= 0) (void)close(dir);
	if (like < 0) return false;
	(void)snprintf(open_file, sizeof open_file, "/proc/self/fd/%d", like);
	bool ok = fstat(like, &there) == 0 && fstat(from, &st) == 0 && S_ISREG(there.st_mode) &&
		  (there.st_mode & 07777) == mode && there.st_uid == geteuid() && there.st_size == st.st_size &&
		  have_same_bytes(from, like) && linkat(AT_FDCWD, open_file, to_dir, name, AT_SYMLINK_FOLLOW) == 0;
	(void)close(like);
	return ok;
}

static bool take_file(struct tree_copy *c, int from_dir, int to_dir, const char *name, const char *relative,
		      const struct stat *st, struct err *err)
{
	mode_t mode = (st->st_mode & 0111) != 0 ? 0755 : 0644;
	if (!count(c, (uint64_t)st->st_size, err)) return false;
	if (c->is_linked) return linkat(from_dir, name, to_dir, name, 0) == 0 || err_set_errno(err, "link %s", name);
	int from = openat(from_dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (from < 0) return err_set_errno(err, "read %s", name);
	if (share(c, from, to_dir, name, relative, mode)) return close(from) == 0;
	int to = openat(to_dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
	bool ok = to >= 0 && fchmod(to, mode) == 0 && copy_all(from, to);
	if (!ok) (void)err_set_errno(err, "copy %s", name);
	if (to >= 0 && close(to) != 0 && ok) ok = err_set_errno(err, "copy %s", name);
	(void)close(from);
	return ok;
}

static bool take_link(struct tree_copy *c, int from_dir, int to_dir, const char *name, struct err *err)
{
	char target[FILE_PATH_SIZE];
	ssize_t len = readlinkat(from_dir, name, target, sizeof target - 1);
	if (!count(c, 0, err)) return false;
	if (len < 0) return err_set_errno(err, "read link %s", name);
	target[len] = '\0';
	return symlinkat(target, to_dir, name) == 0 || err_set_errno(err, "link %s", name);
}

static bool take_subfolder(struct tree_copy *c, int from_dir, int to_dir, const char *name, const char *relative,
			   int depth, struct err *err)
{
	if (depth >= TREE_MAX_DEPTH)
		return err_set(err, ERR_LIMIT, "%s: folders lie more than %d deep", c->what, TREE_MAX_DEPTH);
	if (mkdirat(to_dir, name, 0755) != 0 && errno != EEXIST) return err_set_errno(err, "make folder %s", relative);
	int from = openat(from_dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	int to = openat(to_dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	bool ok = (from >= 0 && to >= 0) || err_set_errno(err, "folder %s", relative);
	ok = ok && (fchmod(to, 0755) == 0 || err_set_errno(err, "folder %s", relative));
	ok = ok && take_folder(c, from, to, relative, depth + 1, err);
	if (from >= 0) (void)close(from);
	if (to >= 0) (void)close(to);
	return ok;
}

static bool take_entry(struct tree_copy *c, int from, int to, const char *folder, const char *name, int depth,
		       struct err *err)
{
	char relative[FILE_PATH_SIZE];
	struct stat st;
	if (!file_path(relative, err, "%s%s%s", folder, *folder != '\0' ? "/" : "", name)) return false;
	if (c->leaves_out != NULL && c->leaves_out(relative)) return true;
	if (fstatat(from, name, &st, AT_SYMLINK_NOFOLLOW) != 0) return err_set_errno(err, "%s", relative);
	if (S_ISDIR(st.st_mode)) return take_subfolder(c, from, to, name, relative, depth, err);
	if (S_ISREG(st.st_mode)) return take_file(c, from, to, name, relative, &st, err);
	return !S_ISLNK(st.st_mode) || take_link(c, from, to, name, err);
}

static bool take_folder(struct tree_copy *c, int from, int to, const char *relative, int depth, struct err *err)
{
	int again = dup(from);
	DIR *d = again >= 0 ? fdopendir(again) : NULL;
	if (d == NULL) {
		(void)err_set_errno(err, "read folder %s", relative);
		if (again >= 0) (void)close(again);
		return false;
	}
	bool ok = true;
	for (struct dirent *e; ok && (e = readdir(d)) != NULL;)
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			ok = take_entry(c, from, to, relative, e->d_name, depth, err);
	(void)closedir(d);
	return ok;
}

bool tree_copy(struct tree_copy *copy, const char *from, const char *to, struct err *err)
{
	if (!file_mkdirs(to, 0755, err)) return false;
	int source = open(from, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	int target = open(to, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	bool ok = (source >= 0 && target >= 0) || err_set_errno(err, "copy %s", from);
	ok = ok && take_folder(copy, source, target, "", 0, err);
	if (source >= 0) (void)close(source);
	if (target >= 0) (void)close(target);
	return ok || err_wrap(err, "%s", copy->what);
}
