/* SPDX-License-Identifier: Apache-2.0 */
#include "os/limits_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/str.h"

const char *limits_way_word(enum limits_way way)
{
	switch (way) {
	case LIMITS_CGROUP2: return "cgroup v2";
	case LIMITS_CGROUP1: return "cgroup v1";
	case LIMITS_RLIMITS: break;
	}
	return "rlimits";
}

bool limits_read_small(const char *folder, const char *name, struct buf *b)
{
	char path[FILE_PATH_SIZE];
	struct err ignored;
	buf_clear(b);
	return file_path(path, &ignored, "%s/%s", folder, name) && file_read(path, b, &ignored);
}

bool limits_write_small(const char *folder, const char *name, const char *text, struct err *err)
{
	char path[FILE_PATH_SIZE];
	if (!file_path(path, err, "%s/%s", folder, name)) return false;
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0) return err_set_errno(err, "%s", path);
	size_t len = strlen(text);
	bool ok = write(fd, text, len) == (ssize_t)len || err_set_errno(err, "write %s to %s", text, path);
	(void)close(fd);
	return ok;
}

bool limits_write_number(const char *folder, const char *name, uint64_t value, struct err *err)
{
	char text[32];
	(void)snprintf(text, sizeof text, "%llu", (unsigned long long)value);
	return limits_write_small(folder, name, text, err);
}

uint64_t limits_read_number(const char *folder, const char *name, uint64_t otherwise)
{
	struct buf b BUF_CLEANUP;
	buf_init(&b, LIMITS_SMALL_FILE_MAX_BYTES);
	int64_t value;
	if (!limits_read_small(folder, name, &b) || !str_to_int(str_trim(buf_view(&b)), &value) || value < 0)
		return otherwise;
	return (uint64_t)value;
}

uint64_t limits_read_keyed(const char *folder, const char *name, const char *key, uint64_t otherwise)
{
	struct buf b BUF_CLEANUP;
	buf_init(&b, LIMITS_SMALL_FILE_MAX_BYTES);
	if (!limits_read_small(folder, name, &b)) return otherwise;
	struct str rest = buf_view(&b), line, head, tail;
	int64_t value;
	while (str_next(&rest, '\n', &line))
		if (str_cut(line, ' ', &head, &tail) && str_eq(head, str_from(key)) &&
		    str_to_int(str_trim(tail), &value))
			return (uint64_t)value;
	return otherwise;
}

static bool has_word(struct str text, const char *word)
{
	struct str part;
	text = str_trim(text);
	while (str_next(&text, ' ', &part))
		if (str_eq(str_trim(part), str_from(word))) return true;
	return false;
}

/* Where a cgroup file system is mounted: v2, or the v1 hierarchy of one controller. */
static bool find_mount(const char *type, const char *controller, char ret_path[FILE_PATH_SIZE])
{
	struct buf b BUF_CLEANUP;
	buf_init(&b, 16 * LIMITS_SMALL_FILE_MAX_BYTES);
	if (!limits_read_small("/proc/self", "mounts", &b)) return false;
	struct str rest = buf_view(&b), line;
	while (str_next(&rest, '\n', &line)) {
		struct str part[4] = {{0}};
		for (int i = 0; i < 4; i++) (void)str_next(&line, ' ', &part[i]);
		if (part[2].ptr == NULL || !str_eq(part[2], str_from(type))) continue;
		bool is_it = controller == NULL;
		for (struct str option, options = part[3]; !is_it && str_next(&options, ',', &option);)
			is_it = str_eq(option, str_from(controller));
		if (!is_it || part[1].len >= FILE_PATH_SIZE) continue;
		(void)snprintf(ret_path, FILE_PATH_SIZE, "%.*s", STR_FMT(part[1]));
		return true;
	}
	return false;
}

