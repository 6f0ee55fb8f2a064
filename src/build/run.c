/* SPDX-License-Identifier: Apache-2.0 */
#include "build/run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "build/adapt.h"
#include "build/box.h"
#include "build/cache.h"
#include "build/child.h"
#include "build/fonts.h"
#include "build/hint.h"
#include "build/install.h"
#include "build/pictures.h"
#include "build/placeholder.h"
#include "build/server.h"
#include "build/wish.h"
#include "codec/json.h"

#define ENV_MAX 256
#define REASON_MAX_BYTES 800

static const char *const in_memory[] = {".vite", ".vite-temp", ".cache", ".tmp", ".astro", ".nitro"};

struct run {
	const struct build_job *job;
	struct build_wish wish;
	struct installed found;
	char app_dir[FILE_PATH_SIZE];
	char top[FILE_PATH_SIZE]; /* our copy; becomes /app */
	char modules[FILE_PATH_SIZE]; /* of the cache; "" when they lie in our copy */
	char inner[FILE_PATH_SIZE]; /* the app's folder inside */
	char inner_modules[FILE_PATH_SIZE];
	const char *env[ENV_MAX];
	char kept[FILE_PATH_SIZE]; /* its build cache; "" where there is none */
	char inner_kept[FILE_PATH_SIZE];
	bool has_network;
	bool is_kept_filled;
	bool is_copied;
	struct fonts fonts;
	struct buf tail, pictures; /* pictures: how it went, empty where none are wanted */
	struct sandbox_result result;
};

static bool fill_env(struct run *r, struct err *err)
{
	int n = 0;
	for (const char *const *p = build_env(); *p != NULL; p++) r->env[n++] = *p;
	for (const char *const *p = server_build_env(json_str(r->job->inspection, "shape", "")); *p != NULL; p++)
		r->env[n++] = *p;
	for (const char *const *p = r->job->env; p != NULL && *p != NULL; p++) {
		if (!build_env_check(*p, err)) return false;
		if (n == ENV_MAX - 1) return err_set(err, ERR_LIMIT, "more than %d variables for a build", ENV_MAX);
		r->env[n++] = *p;
	}
	r->env[n] = NULL;
	return true;
}

static bool make_mount_point(const void *arg, json_t **ret_answer, struct err *err)
{
	(void)ret_answer;
	const struct run *r = arg;
	char path[FILE_PATH_SIZE];
	return file_path(path, err, "%s/node_modules", r->app_dir) && file_mkdirs(path, 0755, err) &&
	       (r->kept[0] == '\0' ||
		(file_path(path, err, "%s/.next/cache", r->app_dir) && file_mkdirs(path, 0755, err)));
}

/* Next keeps what a build can use again, fetched fonts among it. */
static bool find_kept(struct run *r, struct err *err)
{
	if (strcmp(json_str(r->job->inspection, "shape", ""), "nextjs") != 0) return true;
	return file_path(r->inner_kept, err, "%s/.next/cache", r->inner) &&
	       cache_kept(r->job, "next", r->kept, &r->is_kept_filled, err);
}

static bool find_modules(struct run *r, struct err *err)
{
	bool has_root = r->job->root != NULL && r->job->root[0] != '\0' && strcmp(r->job->root, ".") != 0;
	char entry[FILE_PATH_SIZE];
	json_t *answer JSON_CLEANUP = NULL;
	if (!file_path(r->inner, err, "/app%s%s", has_root ? "/" : "", has_root ? r->job->root : "") ||
	    !file_path(r->inner_modules, err, "%s/node_modules", r->inner) || !find_kept(r, err))
		return false;
	if (r->found.key[0] == '\0' && r->kept[0] == '\0') return true;
	if (r->found.key[0] == '\0')
		return build_child_run(r->job, "prepare the build", make_mount_point, r, -1, &answer, err);
	return cache_entry_path(r->job, r->found.key, entry, err) &&
	       file_path(r->modules, err, "%s/app/node_modules", entry) &&
	       build_child_run(r->job, "prepare the build", make_mount_point, r, -1, &answer, err);
}

