/* SPDX-License-Identifier: Apache-2.0 */
#include "app/kept.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "build/child.h"
#include "codec/json.h"
#include "store/kept.h"

#define PATH_BYTES 512
#define LOG_TAIL_BYTES (1u << 20)

/* Reading the log. */

static bool is_path_char(char c)
{
	return c != '\'' && c != '"' && c != '`' && c != ' ' && c != ':' && c != ',' && c != ')' && c != '\\' &&
	       (unsigned char)c >= 0x20;
}

/* "/app/uploads/a.png" of a line about a read-only file system, without "/app/". */
static struct str written_path(struct str line)
{
	bool is_refused = str_find(line, STR("EROFS")) >= 0 || str_find(line, STR("ead-only file system")) >= 0;
	ptrdiff_t at = is_refused ? str_find(line, STR(KEPT_INSIDE)) : -1;
	if (at < 0) return (struct str){"", 0};
	struct str rest = str_sub(line, (size_t)at + strlen(KEPT_INSIDE), line.len);
	size_t len = 0;
	while (len < rest.len && is_path_char(rest.ptr[len])) len++;
	return str_sub(rest, 0, len);
}

static bool is_one_of(struct str name, const char *const *names)
{
	for (; *names != NULL; names++)
		if (str_eq(name, str_from(*names))) return true;
	return false;
}

static bool has_odd_part(struct str path)
{
	struct str part;
	while (str_next(&path, '/', &part))
		if (part.len == 0 || str_eq(part, STR(".")) || str_eq(part, STR(".."))) return true;
	return false;
}

/* uploads/2026/a.png: the folder uploads. public/uploads/a.png: the folder public/uploads, since public/ is the
 * build's. data.sqlite: the file. */
static struct str cut_keep(struct str path, bool is_making_folder, bool *ret_is_folder)
{
	static const char *const shared[] = {"public", "static", "assets", "server", "src", NULL};
	struct str first, rest;
	*ret_is_folder = true;
	if (!str_cut(path, '/', &first, &rest)) {
		*ret_is_folder = is_making_folder;
		return path;
	}
	if (!is_one_of(first, shared)) return first;
	struct str second, behind;
	if (!str_cut(rest, '/', &second, &behind)) {
		*ret_is_folder = is_making_folder;
		return path;
	}
	return (struct str){path.ptr, first.len + 1 + second.len};
}

static bool is_known(const json_t *found, struct str path)
{
	size_t i;
	json_t *one;
	json_array_foreach(found, i, one) if (str_eq(str_from(json_str(one, "path", "")), path)) return true;
	return false;
}

static void find_in_line(struct str line, json_t *ret_found)
{
	static const char *const outputs[] = {"node_modules", ".next", ".output", "dist",         "build",
					      ".svelte-kit",  ".nuxt", "out",     "package.json", NULL};
	struct str path = written_path(line), first, rest;
	bool is_folder = false;
	while (path.len > 0 && path.ptr[path.len - 1] == '/') path.len--;
	if (path.len == 0 || path.len >= PATH_BYTES || has_odd_part(path) || !str_is_utf8(path)) return;
	if (!str_cut(path, '/', &first, &rest)) first = path;
	/* Next keeps images and fetched data there, and can do without. */
	bool is_cache = str_has_prefix(path, STR(".next/cache"));
	bool can_keep = is_cache || !is_one_of(first, outputs);
	struct str keep = is_cache ? STR(".next/cache") : cut_keep(path, str_find(line, STR("mkdir")) >= 0, &is_folder);
	if (is_known(ret_found, keep)) return;
	json_array_append_new(ret_found, json_pack("{s:o, s:s, s:b}", "path", json_stringn(keep.ptr, keep.len), "kind",
						   is_cache || is_folder ? "folder" : "file", "can_keep", can_keep));
}

void kept_find(struct str log, json_t *ret_found)
{
	struct str line;
	while (json_array_size(ret_found) < KEPT_FOUND_MAX && str_next(&log, '\n', &line))
		find_in_line(line, ret_found);
}

static bool read_tail(const char *path, struct buf *ret_text, struct err *err)
{
	char chunk[16384];
	ssize_t got;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0) return errno == ENOENT || err_set_errno(err, "%s", path);
	off_t end = lseek(fd, 0, SEEK_END);
	(void)lseek(fd, end > (off_t)LOG_TAIL_BYTES ? end - (off_t)LOG_TAIL_BYTES : 0, SEEK_SET);
	while ((got = read(fd, chunk, sizeof chunk)) > 0) buf_append(ret_text, chunk, (size_t)got);
	(void)close(fd);
	return true;
}

