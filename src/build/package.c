/* SPDX-License-Identifier: Apache-2.0 */
#include "build/package.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "build/asset.h"
#include "build/bind.h"
#include "build/child.h"
#include "build/digest.h"
#include "build/literal.h"
#include "build/server.h"
#include "build/wish.h"
#include "codec/json.h"
#include "os/file.h"

#define LEFT_OUT_MAX 200
#define CHUNK_BYTES 65536
#define TEXT_MAX_BYTES (64u << 20)
#define SNIFF_BYTES 8192

struct package {
	const struct build_job *job;
	bool is_static;
	bool has_assets_only; /* a server decides about everything else */
	int source_public; /* the app's own public/ folder, whose files are no products of the build; or -1 */
	uint64_t files;
	uint64_t bytes;
	json_t *assets;
	json_t *left_out;
};

static const char *kind_word(mode_t mode)
{
	if (S_ISLNK(mode)) return "a link";
	if (S_ISFIFO(mode)) return "a pipe";
	if (S_ISSOCK(mode)) return "a socket";
	return "a device";
}

static bool refuse_kind(const char *relative, mode_t mode, struct err *err)
{
	return err_set(
	    err, ERR_REFUSED,
	    "the build's output holds %s, %s; only files can be served, since what it points at could be any "
	    "file of this machine. Make the build copy the file there instead",
	    kind_word(mode), relative);
}

static bool is_left_out(const struct package *p, const char *name, bool is_top)
{
	static const char *const folders[] = {"node_modules", "supabase", NULL};
	static const char *const files[] = {
	    "package.json", "package-lock.json",   "bun.lock", "bun.lockb", "pnpm-lock.yaml",
	    "yarn.lock",    "npm-shrinkwrap.json", NULL};
	if (name[0] == '.') return strcmp(name, ".well-known") != 0;
	if (!p->is_static) return false;
	for (const char *const *f = folders; is_top && *f != NULL; f++)
		if (strcmp(name, *f) == 0) return true;
	for (const char *const *f = files; is_top && *f != NULL; f++)
		if (strcmp(name, *f) == 0) return true;
	return strcmp(name, "node_modules") == 0 || str_has_suffix(str_from(name), STR(".sql"));
}

static bool check_name(const char *relative, const char *name, struct err *err)
{
	bool is_clean = str_is_utf8(str_from(name));
	for (const char *c = name; *c != '\0'; c++)
		if ((unsigned char)*c < 0x20 || *c == 0x7f) is_clean = false;
	return is_clean ||
	       err_set(err, ERR_REFUSED,
		       "a file in the folder \"%.200s\" of the build's output has a name that is not UTF-8 text",
		       relative);
}

static bool copy_bytes(int from, int to, uint64_t *ret_bytes)
{
	char chunk[CHUNK_BYTES];
	uint64_t bytes = 0;
	ssize_t got;
	while ((got = read(from, chunk, sizeof chunk)) != 0) {
		if (got < 0 && errno == EINTR) continue;
		if (got < 0) return false;
		bytes += (uint64_t)got;
		for (ssize_t done = 0, put; done < got; done += put)
			if ((put = write(to, chunk + done, (size_t)(got - done))) < 0) {
				if (errno != EINTR) return false;
				put = 0;
			}
	}
	*ret_bytes = bytes;
	return true;
}