/* Our own group in a hierarchy, from /proc/self/cgroup: "4:memory:/a/b", for v2 "0::/a". */
static bool find_own(const char *controller, char ret_path[FILE_PATH_SIZE])
{
	struct buf b BUF_CLEANUP;
	buf_init(&b, LIMITS_SMALL_FILE_MAX_BYTES);
	if (!limits_read_small("/proc/self", "cgroup", &b)) return false;
	struct str rest = buf_view(&b), line, number, names, path;
	while (str_next(&rest, '\n', &line)) {
		if (!str_cut(line, ':', &number, &line) || !str_cut(line, ':', &names, &path)) continue;
		bool is_it = controller == NULL && names.len == 0;
		for (struct str name; controller != NULL && !is_it && str_next(&names, ',', &name);)
			is_it = str_eq(name, str_from(controller));
		if (!is_it || path.len >= FILE_PATH_SIZE) continue;
		(void)snprintf(ret_path, FILE_PATH_SIZE, "%.*s", STR_FMT(path));
		return true;
	}
	return false;
}

unsigned long limits_pid_space(void)
{
	struct stat st;
	return stat("/proc/self/ns/pid", &st) == 0 ? (unsigned long)st.st_ino : 0;
}

/* Making a group is the only honest test of whether one may; access(2) knows nothing of read-only mounts in between. */
static bool can_make_group(const char *folder, const char *needed_file)
{
	char path[FILE_PATH_SIZE], file[FILE_PATH_SIZE];
	struct err ignored;
	if (!file_path(path, &ignored, "%s/" LIMITS_PREFIX "%lu-%d-try", folder, limits_pid_space(), (int)getpid()))
		return false;
	if (mkdir(path, 0755) != 0 && errno != EEXIST) return false;
	bool ok = file_path(file, &ignored, "%s/%s", path, needed_file) && access(file, W_OK) == 0;
	(void)rmdir(path);
	return ok;
}

static bool hands_out(const char *folder)
{
	struct buf b BUF_CLEANUP;
	buf_init(&b, LIMITS_SMALL_FILE_MAX_BYTES);
	return limits_read_small(folder, "cgroup.subtree_control", &b) && has_word(buf_view(&b), "memory") &&
	       has_word(buf_view(&b), "pids");
}

static bool find_v2(char ret_dir[FILE_PATH_SIZE])
{
	char mount[FILE_PATH_SIZE], own[FILE_PATH_SIZE], dir[FILE_PATH_SIZE];
	struct err ignored;
	if (!find_mount("cgroup2", NULL, mount) || !find_own(NULL, own)) return false;
	for (;;) {
		if (!file_path(dir, &ignored, "%s%s", mount, own)) return false;
		if (hands_out(dir) && can_make_group(dir, "memory.max")) {
			(void)memcpy(ret_dir, dir, sizeof dir);
			return true;
		}
		char *slash = strrchr(own, '/');
		if (slash == NULL) return false;
		*slash = '\0';
	}
}

/* In a container our own path may not be visible below the mount: then its top is ours. */
static bool find_v1(const char *controller, const char *needed_file, char ret_dir[FILE_PATH_SIZE])
{
	char mount[FILE_PATH_SIZE], own[FILE_PATH_SIZE], dir[FILE_PATH_SIZE];
	struct err ignored;
	if (!find_mount("cgroup", controller, mount) || !find_own(controller, own)) return false;
	if (!file_path(dir, &ignored, "%s%s", mount, strcmp(own, "/") == 0 ? "" : own)) return false;
	if (!file_is_dir(dir)) (void)memcpy(dir, mount, sizeof dir);
	if (!can_make_group(dir, needed_file)) return false;
	(void)memcpy(ret_dir, dir, sizeof dir);
	return true;
}

void limits_find(struct limits_means *ret_means)
{
	*ret_means = (struct limits_means){.memory = LIMITS_RLIMITS, .processes = LIMITS_RLIMITS};
	if (find_v2(ret_means->memory_dir)) {
		(void)memcpy(ret_means->processes_dir, ret_means->memory_dir, FILE_PATH_SIZE);
		(void)memcpy(ret_means->cpu_dir, ret_means->memory_dir, FILE_PATH_SIZE);
		ret_means->memory = ret_means->processes = LIMITS_CGROUP2;
		return;
	}
	if (find_v1("memory", "memory.limit_in_bytes", ret_means->memory_dir)) ret_means->memory = LIMITS_CGROUP1;
	if (find_v1("pids", "cgroup.procs", ret_means->processes_dir)) ret_means->processes = LIMITS_CGROUP1;
	if (!find_v1("cpu", "cpu.cfs_quota_us", ret_means->cpu_dir)) ret_means->cpu_dir[0] = '\0';
}
