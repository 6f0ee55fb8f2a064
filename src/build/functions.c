/* SPDX-License-Identifier: Apache-2.0 */
#include "build/functions.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "build/box.h"
#include "build/cache.h"
#include "build/child.h"
#include "build/host.h"
#include "build/package.h"
#include "build/tools.h"
#include "build/tree.h"
#include "codec/json.h"

#define FOUND_MAX_BYTES (8u << 20)
#define TREE_MAX_FILES 200000
#define TREE_MAX_BYTES (2ull << 30)
#define REASON_MAX_BYTES 600
/* Of DENO_DIR, below the functions. The rest of it is small and Deno's own: what it found out about the code. */
#define PACKAGES_NPM "deno/npm"
#define PACKAGES_REMOTE "deno/remote"

bool functions_is_name(const char *name)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";
	size_t len = strlen(name);
	return len > 0 && len <= FUNCTIONS_NAME_MAX && strspn(name, letters) == len && name[0] != '-' && name[0] != '_';
}

bool functions_are_there(const struct build_job *job)
{
	return json_array_size(json_object_get(job->inspection, "functions")) > 0;
}

/* Of supabase/ within the export: beside the app, or at the top. */
static bool find_folder(const struct build_job *job, char ret_folder[FILE_PATH_SIZE], struct err *err)
{
	char path[FILE_PATH_SIZE];
	bool has_root = job->root != NULL && job->root[0] != '\0' && strcmp(job->root, ".") != 0;
	if (has_root) {
		if (!file_path(path, err, "%s/app/src/%s/supabase/functions", job->work_dir, job->root)) return false;
		if (file_is_dir(path)) return file_path(ret_folder, err, "%s/supabase", job->root);
	}
	return file_path(ret_folder, err, "supabase");
}

static json_t *wish_of(const struct build_job *job, const struct build_host *host, const char *folder)
{
	json_t *list = json_array(), *one;
	size_t i;
	json_array_foreach(json_object_get(job->inspection, "functions"), i, one)
	{
		if (functions_is_name(json_str(one, "name", ""))) json_array_append(list, one);
	}
	return json_pack("{s:s, s:s, s:o}", "folder", folder, "registry", host->registry, "functions", list);
}

static bool write_files(const char *dir, const json_t *wish, struct err *err)
{
	char path[FILE_PATH_SIZE];
	char *text = json_text(wish);
	bool ok = text != NULL && file_path(path, err, "%s/wish.json", dir) &&
		  file_write(path, str_from(text), 0644, err) && file_path(path, err, "%s/freehold", dir) &&
		  file_mkdirs(path, 0755, err);
	for (const struct functions_text *t = functions_texts; ok && t->name != NULL; t++)
		ok = file_path(path, err, "%s/freehold/%s", dir, t->name) &&
		     file_write(path, str_from(t->text), 0644, err);
	free(text);
	return ok;
}

static bool prepare(const struct build_job *job, const struct build_host *host, char ret_dir[FILE_PATH_SIZE],
		    struct err *err)
{
	char folder[FILE_PATH_SIZE];
	if (!find_folder(job, folder, err) || !file_path(ret_dir, err, "%s/functions", job->work_dir) ||
	    !file_remove_tree(ret_dir, err) || !file_mkdirs(ret_dir, 0755, err))
		return false;
	json_t *wish JSON_CLEANUP = wish_of(job, host, folder);
	size_t count = json_array_size(json_object_get(wish, "functions"));
	if (count > FUNCTIONS_MAX)
		return err_set(
		    err, ERR_LIMIT,
		    "the app brings %zu edge functions, and %d are the most that one app may have; take out of "
		    "supabase/functions what nobody calls",
		    count, FUNCTIONS_MAX);
	if (!write_files(ret_dir, wish, err)) return false;
	return geteuid() != 0 || lchown(ret_dir, job->uid, job->gid) == 0 ||
	       err_set_errno(err, "give %s to the app", ret_dir);
}

