/* SPDX-License-Identifier: Apache-2.0 */
#include "owndb/major_kept.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "codec/json.h"
#include "os/file.h"
#include "owndb/major.h"

#define PACKAGES_MAX_BYTES (1u << 20)
#define VERSION_SIZE 128

/* "17.2" of name "17": 2. Else 0. */
static int number_of(const char *name, struct str text)
{
	int64_t number = 0;
	size_t len = strlen(name);
	if (text.len < len + 2 || !str_has_prefix(text, str_from(name)) || text.ptr[len] != '.' ||
	    !str_to_int(str_sub(text, len + 1, text.len), &number) || number < 1 || number > 1000000)
		return 0;
	return (int)number;
}

static int link_number(const char *majors, const char *name, const char *ending)
{
	char link[FILE_PATH_SIZE], target[FILE_PATH_SIZE], dir[FILE_PATH_SIZE];
	struct err ignored;
	if (!file_path(link, &ignored, "%s/%s%s", majors, name, ending) || !file_link_read(link, target, &ignored))
		return 0;
	int number = number_of(name, str_from(target));
	return number > 0 && file_path(dir, &ignored, "%s/%s.%d", majors, name, number) && file_is_dir(dir) ? number
													    : 0;
}

bool major_numbers(const char *majors, const char *name, int *ret_now, int *ret_before, int *ret_newest,
		   struct err *err)
{
	DIR *d = opendir(majors);
	if (d == NULL) return err_set_errno(err, "%s", majors);
	int newest = 0;
	for (struct dirent *e; (e = readdir(d)) != NULL;) {
		int number = number_of(name, str_from(e->d_name));
		if (number > newest) newest = number;
	}
	(void)closedir(d);
	*ret_now = link_number(majors, name, "");
	if (ret_before != NULL) {
		*ret_before = link_number(majors, name, ".before");
		if (*ret_before == *ret_now) *ret_before = 0; /* a kill between the two links */
	}
	*ret_newest = newest;
	return true;
}

bool major_switch(const char *majors, const char *name, int number, struct err *err)
{
	char link[FILE_PATH_SIZE], target[FILE_PATH_SIZE];
	int now = link_number(majors, name, "");
	if (now == number) return true;
	if (now != 0 && (!file_path(link, err, "%s/%s.before", majors, name) ||
			 !file_path(target, err, "%s.%d", name, now) || !file_link_swap(target, link, err)))
		return false;
	return file_path(link, err, "%s/%s", majors, name) && file_path(target, err, "%s.%d", name, number) &&
	       file_link_swap(target, link, err) && file_sync_dir(majors, err);
}

bool major_note_newest(const char *majors, const char *name, struct str lines, struct err *err)
{
	char path[FILE_PATH_SIZE];
	return file_path(path, err, "%s/%s.newest", majors, name) && file_write(path, lines, 0644, err);
}

static bool find_version(struct str lines, struct str package, struct str *ret_version)
{
	struct str line, name, version;
	while (str_next(&lines, '\n', &line))
		if (str_cut(line, ' ', &name, &version) && str_eq(name, package)) {
			*ret_version = version;
			return true;
		}
	return false;
}

void major_compare(struct str now, struct str newest, json_t *ret_newer)
{
	struct str line, name, version, has;
	while (str_next(&newest, '\n', &line)) {
		if (!str_cut(line, ' ', &name, &version)) continue;
		bool is_there = find_version(now, name, &has);
		if (is_there && str_eq(has, version)) continue;
		json_t *from = is_there ? json_stringn(has.ptr, has.len) : json_null();
		json_array_append_new(ret_newer, json_pack("{s:s%, s:o, s:s%}", "package", name.ptr, name.len, "from",
							   from, "to", version.ptr, version.len));
	}
}

