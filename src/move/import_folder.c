/* SPDX-License-Identifier: Apache-2.0 */
#include "move/import_folder.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/file.h"

#define READ_BYTES (256u << 10)
#define PATH_SIZE (WANT_BUCKET_SIZE + WANT_NAME_SIZE + STORAGE_VERSION_SIZE + 4)

bool folder_open(const char *path, int *ret_root_fd, struct err *err)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0) return err_set_errno(err, "the folder of files %s", path);
	*ret_root_fd = fd;
	return true;
}

static bool is_regular(int fd)
{
	struct stat st;
	return fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
}

static bool is_folder(int fd)
{
	struct stat st;
	return fd >= 0 && fstat(fd, &st) == 0 && S_ISDIR(st.st_mode);
}

/* -1: there is none, or what is there is no file. */
static int find(int root_fd, const struct want *w)
{
	char path[PATH_SIZE];
	if (!want_is_below(str_from(w->bucket)) || !want_is_below(str_from(w->name))) return -1;
	(void)snprintf(path, sizeof path, "%s/%s", w->bucket, w->name);
	int fd = file_open_beneath(root_fd, path, O_RDONLY | O_NONBLOCK);
	if (is_folder(fd)) {
		(void)close(fd);
		(void)snprintf(path, sizeof path, "%s/%s/%s", w->bucket, w->name, w->version);
		fd = file_open_beneath(root_fd, path, O_RDONLY | O_NONBLOCK);
	}
	if (is_regular(fd)) return fd;
	if (fd >= 0) (void)close(fd);
	return -1;
}

bool folder_take(int root_fd, int folder_fd, const struct want *want, enum want_end *ret_end, struct err *err)
{
	static char bytes[READ_BYTES];
	struct intake_file file;
	bool is_the_one = false;
	ssize_t got = 0;
	int fd = find(root_fd, want);
	if (fd < 0) {
		*ret_end = WANT_MISSING;
		return true;
	}
	bool ok = intake_file_open(&file, folder_fd, want->version, err);
	while (ok && (got = read(fd, bytes, sizeof bytes)) > 0)
		ok = intake_file_write(&file, (struct str){bytes, (size_t)got}, err);
	if (ok && got < 0) ok = err_set_errno(err, "read %s/%.200s", want->bucket, want->name);
	ok = ok && intake_file_keep(&file, want, NULL, &is_the_one, err);
	if (!ok) intake_file_drop(&file);
	(void)close(fd);
	if (ok) *ret_end = is_the_one ? WANT_HERE : WANT_DIFFERS;
	return ok;
}
