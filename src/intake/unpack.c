/* SPDX-License-Identifier: Apache-2.0 */
#include "intake/unpack.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "codec/json.h"
#include "os/file.h"

void unpack_read_summary(const json_t *answer, struct intake_unpacked *ret_unpacked)
{
	struct intake_unpacked u = {.files = (uint64_t)json_int(answer, "files", 0),
				    .bytes = (uint64_t)json_int(answer, "bytes", 0),
				    .skipped = (uint64_t)json_int(answer, "skipped", 0)};
	(void)snprintf(u.stripped, sizeof u.stripped, "%s", json_str(answer, "stripped", ""));
	*ret_unpacked = u;
}

static bool is_dots(const char *name)
{
	return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

void unpack_empty(const char *target)
{
	DIR *d = opendir(target);
	if (d == NULL) return;
	for (struct dirent *e; (e = readdir(d)) != NULL;) {
		char path[FILE_PATH_SIZE];
		struct err ignored;
		if (!is_dots(e->d_name) && file_path(path, &ignored, "%s/%s", target, e->d_name))
			(void)file_remove_tree(path, &ignored);
	}
	(void)closedir(d);
}

static bool is_empty(const char *target, struct err *err)
{
	DIR *d = opendir(target);
	if (d == NULL) return err_set_errno(err, "%s", target);
	bool ok = true;
	for (struct dirent *e; ok && (e = readdir(d)) != NULL;) ok = is_dots(e->d_name);
	(void)closedir(d);
	return ok || err_set(err, ERR_CONFLICT, "%s is not empty", target);
}

bool unpack_prepare(const struct intake_child *child, const char *target, struct err *err)
{
	if (!is_empty(target, err)) return false;
	if (geteuid() == 0 && child->has_user && chown(target, child->uid, child->gid) != 0)
		return err_set_errno(err, "give %s to the app's user", target);
	return true;
}

static bool unpack_fd(const struct intake_child *child, int fd, const char *name, const char *target,
		      const struct intake_limits *limits, struct intake_unpacked *ret_unpacked, struct err *err)
{
	const uint64_t numbers[] = {(uint64_t)fd,           limits->max_entries,    limits->max_total_bytes,
				    limits->max_file_bytes, limits->max_path_bytes, limits->max_depth,
				    limits->max_ratio};
	char texts[7][24];
	const char *args[10] = {"unpack", target};
	for (size_t i = 0; i < 7; i++) {
		(void)snprintf(texts[i], sizeof texts[i], "%" PRIu64, numbers[i]);
		args[i + 2] = texts[i];
	}
	char what[320];
	(void)snprintf(what, sizeof what, "unpack %.256s", name);
	struct child_call call = {.args = args, .what = what, .dirs_rw = {target}, .fd = fd};
	json_t *answer JSON_CLEANUP = NULL;
	if (!child_run(child, &call, &answer, err)) {
		unpack_empty(target);
		return false;
	}
	unpack_read_summary(answer, ret_unpacked);
	return true;
}

bool intake_unpack(const struct intake_child *child, const char *archive_path, const char *target,
		   const struct intake_limits *limits, struct intake_unpacked *ret_unpacked, struct err *err)
{
	if (!unpack_prepare(child, target, err)) return false;
	/* The child gets the open file, never its path: it may lie where only we may look. */
	int fd = open(archive_path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) return err_set_errno(err, "%s", archive_path);
	const char *slash = strrchr(archive_path, '/');
	bool ok = unpack_fd(child, fd, slash != NULL ? slash + 1 : archive_path, target, limits, ret_unpacked, err);
	(void)close(fd);
	return ok;
}