static struct box_call call_of(const struct run *r, const char *const *argv, const struct sandbox_mount *mounts,
			       int count)
{
	return (struct box_call){
	    .job = r->job,
	    .host = &r->found.host,
	    .argv = argv,
	    .app_dir = r->top,
	    .cwd = r->inner,
	    .tools = r->found.tools,
	    .tool_count = r->found.tool_count,
	    .mounts = mounts,
	    .mount_count = count,
	    .env = r->env,
	    .has_network = r->has_network,
	};
}

static bool find_fonts(struct run *r, struct err *err)
{
	if (r->kept[0] == '\0') return true;
	const struct sandbox_mount modules = {SANDBOX_READ, r->modules, r->inner_modules};
	struct box_call call = call_of(r, NULL, &modules, r->modules[0] != '\0');
	if (!fonts_prepare(&call, r->is_kept_filled, &r->fonts, err)) return false;
	r->has_network = r->has_network || r->fonts.needs_network;
	return true;
}

static bool run_command(struct run *r, const char *const *argv, const struct sandbox_mount *mounts, int count,
			struct err *err)
{
	struct box_call call = call_of(r, argv, mounts, count);
	buf_clear(&r->tail);
	return box_run(&call, &r->tail, &r->result, err);
}

static bool run_script(struct run *r, struct err *err)
{
	enum { IN_MEMORY = sizeof in_memory / sizeof *in_memory };
	struct sandbox_mount mounts[2 + IN_MEMORY + FONTS_MAX];
	const char *command[FONTS_COMMAND_MAX];
	char paths[IN_MEMORY][FILE_PATH_SIZE];
	int n = 0;
	if (r->modules[0] != '\0' && !r->is_copied)
		mounts[n++] = (struct sandbox_mount){SANDBOX_READ, r->modules, r->inner_modules};
	for (int i = 0; n > 0 && i < IN_MEMORY; i++) {
		if (!file_path(paths[i], err, "%s/%s", r->inner_modules, in_memory[i])) return false;
		mounts[n++] = (struct sandbox_mount){SANDBOX_TMPFS, NULL, paths[i]};
	}
	if (r->kept[0] != '\0') mounts[n++] = (struct sandbox_mount){SANDBOX_WRITE, r->kept, r->inner_kept};
	n += fonts_mount(&r->fonts, mounts + n);
	fonts_wrap(&r->fonts, r->wish.command, command);
	return run_command(r, command, mounts, n, err);
}

static bool copy_modules(struct run *r, struct err *err)
{
	const char *argv[] = {"cp", "-a", "--reflink=auto", "/modules/.", r->inner_modules, NULL};
	const struct sandbox_mount mount = {SANDBOX_READ, r->modules, "/modules"};
	struct limits limits = build_limits(r->job);
	build_say(r->job, "the build writes to node_modules; it gets a copy of its own and runs again");
	r->is_copied = true;
	return run_command(r, argv, &mount, 1, err) && sandbox_judge(&r->result, &limits, "copying node_modules", err);
}

static bool said(const struct run *r, const char *const *phrases)
{
	for (; *phrases != NULL; phrases++)
		if (str_find(buf_view(&r->tail), str_from(*phrases)) >= 0) return true;
	return false;
}

static bool wants_to_write(const struct run *r)
{
	/* Node's recursive mkdir says ENOENT where it may not write. */
	static const char *const phrases[] = {"EROFS", "read-only file system", "Read-only file system",
					      "ENOENT: no such file or directory, mkdir", NULL};
	return r->modules[0] != '\0' && !r->is_copied && r->result.end == SANDBOX_EXITED &&
	       r->result.exit_status != 0 && str_find(buf_view(&r->tail), STR("node_modules")) >= 0 && said(r, phrases);
}