static bool is_of_the_source(const struct package *p, const char *relative)
{
	struct stat st;
	return p->source_public >= 0 && fstatat(p->source_public, relative, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

static bool take_file(struct package *p, int from_dir, int to_dir, const char *name, const char *relative,
		      struct err *err)
{
	struct stat st;
	uint64_t bytes = 0;
	bool is_asset = asset_is_fingerprinted(str_from(relative)) && !is_of_the_source(p, relative);
	if (p->has_assets_only && !is_asset) return true;
	if (++p->files > PACKAGE_MAX_FILES)
		return err_set(err, ERR_LIMIT, "the build left more than %d files", PACKAGE_MAX_FILES);
	int from = file_open_beneath(from_dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
	if (from < 0) return err_set_errno(err, "read %s of the build's output", relative);
	bool ok = fstat(from, &st) == 0 || err_set_errno(err, "%s", relative);
	if (ok && !S_ISREG(st.st_mode)) ok = refuse_kind(relative, st.st_mode, err);
	if (ok && p->bytes + (uint64_t)st.st_size > PACKAGE_MAX_BYTES)
		ok = err_set(err, ERR_LIMIT, "the build left more than %llu bytes", PACKAGE_MAX_BYTES);
	int to = ok ? openat(to_dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644) : -1;
	if (ok && (to < 0 || fchmod(to, 0644) != 0 || !copy_bytes(from, to, &bytes)))
		ok = err_set_errno(err, "copy %s to the release", relative);
	if (to >= 0 && close(to) != 0 && ok) ok = err_set_errno(err, "copy %s to the release", relative);
	(void)close(from);
	p->bytes += bytes;
	if (ok && is_asset) (void)json_array_append_new(p->assets, json_string(relative));
	return ok;
}

static bool take_folder(struct package *p, int from, int to, const char *relative, int depth, struct err *err);

static bool take_subfolder(struct package *p, int from_dir, int to_dir, const char *name, const char *relative,
			   int depth, struct err *err)
{
	if (depth >= PACKAGE_MAX_DEPTH)
		return err_set(err, ERR_LIMIT, "%s: folders lie more than %d deep", relative, PACKAGE_MAX_DEPTH);
	int from = file_open_beneath(from_dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
	if (from < 0) return err_set_errno(err, "read folder %s of the build's output", relative);
	int to = -1;
	bool ok = mkdirat(to_dir, name, 0755) == 0 &&
		  (to = openat(to_dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) >= 0 && fchmod(to, 0755) == 0;
	ok = ok ? take_folder(p, from, to, relative, depth + 1, err) : err_set_errno(err, "make folder %s", relative);
	if (to >= 0) (void)close(to);
	(void)close(from);
	return ok;
}

static bool take_entry(struct package *p, int from, int to, const char *folder, const char *name, int depth,
		       struct err *err)
{
	char relative[FILE_PATH_SIZE];
	struct stat st;
	if (!check_name(folder, name, err) ||
	    !file_path(relative, err, "%s%s%s", folder, *folder != '\0' ? "/" : "", name))
		return false;
	if (is_left_out(p, name, depth == 0)) {
		if (json_array_size(p->left_out) < LEFT_OUT_MAX)
			(void)json_array_append_new(p->left_out, json_string(relative));
		return true;
	}
	if (fstatat(from, name, &st, AT_SYMLINK_NOFOLLOW) != 0) return err_set_errno(err, "%s", relative);
	if (S_ISDIR(st.st_mode)) return take_subfolder(p, from, to, name, relative, depth, err);
	if (S_ISREG(st.st_mode)) return take_file(p, from, to, name, relative, err);
	return refuse_kind(relative, st.st_mode, err);
}

static bool take_folder(struct package *p, int from, int to, const char *relative, int depth, struct err *err)
{
	int again = dup(from);
	DIR *d = again >= 0 ? fdopendir(again) : NULL;
	if (d == NULL) {
		(void)err_set_errno(err, "read folder %s of the build's output", relative);
		if (again >= 0) (void)close(again);
		return false;
	}
	bool ok = true;
	for (struct dirent *e; ok && (e = readdir(d)) != NULL;)
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			ok = take_entry(p, from, to, relative, e->d_name, depth, err);
	(void)closedir(d);
	return ok;
}

/* Where the output is. */

static bool has_index(int dir)
{
	struct stat st;
	return fstatat(dir, "index.html", &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode);
}

static int open_output(int app, const struct build_wish *wish, const char **ret_name, struct err *err)
{
	/* React Router and Remix, Nuxt, Astro with a server beside it. */
	static const char *const usual[] = {"dist",           "build",       "out",    "build/client",
					    ".output/public", "dist/client", "public", NULL};
	const char *only[] = {wish->output, NULL};
	const char *const *names = wish->is_static && wish->output[0] == '\0' ? (const char *const[]){".", NULL}
				   : wish->output[0] != '\0'                  ? only
									      : usual;
	struct stat st;
	for (const char *const *n = names; *n != NULL; n++) {
		if (fstatat(app, *n, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(st.st_mode)) {
			(void)refuse_kind(*n, st.st_mode, err);
			return -1;
		}
		int fd = file_open_beneath(app, *n, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
		if (fd >= 0 && has_index(fd)) {
			*ret_name = *n;
			return fd;
		}
		if (fd >= 0) (void)close(fd);
	}
	if (!wish->is_static && wish->output[0] == '\0') {
		(void)err_set(err, ERR_FAILED,
			      "the build left neither pages (an index.html in dist, build, out or public) nor a server "
			      "that is known, and no start script starts one; does the build script build the app?");
		return -1;
	}
	(void)err_set(err, ERR_FAILED, "%s left no index.html in %s, so there is nothing to serve%s",
		      wish->is_static ? "the export" : "the build", wish->output[0] != '\0' ? wish->output : "dist",
		      wish->is_static ? "" : "; does the build script build the site?");
	return -1;
}

/* In the child: what is about to be served. The folder comes as a descriptor, because the way to it may be closed to
 * the app's user. */

struct scan {
	json_t *unbound;
	bool is_served; /* browsers get it: no secret may be in it */
};

static bool scan_file(struct scan *s, int dir, const char *name, const char *relative, struct err *err)
{
	struct buf text BUF_CLEANUP;
	char chunk[CHUNK_BYTES];
	ssize_t got;
	enum literal_kind kind;
	int line = 0;
	buf_init(&text, TEXT_MAX_BYTES);
	int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0) return err_set_errno(err, "%s", relative);
	while ((got = read(fd, chunk, sizeof chunk)) > 0 && buf_is_ok(&text)) {
		/* Pictures, fonts, programs. */
		if (text.len < SNIFF_BYTES &&
		    memchr(chunk, '\0', (size_t)got < SNIFF_BYTES ? (size_t)got : SNIFF_BYTES) != NULL)
			break;
		buf_append(&text, chunk, (size_t)got);
	}
	(void)close(fd);
	if (got > 0) return true;
	if (s->is_served && literal_find_secret(buf_view(&text), &kind, &line))
		return err_set(
		    err, ERR_REFUSED,
		    "%s, line %d, holds a %s: it passes by all row security, and everybody who opens the page "
		    "could read it. Remove it from the code, make a new one where it came from, and do what needs "
		    "it in a function on the server",
		    relative, line, kind == LITERAL_SECRET ? "secret key (sb_secret_…)" : "service_role key");
	if (bind_is_needed(buf_view(&text))) (void)json_array_append_new(s->unbound, json_string(relative));
	return true;
}

static bool scan_folder(struct scan *s, int dir, const char *folder, int depth, struct err *err)
{
	DIR *d = depth <= PACKAGE_MAX_DEPTH ? fdopendir(dup(dir)) : NULL;
	if (d == NULL) return err_set_errno(err, "read %s", folder);
	bool ok = true;
	for (struct dirent *e; ok && (e = readdir(d)) != NULL;) {
		char relative[FILE_PATH_SIZE];
		struct stat st;
		const char *name = e->d_name;
		if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0) continue;
		ok = file_path(relative, err, "%s%s%s", folder, *folder != '\0' ? "/" : "", name);
		if (ok && fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) != 0) ok = err_set_errno(err, "%s", relative);
		if (ok && S_ISREG(st.st_mode)) ok = scan_file(s, dir, name, relative, err);
		if (ok && S_ISDIR(st.st_mode)) {
			int inner = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
			ok = inner >= 0 ? scan_folder(s, inner, relative, depth + 1, err)
					: err_set_errno(err, "%s", relative);
			if (inner >= 0) (void)close(inner);
		}
	}
	(void)closedir(d);
	return ok;
}

static bool scan_reader(const void *arg, json_t **ret_answer, struct err *err)
{
	struct scan s = {json_array(), *(const bool *)arg};
	if (!scan_folder(&s, BUILD_CHILD_FD, "", 0, err)) return false;
	*ret_answer = s.unbound;
	return true;
}

/* release_dir/unbound/PATH becomes another name of release_dir/public/PATH; binding replaces the latter. The list comes
 * from the child and is checked before it becomes a path. */
static bool keep_unbound(const char *release_dir, const char *folder, int public, const json_t *list, struct err *err)
{
	char top[FILE_PATH_SIZE], path[FILE_PATH_SIZE];
	size_t i;
	json_t *value;
	if (!file_path(top, err, "%s/%s", release_dir, folder) || !file_mkdirs(top, 0755, err)) return false;
	json_array_foreach(list, i, value)
	{
		const char *relative = json_string_value(value);
		int fd = relative != NULL ? file_open_beneath(public, relative, O_RDONLY) : -1;
		if (fd < 0) return err_set(err, ERR_INTERNAL, "a file to bind is not in the release");
		(void)close(fd);
		if (!file_path(path, err, "%s/%s", top, relative)) return false;
		char *slash = strrchr(path, '/');
		*slash = '\0';
		if (!file_mkdirs(path, 0755, err)) return false;
		*slash = '/';
		if (linkat(public, relative, AT_FDCWD, path, 0) != 0) return err_set_errno(err, "keep %s", path);
	}
	return true;
}

/* The first of the folders that is there, or an empty one. */
static bool take_assets(struct package *p, int app, const struct server_plan *plan, const char *public_dir,
			struct err *err)
{
	char below[FILE_PATH_SIZE];
	int from = -1;
	p->has_assets_only = true;
	for (int i = 0; i < 3 && plan->assets[i] != NULL && from < 0; i++)
		from = file_open_beneath(app, plan->assets[i], O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
	bool ok =
	    file_path(below, err, "%s%s%s", public_dir, plan->assets_below[0] != '\0' ? "/" : "", plan->assets_below) &&
	    file_mkdirs(below, 0755, err);
	if (from < 0) return ok;
	int to = ok ? open(below, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	if (ok && to < 0) ok = err_set_errno(err, "%s", below);
	ok = ok && take_folder(p, from, to, plan->assets_below, 0, err);
	if (to >= 0) (void)close(to);
	(void)close(from);
	return ok;
}

static bool bind_later(const struct build_job *job, const char *release_dir, const char *folder,
		       const char *unbound_folder, bool is_served, json_t **ret_unbound, struct err *err)
{
	char dir[FILE_PATH_SIZE];
	if (!file_path(dir, err, "%s/%s", release_dir, folder)) return false;
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0) return err_set_errno(err, "%s", dir);
	bool ok = build_child_run(job, "read the build's output", scan_reader, &is_served, fd, ret_unbound, err) &&
		  keep_unbound(release_dir, unbound_folder, fd, *ret_unbound, err) &&
		  (syncfs(fd) == 0 || err_set_errno(err, "write the release to disk"));
	(void)close(fd);
	return ok;
}

bool package_bind_later(const struct build_job *job, const char *release_dir, const char *folder,
			const char *unbound_folder, struct err *err)
{
	json_t *ignored JSON_CLEANUP = NULL;
	return bind_later(job, release_dir, folder, unbound_folder, false, &ignored, err);
}

static bool package_server(struct package *p, struct server_plan *plan, const char *release_dir,
			   const char *modules_dir, json_t **ret_outcome, struct err *err)
{
	char app_dir[FILE_PATH_SIZE], public_dir[FILE_PATH_SIZE], hash[DIGEST_SIZE];
	json_t *unbound JSON_CLEANUP = NULL, *in_server JSON_CLEANUP = NULL;
	if (!build_app_path(p->job, app_dir, err) || !file_path(public_dir, err, "%s/public", release_dir))
		return false;
	int app = open(app_dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (app < 0) return err_set_errno(err, "%s", app_dir);
	bool ok = file_mkdirs(public_dir, 0755, err) && take_assets(p, app, plan, public_dir, err);
	(void)close(app);
	ok = ok && server_package(p->job, plan, release_dir, modules_dir, err) &&
	     bind_later(p->job, release_dir, "public", "unbound", true, &unbound, err) &&
	     bind_later(p->job, release_dir, "server", "unbound-server", false, &in_server, err) &&
	     digest_tree(public_dir, NULL, hash, err);
	if (!ok) return false;
	*ret_outcome =
	    json_pack("{s:s, s:I, s:I, s:s, s:O, s:O, s:O, s:O}", "output", plan->tree, "files",
		      (json_int_t)p->files + json_int(plan->server, "files", 0), "bytes",
		      (json_int_t)p->bytes + json_int(plan->server, "bytes", 0), "hash_unbound", hash, "assets",
		      p->assets, "unbound", unbound, "left_out", p->left_out, "server", plan->server);
	return *ret_outcome != NULL || err_set(err, ERR_INTERNAL, "the outcome of packaging");
}

static bool package(struct package *p, const char *release_dir, const char *public_dir, json_t **ret_outcome,
		    struct err *err)
{
	char app_dir[FILE_PATH_SIZE], hash[DIGEST_SIZE];
	const char *output = "";
	const bool is_served = true;
	struct build_wish wish = build_wish_read(p->job->inspection);
	json_t *unbound JSON_CLEANUP = NULL;
	p->is_static = wish.is_static;
	if (!build_app_path(p->job, app_dir, err)) return false;
	int app = open(app_dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (app < 0) return err_set_errno(err, "%s", app_dir);
	if (!p->is_static) p->source_public = file_open_beneath(app, "public", O_RDONLY | O_DIRECTORY);
	int from = open_output(app, &wish, &output, err), to = -1;
	bool ok = from >= 0;
	if (ok && strcmp(output, "public") == 0 && p->source_public >= 0)
		(void)close(p->source_public), p->source_public = -1;
	if (ok) {
		to = mkdir(public_dir, 0755) == 0 ? open(public_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
		ok = to >= 0 ? fchmod(to, 0755) == 0 : err_set_errno(err, "make folder %s", public_dir);
	}
	ok = ok && take_folder(p, from, to, "", 0, err);
	ok = ok && build_child_run(p->job, "read the build's output", scan_reader, &is_served, to, &unbound, err);
	ok = ok && digest_tree(public_dir, NULL, hash, err) && keep_unbound(release_dir, "unbound", to, unbound, err);
	if (ok && syncfs(to) != 0) ok = err_set_errno(err, "write the release to disk");
	if (ok)
		*ret_outcome = json_pack("{s:s, s:I, s:I, s:s, s:O, s:O, s:O}", "output", output, "files",
					 (json_int_t)p->files, "bytes", (json_int_t)p->bytes, "hash_unbound", hash,
					 "assets", p->assets, "unbound", unbound, "left_out", p->left_out);
	if (ok && *ret_outcome == NULL) ok = err_set(err, ERR_INTERNAL, "the outcome of packaging");
	if (to >= 0) (void)close(to);
	if (from >= 0) (void)close(from);
	if (p->source_public >= 0) (void)close(p->source_public);
	(void)close(app);
	return ok;
}

static void undo(const char *release_dir)
{
	static const char *const parts[] = {"public",    "unbound",         "server",         "unbound-server",
					    "functions", "functions-known", "functions-open", "unbound-functions"};
	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
		char path[FILE_PATH_SIZE];
		struct err ignored;
		if (file_path(path, &ignored, "%s/%s", release_dir, parts[i])) (void)file_remove_tree(path, &ignored);
	}
}

bool build_package(const struct build_job *job, const char *release_dir, const char *modules_dir, json_t **ret_outcome,
		   struct err *err)
{
	struct server_plan plan;
	int64_t began_ms = clock_now_ms();
	char public_dir[FILE_PATH_SIZE];
	struct package p = {.job = job, .source_public = -1, .assets = json_array(), .left_out = json_array()};
	if (!file_path(public_dir, err, "%s/public", release_dir)) return false;
	if (file_exists(public_dir)) return err_set(err, ERR_CONFLICT, "%s is there already", public_dir);
	bool has_server = server_find(job, &plan, err);
	bool ok = has_server ? package_server(&p, &plan, release_dir, modules_dir, ret_outcome, err)
			     : err->code == ERR_NOT_FOUND && package(&p, release_dir, public_dir, ret_outcome, err);
	json_decref(plan.server);
	if (ok) (void)json_object_set_new(*ret_outcome, "duration_ms", json_integer(clock_now_ms() - began_ms));
	if (!ok) undo(release_dir);
	json_decref(p.assets), json_decref(p.left_out);
	return ok;
}
