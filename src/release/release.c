/* SPDX-License-Identifier: Apache-2.0 */
#include "release/release.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "codec/json.h"

#define FACTS_MAX_BYTES (16u << 20)

bool release_path(const char *app_dir, int64_t number, const char *rest, char ret_path[FILE_PATH_SIZE], struct err *err)
{
	return file_path(ret_path, err, "%s/releases/%lld%s%s", app_dir, (long long)number, rest[0] != '\0' ? "/" : "",
			 rest);
}

static bool put_link(const char *app_dir, int64_t number, const char *name, const char *target, struct err *err)
{
	char path[FILE_PATH_SIZE];
	return release_path(app_dir, number, name, path, err) && file_link_swap(target, path, err);
}

static bool put_fallback_page(const char *app_dir, int64_t number, struct err *err)
{
	char index[FILE_PATH_SIZE], page[FILE_PATH_SIZE];
	if (!release_path(app_dir, number, "public/index.html", index, err) ||
	    !release_path(app_dir, number, "pages/200.html", page, err))
		return false;
	return link(index, page) == 0 || errno == EEXIST ||
	       err_set_errno(err, "release %lld has no index.html to show", (long long)number);
}

/* The time on the files of the releases that are there, in seconds; the newest of them. */
static bool newest_stamp(const char *app_dir, int64_t number, time_t *ret_newest, struct err *err)
{
	int64_t numbers[RELEASES_MAX];
	int count = 0;
	time_t newest = 0;
	if (!release_list(app_dir, numbers, &count, err)) return false;
	for (int i = 0; i < count; i++) {
		char index[FILE_PATH_SIZE];
		struct stat st;
		if (!release_path(app_dir, numbers[i], "public/index.html", index, err)) return false;
		if (numbers[i] != number && stat(index, &st) == 0 && st.st_mtime > newest) newest = st.st_mtime;
	}
	*ret_newest = newest;
	return true;
}

/* nginx knows a file's version by its size and the second it was written in. Two releases of one second with pages of
 * one length would be the same to a browser, and after a switch "you have it already" would keep the wrong one. */
static bool stamp_files(const char *app_dir, int64_t number, struct err *err)
{
	char public[FILE_PATH_SIZE];
	time_t newest = 0, now = time(NULL);
	if (!release_path(app_dir, number, "public", public, err) || !newest_stamp(app_dir, number, &newest, err))
		return false;
	struct timespec stamp = {.tv_sec = now > newest ? now : newest + 1};
	char *roots[] = {public, NULL};
	FTS *fts = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
	if (fts == NULL) return err_set_errno(err, "read %s", public);
	bool ok = true;
	for (FTSENT *e; ok && (e = fts_read(fts)) != NULL;)
		if (e->fts_info == FTS_F)
			ok = utimensat(AT_FDCWD, e->fts_path, (struct timespec[]){stamp, stamp}, AT_SYMLINK_NOFOLLOW) ==
				 0 ||
			     err_set_errno(err, "date %s", e->fts_path);
	(void)fts_close(fts);
	return ok;
}

bool release_dress(const char *app_dir, int64_t number, bool has_fallback, const char *run_dir, struct err *err)
{
	char pages[FILE_PATH_SIZE];
	return stamp_files(app_dir, number, err) && release_path(app_dir, number, "pages", pages, err) &&
	       file_mkdirs(pages, 0755, err) && (!has_fallback || put_fallback_page(app_dir, number, err)) &&
	       (run_dir == NULL || put_link(app_dir, number, "run", run_dir, err)) &&
	       put_link(app_dir, number, "live", ".", err) &&
	       put_link(app_dir, number, "assets", "../../assets", err) &&
	       put_link(app_dir, number, "backend.sock", "../../backend.sock", err);
}

static bool is_same_file(const char *a, const char *b)
{
	struct stat sa, sb;
	return stat(a, &sa) == 0 && stat(b, &sb) == 0 && sa.st_dev == sb.st_dev && sa.st_ino == sb.st_ino;
}

static bool link_asset(const char *from, const char *to, struct err *err)
{
	char beside[FILE_PATH_SIZE];
	if (link(from, to) == 0 || (errno == EEXIST && is_same_file(from, to))) return true;
	if (errno == ENOENT) {
		char *slash = strrchr(to, '/');
		char parent[FILE_PATH_SIZE];
		if (!file_path(parent, err, "%.*s", (int)(slash - to), to) || !file_mkdirs(parent, 0755, err))
			return false;
		return link(from, to) == 0 || err_set_errno(err, "keep asset %s", to);
	}
	if (errno != EEXIST) return err_set_errno(err, "keep asset %s", to);
	/* The same name from an earlier release: replaced in one rename, so that it is there at every moment. */
	if (!file_path(beside, err, "%s.new%d", to, (int)getpid())) return false;
	(void)unlink(beside);
	if (link(from, beside) == 0 && rename(beside, to) == 0) return true;
	return err_set_errno(err, "keep asset %s", to);
}

bool release_redress(const char *app_dir, int64_t number, struct err *err)
{
	char index[FILE_PATH_SIZE], page[FILE_PATH_SIZE];
	return release_path(app_dir, number, "public/index.html", index, err) &&
	       release_path(app_dir, number, "pages/200.html", page, err) &&
	       (!file_exists(page) || link_asset(index, page, err)) && stamp_files(app_dir, number, err);
}