static bool explain(struct run *r, struct err *err)
{
	static const char *const network[] = {
	    "ENOTFOUND", "EAI_AGAIN", "ENETUNREACH", "getaddrinfo", "fetch failed", "Could not resolve host", NULL};
	static const char *const heap[] = {"heap out of memory", NULL}, *const backend[] = {PLACEHOLDER_HOST, NULL};
	struct limits limits = build_limits(r->job);
	if (sandbox_judge(&r->result, &limits, "the build", err)) return true;
	bool is_over = r->result.end != SANDBOX_EXITED && r->result.end != SANDBOX_SIGNALED;
	struct str why = box_reason(buf_view(&r->tail), REASON_MAX_BYTES);
	if (is_over) return false;
	if (said(r, heap))
		return err_set(err, ERR_LIMIT,
			       "the build needed more memory than its limit of %llu MB allows Node to take",
			       (unsigned long long)limits.memory_bytes / 1000000);
	char missing[HINT_SIZE];
	const char *hint =
	    hint_missing_module(buf_view(&r->tail), missing) ? missing
	    : said(r, backend)
		? "a page that is rendered while the app is built asks its database, which no build has; paste into "
		  "the builder's chat: Render the pages that read from Supabase at request time (export const dynamic "
		  "= "
		  "\"force-dynamic\"). "
	    : !r->has_network && said(r, network)
		? "it asked the network for something, and builds run without; if it must, allow it with "
		  "--network. "
		: "";
	return err_set(err, ERR_FAILED, "%s. %sIt said:\n%.*s", err->msg, hint, STR_FMT(why));
}

static bool bring_pictures(struct run *r, struct err *err)
{
	return !pictures_are_wanted(r->job) ||
	       pictures_bring(r->job, &r->found.host, r->top, r->inner, r->env, &r->pictures, err);
}

static bool run(struct run *r, struct err *err)
{
	int lock_fd = -1;
	json_t *meta JSON_CLEANUP = NULL;
	if (!build_app_path(r->job, r->app_dir, err) || !file_path(r->top, err, "%s/app/src", r->job->work_dir) ||
	    !install_recall(r->job, &r->found, err) || !fill_env(r, err) || !find_modules(r, err) ||
	    !bring_pictures(r, err))
		return false;
	if (r->found.key[0] != '\0' && !cache_get(r->job, r->found.key, &meta, &lock_fd, err))
		return err_wrap(err, "the installed dependencies are gone; deploy again");
	bool ok = find_fonts(r, err) && run_script(r, err);
	if (ok && wants_to_write(r)) ok = copy_modules(r, err) && run_script(r, err);
	if (lock_fd >= 0) (void)close(lock_fd);
	return ok && explain(r, err);
}

bool build_run(const struct build_job *job, json_t **ret_outcome, struct err *err)
{
	int64_t began_ms = clock_now_ms();
	struct run *r = calloc(1, sizeof *r);
	if (r == NULL) abort();
	r->job = job, r->wish = build_wish_read(job->inspection), r->has_network = job->has_network;
	buf_init(&r->tail, (size_t)2 * BOX_TAIL_BYTES);
	buf_init(&r->pictures, 4096);
	bool ok = r->wish.command != NULL || err_set(err, ERR_NOT_FOUND, "nothing says how %s is built", job->app);
	if (ok) build_say(job, "building: %s", r->wish.command_text);
	ok = ok && run(r, err);
	if (ok)
		*ret_outcome = json_pack("{s:s, s:s, s:b, s:I, s:I}", "script", r->wish.command_text, "node",
					 r->found.host.node_version, "copied", r->is_copied, "memory_peak_bytes",
					 (json_int_t)r->result.memory_peak_bytes, "duration_ms",
					 (json_int_t)(clock_now_ms() - began_ms));
	if (ok && *ret_outcome == NULL) ok = err_set(err, ERR_INTERNAL, "the outcome of the build");
	if (ok && r->pictures.len > 0)
		json_object_set_new(*ret_outcome, "pictures", json_string(buf_cstr(&r->pictures)));
	if (ok && r->fonts.adaptations != NULL) json_object_set(*ret_outcome, "adaptations", r->fonts.adaptations);
	json_decref(r->fonts.adaptations);
	buf_done(&r->pictures);
	buf_done(&r->tail);
	free(r);
	return ok;
}