bool kept_find_in_log(const struct flow *f, const char *app, int64_t release, json_t *ret_found, struct err *err)
{
	char rest[64], path[FILE_PATH_SIZE];
	struct buf text BUF_CLEANUP;
	buf_init(&text, LOG_TAIL_BYTES + 16384);
	(void)snprintf(rest, sizeof rest, "logs/web-%lld.log", (long long)release);
	if (!layout_app(&f->layout, app, rest, path, err) || !read_tail(path, &text, err)) return false;
	kept_find(buf_view(&text), ret_found);
	return true;
}

bool kept_remember(const struct flow *f, const char *app, const json_t *found, json_t *ret_new, struct err *err)
{
	size_t i;
	json_t *one;
	json_array_foreach(found, i, one)
	{
		bool is_new = false;
		if (!json_bool(one, "can_keep", false)) continue;
		if (!kept_add(f->db, app, json_str(one, "path", ""), json_str(one, "kind", "folder"), &is_new, err))
			return false;
		if (is_new) json_array_append(ret_new, one);
	}
	return true;
}

bool kept_merge(const struct flow *f, const char *app, json_t *inspection, struct err *err)
{
	json_t *remembered JSON_CLEANUP = json_array(), *one;
	size_t i;
	if (!kept_list(f->db, app, remembered, err)) return false;
	json_t *keeps = json_object_get(inspection, "keeps");
	if (!json_is_array(keeps)) {
		keeps = json_array();
		json_object_set_new(inspection, "keeps", keeps);
	}
	json_array_foreach(remembered, i, one)
	{
		if (!is_known(keeps, str_from(json_str(one, "path", "")))) json_array_append(keeps, one);
	}
	return true;
}

/* Seeding, in a child that is the code user. */

struct seed {
	const json_t *keeps;
	const char *app_dir, *files_dir;
};

static bool make_parents(const char *path, struct err *err)
{
	char parent[FILE_PATH_SIZE];
	(void)snprintf(parent, sizeof parent, "%s", path);
	*strrchr(parent, '/') = '\0';
	return file_mkdirs(parent, 0700, err);
}

static bool copy_file(const char *from, const char *to, struct err *err)
{
	struct buf bytes BUF_CLEANUP;
	buf_init(&bytes, 256u << 20);
	return file_read(from, &bytes, err) && file_write(to, buf_view(&bytes), 0600, err);
}

/* A file that is nowhere yet is made by the server itself, through its link. */
static bool seed_one(const struct seed *s, const json_t *keep, struct err *err)
{
	char from[FILE_PATH_SIZE], to[FILE_PATH_SIZE];
	struct stat st;
	const char *path = json_str(keep, "path", "");
	bool is_folder = strcmp(json_str(keep, "kind", "folder"), "folder") == 0;
	if (path[0] == '\0' || path[0] == '/' || has_odd_part(str_from(path)))
		return err_set(err, ERR_INVALID, "\"%.200s\" cannot be kept", path);
	if (!file_path(from, err, "%s/%s", s->app_dir, path) || !file_path(to, err, "%s/%s", s->files_dir, path))
		return false;
	if (lstat(to, &st) == 0) return true;
	bool is_there = lstat(from, &st) == 0;
	if (!make_parents(to, err)) return false;
	if (is_folder && is_there && S_ISDIR(st.st_mode)) return file_copy_tree(from, to, err);
	if (is_folder) return file_mkdirs(to, 0700, err);
	return !is_there || !S_ISREG(st.st_mode) || copy_file(from, to, err);
}

static bool seed_all(const void *arg, json_t **ret_answer, struct err *err)
{
	const struct seed *s = arg;
	size_t i;
	json_t *keep;
	json_array_foreach(s->keeps, i, keep) if (!seed_one(s, keep, err)) return false;
	*ret_answer = json_object();
	return true;
}

bool kept_seed(const struct build_job *job, const json_t *keeps, const char *files_dir, struct err *err)
{
	char app_dir[FILE_PATH_SIZE];
	json_t *answer JSON_CLEANUP = NULL;
	bool has_root = job->root != NULL && job->root[0] != '\0';
	if (json_array_size(keeps) == 0) return true;
	if (!file_path(app_dir, err, "%s%s%s", job->source_dir, has_root ? "/" : "", has_root ? job->root : ""))
		return false;
	const struct seed seed = {keeps, app_dir, files_dir};
	return build_child_run(job, "bring what the app keeps into its data folder", seed_all, &seed, -1, &answer, err);
}
