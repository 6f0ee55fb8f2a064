/* SPDX-License-Identifier: Apache-2.0 */
#include "move/import_place.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define FOLDER_FLAGS (O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW)

int import_place_objects(const struct parts *parts)
{
	int storage = open(parts->storage_dir, FOLDER_FLAGS);
	if (storage < 0) return -1;
	int objects = openat(storage, "objects", FOLDER_FLAGS);
	(void)close(storage);
	return objects;
}

bool import_place_has(int objects_fd, const struct want *want)
{
	struct stat st;
	char name[STORAGE_VERSION_SIZE + 4];
	if (objects_fd < 0 || want->size < 0) return false;
	(void)snprintf(name, sizeof name, "%.2s", want->version);
	int folder = openat(objects_fd, name, FOLDER_FLAGS);
	if (folder < 0) return false;
	bool has = fstatat(folder, want->version, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode) &&
		   st.st_size == want->size;
	(void)close(folder);
	return has;
}

/* A folder of the backend's, as it makes them itself; the edge's group comes from the one above. */
static int open_folder(const struct flow *f, const struct parts *p, int above, const char *name, struct err *err)
{
	bool is_new = mkdirat(above, name, 0750) == 0;
	int fd = openat(above, name, FOLDER_FLAGS);
	if (fd < 0) {
		(void)err_set_errno(err, "the folder %s of the storage", name);
		return -1;
	}
	if (!is_new || !f->is_root) return fd;
	if (fchown(fd, p->users.api.uid, (gid_t)-1) != 0 || fchmod(fd, 02750) != 0) {
		(void)err_set_errno(err, "the folder %s of the storage", name);
		(void)close(fd);
		return -1;
	}
	return fd;
}

/* Whole under its name, whatever lay there; the sweep takes what is young to be on its way to a row. */
static bool link_file(const struct flow *f, const struct parts *p, int from, int to, const char *version,
		      struct err *err)
{
	char beside[STORAGE_VERSION_SIZE + 8];
	struct stat above, mine, there;
	int fd = openat(from, version, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0) return err_set_errno(err, "a file that came");
	bool ok = fstat(fd, &mine) == 0 && fstat(to, &above) == 0 && futimens(fd, NULL) == 0 &&
		  (!f->is_root || fchown(fd, p->users.api.uid, above.st_gid) == 0) && fchmod(fd, 0640) == 0;
	(void)close(fd);
	if (!ok) return err_set_errno(err, "a file that came");
	if (fstatat(to, version, &there, AT_SYMLINK_NOFOLLOW) == 0 && there.st_ino == mine.st_ino) return true;
	(void)snprintf(beside, sizeof beside, "%s.new", version);
	(void)unlinkat(to, beside, 0);
	return (linkat(from, version, to, beside, 0) == 0 && renameat(to, beside, to, version) == 0) ||
	       err_set_errno(err, "put a file into the storage");
}

static bool place_one(const struct flow *f, const struct parts *p, int from, int objects, const char *version,
		      struct err *err)
{
	char name[4];
	(void)snprintf(name, sizeof name, "%.2s", version);
	int folder = open_folder(f, p, objects, name, err);
	if (folder < 0) return false;
	bool ok = link_file(f, p, from, folder, version, err);
	(void)close(folder);
	return ok;
}

bool import_place(const struct flow *f, const struct parts *parts, const char *folder, struct err *err)
{
	int storage = open(parts->storage_dir, FOLDER_FLAGS);
	if (storage < 0) return err_set_errno(err, "%s", parts->storage_dir);
	int objects = open_folder(f, parts, storage, "objects", err);
	(void)close(storage);
	if (objects < 0) return false;
	DIR *dir = opendir(folder);
	bool ok = dir != NULL || err_set_errno(err, "%s", folder);
	for (struct dirent *e; ok && (e = readdir(dir)) != NULL;)
		if (storage_is_uuid(str_from(e->d_name))) ok = place_one(f, parts, dirfd(dir), objects, e->d_name, err);
	ok = ok && (syncfs(objects) == 0 || err_set_errno(err, "put files into the storage"));
	if (dir != NULL) (void)closedir(dir);
	(void)close(objects);
	return ok;
}