static bool run(const struct build_job *job, const struct build_host *host, const struct box_tool *deno,
		const char *dir, struct err *err)
{
	static const char *const argv[] = {"deno",        "run",       "--quiet",     "--no-prompt",
					   "--no-config", "--no-lock", "--allow-all", "/app/freehold/vendor.mjs",
					   NULL};
	char export[FILE_PATH_SIZE], cache[FILE_PATH_SIZE];
	static const char *const env[] = {"DENO_NO_UPDATE_CHECK=1", "DENO_DIR=/tmp/deno", NULL};
	if (!file_path(export, err, "%s/app/src", job->work_dir) || !cache_open(job, cache, err)) return false;
	const struct sandbox_mount mounts[] = {{SANDBOX_READ, export, "/export"}};
	struct box_call call = {.job = job,
				.host = host,
				.argv = argv,
				.app_dir = dir,
				.cwd = "/app",
				.cache_dir = cache,
				.tools = deno,
				.tool_count = 1,
				.mounts = mounts,
				.mount_count = 1,
				.env = env,
				.has_network = true};
	struct limits limits = build_limits(job);
	struct sandbox_result result;
	struct buf tail BUF_CLEANUP;
	buf_init(&tail, (size_t)2 * BOX_TAIL_BYTES);
	if (!box_run(&call, &tail, &result, err)) return false;
	if (sandbox_judge(&result, &limits, "preparing the functions", err)) return true;
	struct str why = box_reason(buf_view(&tail), REASON_MAX_BYTES);
	return err_set(err, err->code, "the functions could not be prepared: %.*s", STR_FMT(why));
}

/* What was found is as foreign as what it was found in. */
static bool read_found(const void *arg, json_t **ret_answer, struct err *err)
{
	return json_parse_file(arg, FOUND_MAX_BYTES, ret_answer, err);
}

static bool take_found(const struct build_job *job, const struct build_host *host, const char *dir,
		       const struct box_tool *deno, json_t **ret_outcome, struct err *err)
{
	char path[FILE_PATH_SIZE];
	json_t *found JSON_CLEANUP = NULL, *list = json_array(), *one;
	size_t i;
	if (!file_path(path, err, "%s/functions.json", dir) ||
	    !build_child_run(job, "read what the functions need", read_found, path, -1, &found, err))
		return json_decref(list), false;
	json_array_foreach(json_object_get(found, "functions"), i, one)
	{
		if (!functions_is_name(json_str(one, "name", "")) || json_array_size(list) >= FUNCTIONS_MAX) continue;
		const char *refusal = json_str(one, "refusal", NULL), *entry = json_str(one, "entry", NULL);
		if (entry == NULL && refusal == NULL) refusal = "it has no entry point";
		json_array_append_new(list, json_pack("{s:s, s:s*, s:b, s:s*}", "name", json_str(one, "name", ""),
						      "entry", entry, "verify_jwt", json_bool(one, "verify_jwt", true),
						      "refusal", refusal));
	}
	*ret_outcome = json_pack("{s:o, s:s, s:s, s:[{s:s, s:s}]}", "list", list, "deno", json_str(found, "deno", ""),
				 "registry", host->registry, "tools", "name", deno->name, "bin", deno->bin);
	static const char *const lists[] = {"problems", "adaptations", "packages"};
	for (size_t n = 0; n < sizeof lists / sizeof *lists; n++) {
		json_t *value = json_object_get(found, lists[n]);
		json_object_set_new(*ret_outcome, lists[n], json_is_array(value) ? json_incref(value) : json_array());
	}
	return true;
}