static json_t *packages_json(struct str lines)
{
	struct str line, name, version;
	json_t *packages = json_object();
	while (str_next(&lines, '\n', &line)) {
		char key[VERSION_SIZE];
		if (!str_cut(line, ' ', &name, &version) || name.len >= sizeof key) continue;
		(void)snprintf(key, sizeof key, "%.*s", STR_FMT(name));
		json_object_set_new(packages, key, json_stringn(version.ptr, version.len));
	}
	return packages;
}

json_t *major_json(const char *majors, const char *name)
{
	char dir[FILE_PATH_SIZE], path[FILE_PATH_SIZE];
	struct err ignored;
	struct stat st = {0};
	int now = 0, before = 0, newest = 0;
	struct buf has BUF_CLEANUP, offered BUF_CLEANUP;
	buf_init(&has, PACKAGES_MAX_BYTES), buf_init(&offered, PACKAGES_MAX_BYTES);
	if (!file_path(dir, &ignored, "%s/%s", majors, name) || !file_is_dir(dir) ||
	    !major_numbers(majors, name, &now, &before, &newest, &ignored))
		return NULL;
	bool is_known = file_path(path, &ignored, "%s/" MAJOR_PACKAGES, dir) && file_read(path, &has, &ignored);
	if (!file_path(path, &ignored, "%s/%s.newest", majors, name) || stat(path, &st) != 0 ||
	    !file_read(path, &offered, &ignored))
		buf_clear(&offered);
	json_t *newer = json_array();
	major_compare(buf_view(&has), buf_view(&offered), newer);
	int64_t looked_at_ms = (int64_t)st.st_mtim.tv_sec * 1000 + st.st_mtim.tv_nsec / 1000000;
	return json_pack("{s:s, s:i, s:o, s:o, s:o, s:I, s:b}", "name", name, "number", now, "before",
			 before != 0 ? json_integer(before) : json_null(), "packages", packages_json(buf_view(&has)),
			 "newer", newer, "looked_at_ms", (json_int_t)looked_at_ms, "is_known", is_known);
}

int major_of_process(const char *majors, const char *name, pid_t pid)
{
	char link[64], program[FILE_PATH_SIZE], real[FILE_PATH_SIZE];
	struct err ignored;
	struct str first;
	(void)snprintf(link, sizeof link, "/proc/%d/exe", (int)pid);
	if (!file_link_read(link, program, &ignored) || realpath(majors, real) == NULL) return 0;
	size_t len = strlen(real);
	struct str rest = str_from(program);
	if (!str_has_prefix(rest, str_from(real)) || program[len] != '/') return 0;
	rest = str_sub(rest, len + 1, rest.len);
	return str_next(&rest, '/', &first) ? number_of(name, first) : 0;
}

static bool is_used(const char *majors, const char *name, int number)
{
	DIR *d = opendir("/proc");
	bool is = d == NULL; /* not known */
	int64_t pid = 0;
	for (struct dirent *e; !is && (e = readdir(d)) != NULL;)
		is = str_to_int(str_from(e->d_name), &pid) && major_of_process(majors, name, (pid_t)pid) == number;
	if (d != NULL) (void)closedir(d);
	return is;
}

static bool prune(const char *majors, const char *name, struct err *err)
{
	int now = 0, before = 0, newest = 0;
	char path[FILE_PATH_SIZE];
	if (!major_numbers(majors, name, &now, &before, &newest, err)) return false;
	for (int i = 1; i <= newest; i++) {
		if (!file_path(path, err, "%s/%s.%d", majors, name, i)) return false;
		if (i == now || i == before || !file_is_dir(path) || is_used(majors, name, i)) continue;
		if (!file_remove_tree(path, err)) return false;
	}
	return true;
}

/* Locked as fetching is: what is being made is nobody's yet. */
bool major_prune(const char *majors, const char *name, struct err *err)
{
	int lock = open(majors, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (lock < 0) return err_set_errno(err, "%s", majors);
	bool ok = flock(lock, LOCK_EX) == 0 ? prune(majors, name, err) : err_set_errno(err, "lock %s", majors);
	(void)close(lock);
	return ok;
}