bool release_link_assets(const char *app_dir, int64_t number, const json_t *paths, struct err *err)
{
	size_t i;
	json_t *value;
	json_array_foreach(paths, i, value)
	{
		const char *path = json_string_value(value);
		char from[FILE_PATH_SIZE], to[FILE_PATH_SIZE];
		if (path == NULL || path[0] == '/' || strstr(path, "..") != NULL)
			return err_set(err, ERR_INTERNAL, "asset %s is not a path below public/",
				       path != NULL ? path : "(none)");
		if (!file_path(from, err, "%s/releases/%lld/public/%s", app_dir, (long long)number, path) ||
		    !file_path(to, err, "%s/assets/%s", app_dir, path) || !link_asset(from, to, err))
			return false;
	}
	return true;
}

bool release_seal(const char *app_dir, int64_t number, const json_t *facts, struct err *err)
{
	char path[FILE_PATH_SIZE];
	if (!release_path(app_dir, number, "release.json", path, err)) return false;
	char *text = json_dumps(facts, JSON_INDENT(2));
	if (text == NULL) return err_set(err, ERR_INTERNAL, "release.json cannot be written");
	bool ok = file_write(path, str_from(text), 0600, err);
	free(text);
	return ok;
}

bool release_facts(const char *app_dir, int64_t number, json_t **ret_facts, struct err *err)
{
	char path[FILE_PATH_SIZE];
	if (!release_path(app_dir, number, "release.json", path, err)) return false;
	if (json_parse_file(path, FACTS_MAX_BYTES, ret_facts, err)) return true;
	if (err->code != ERR_NOT_FOUND) return false;
	return err_set(err, ERR_NOT_FOUND, "there is no release %lld", (long long)number);
}

bool release_live(const char *app_dir, int64_t *ret_number, struct err *err)
{
	char link[FILE_PATH_SIZE], target[FILE_PATH_SIZE];
	if (!file_path(link, err, "%s/live", app_dir)) return false;
	int64_t number = 0;
	if (!file_link_read(link, target, err)) {
		if (err->code != ERR_NOT_FOUND) return false;
	} else if (strncmp(target, "releases/", 9) != 0 || !str_to_int(str_from(target + 9), &number)) {
		return err_set(err, ERR_INTERNAL, "%s points at %s, which is no release", link, target);
	}
	*ret_number = number;
	return true;
}

bool release_promote(const char *app_dir, int64_t to, struct err *err)
{
	char link[FILE_PATH_SIZE], target[64];
	if (!file_path(link, err, "%s/live", app_dir)) return false;
	if (to == 0)
		return unlink(link) == 0 || errno == ENOENT ? file_sync_dir(app_dir, err)
							    : err_set_errno(err, "%s", link);
	(void)snprintf(target, sizeof target, "releases/%lld", (long long)to);
	return file_link_swap(target, link, err);
}

/* Removing the folder leaves its assets with one name, unless a later release replaced them: those can go. */
static bool remove_unshared_assets(const char *app_dir, struct err *err)
{
	char root[FILE_PATH_SIZE];
	if (!file_path(root, err, "%s/assets", app_dir)) return false;
	char *roots[] = {root, NULL};
	FTS *fts = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
	if (fts == NULL) return err_set_errno(err, "read %s", root);
	bool ok = true;
	for (FTSENT *e; ok && (e = fts_read(fts)) != NULL;)
		if (e->fts_info == FTS_F && e->fts_statp->st_nlink == 1)
			ok =
			    unlink(e->fts_path) == 0 || errno == ENOENT || err_set_errno(err, "remove %s", e->fts_path);
	(void)fts_close(fts);
	return ok;
}

bool release_remove(const char *app_dir, int64_t number, struct err *err)
{
	char path[FILE_PATH_SIZE], facts[FILE_PATH_SIZE];
	int64_t live = 0;
	if (!release_live(app_dir, &live, err)) return false;
	if (live == number)
		return err_set(err, ERR_CONFLICT, "release %lld is live and cannot be removed", (long long)number);
	if (!release_path(app_dir, number, "", path, err) || !release_path(app_dir, number, "release.json", facts, err))
		return false;
	/* First it stops being a release, then it goes: half a folder is never taken for one. */
	if (unlink(facts) != 0 && errno != ENOENT) return err_set_errno(err, "remove %s", facts);
	return file_remove_tree(path, err) && remove_unshared_assets(app_dir, err);
}

static int newest_first(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
	return x < y ? 1 : x > y ? -1 : 0;
}

/* Numbers in releases/; is_release: those with their release.json, else those without. */
static bool list_folders(const char *app_dir, bool is_release, int64_t ret_numbers[RELEASES_MAX], int *ret_count,
			 struct err *err)
{
	char path[FILE_PATH_SIZE];
	int count = 0;
	if (!file_path(path, err, "%s/releases", app_dir)) return false;
	DIR *d = opendir(path);
	if (d == NULL && errno != ENOENT) return err_set_errno(err, "%s", path);
	for (struct dirent *e; d != NULL && count < RELEASES_MAX && (e = readdir(d)) != NULL;) {
		int64_t number;
		char facts[FILE_PATH_SIZE];
		if (!str_to_int(str_from(e->d_name), &number) || number <= 0) continue;
		if (release_path(app_dir, number, "release.json", facts, err) && file_exists(facts) == is_release)
			ret_numbers[count++] = number;
	}
	if (d != NULL) (void)closedir(d);
	qsort(ret_numbers, (size_t)count, sizeof *ret_numbers, newest_first);
	*ret_count = count;
	return true;
}

bool release_list(const char *app_dir, int64_t ret_numbers[RELEASES_MAX], int *ret_count, struct err *err)
{
	return list_folders(app_dir, true, ret_numbers, ret_count, err);
}

bool release_sweep(const char *app_dir, struct err *err)
{
	int64_t numbers[RELEASES_MAX];
	int count = 0;
	if (!list_folders(app_dir, false, numbers, &count, err)) return false;
	for (int i = 0; i < count; i++)
		if (!release_remove(app_dir, numbers[i], err)) return false;
	return true;
}