bool functions_build(const struct build_job *job, json_t **ret_outcome, struct err *err)
{
	struct build_host host;
	struct box_tool deno;
	char dir[FILE_PATH_SIZE];
	int64_t began_ms = clock_now_ms();
	if (!build_host_ask(&host, err) || !tool_deno(job, &host, &deno, err)) return false;
	build_say(job, "preparing %zu edge functions with Deno",
		  json_array_size(json_object_get(job->inspection, "functions")));
	if (!prepare(job, &host, dir, err) || !run(job, &host, &deno, dir, err) ||
	    !take_found(job, &host, dir, &deno, ret_outcome, err))
		return false;
	json_object_set_new(*ret_outcome, "duration_ms", json_integer(clock_now_ms() - began_ms));
	return true;
}

/* The release. */

static bool is_left_out(const char *relative)
{
	static const char *const names[] = {
	    "wish.json", "functions.json", "freehold/vendor.mjs", "freehold/resolve.mjs", PACKAGES_NPM, PACKAGES_REMOTE,
	    NULL};
	for (const char *const *n = names; *n != NULL; n++)
		if (strcmp(relative, *n) == 0) return true;
	return false;
}

static bool mark(const char *release_dir, const char *folder, const char *name, struct err *err)
{
	char path[FILE_PATH_SIZE];
	return file_path(path, err, "%s/%s", release_dir, folder) && file_mkdirs(path, 0755, err) &&
	       (name == NULL ||
		(file_path(path, err, "%s/%s/%s", release_dir, folder, name) && file_write(path, STR(""), 0644, err)));
}

static bool put_marks(const json_t *list, const char *release_dir, struct err *err)
{
	size_t i;
	json_t *one;
	if (!mark(release_dir, "functions-known", NULL, err) || !mark(release_dir, "functions-open", NULL, err))
		return false;
	json_array_foreach(list, i, one)
	{
		const char *name = json_str(one, "name", "");
		if (!mark(release_dir, "functions-known", name, err)) return false;
		if (!json_bool(one, "verify_jwt", true) && !mark(release_dir, "functions-open", name, err))
			return false;
	}
	return true;
}

/* Packages are a release's largest part and seldom others than those of the release before, so that what is the same
 * lies on the disk once: nobody writes to them, and each goes with the last release that has it. */
static bool take_packages(const struct build_job *job, const char *folder, const char *former_dir, const char *to,
			  struct err *err)
{
	char from[FILE_PATH_SIZE], like[FILE_PATH_SIZE], packages[FILE_PATH_SIZE];
	struct tree_copy copy = {
	    .what = "the functions' packages", .max_files = TREE_MAX_FILES, .max_bytes = TREE_MAX_BYTES};
	if (!file_path(from, err, "%s/functions/%s", job->work_dir, folder) ||
	    !file_path(packages, err, "%s/%s", to, folder) ||
	    (former_dir != NULL && !file_path(like, err, "%s/functions/%s", former_dir, folder)))
		return false;
	if (former_dir != NULL) copy.like = like;
	return !file_is_dir(from) || tree_copy(&copy, from, packages, err);
}

bool functions_package(const struct build_job *job, const json_t *list, const char *former_dir, const char *release_dir,
		       struct err *err)
{
	char from[FILE_PATH_SIZE], to[FILE_PATH_SIZE];
	struct tree_copy copy = {.what = "the functions",
				 .max_files = TREE_MAX_FILES,
				 .max_bytes = TREE_MAX_BYTES,
				 .leaves_out = is_left_out};
	if (!file_path(from, err, "%s/functions", job->work_dir) || !file_path(to, err, "%s/functions", release_dir) ||
	    !tree_copy(&copy, from, to, err) || !take_packages(job, PACKAGES_NPM, former_dir, to, err) ||
	    !take_packages(job, PACKAGES_REMOTE, former_dir, to, err))
		return false;
	if (!package_bind_later(job, release_dir, "functions/src", "unbound-functions", err)) return false;
	if (job->has_user && lchown(to, 0, job->gid) != 0) return err_set_errno(err, "%s", to);
	if (chmod(to, job->has_user ? 0750 : 0700) != 0) return err_set_errno(err, "%s", to);
	return put_marks(list, release_dir, err);
}
