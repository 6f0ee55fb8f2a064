/* SPDX-License-Identifier: Apache-2.0 */
#include "build/install.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "build/cache.h"
#include "build/child.h"
#include "build/hint.h"
#include "build/manifest.h"
#include "build/tools.h"
#include "codec/json.h"

#define STATE_MAX_BYTES 65536
#define WHY_MAX_BYTES 400
#define PACKAGE_JSON_MAX_BYTES (1u << 20)
#define NAMED_MAX 100
#define NATIVE_MAX 10

enum tool_kind { TOOL_NONE, TOOL_BUN, TOOL_PNPM };

struct rung {
	const char *name;
	enum tool_kind tool;
	const char *argv[10];
};

enum { RUNG_BUN_LOCK, RUNG_NPM_CI, RUNG_BUN_LOCKB, RUNG_PNPM, RUNG_NPM, RUNG_NPM_LEGACY, RUNG_COUNT };

static const struct rung ladder[RUNG_COUNT] = {
    {"bun.lock", TOOL_BUN, {"bun", "install", "--frozen-lockfile", "--ignore-scripts", "--no-progress"}},
    {"npm ci", TOOL_NONE, {"npm", "ci", "--ignore-scripts"}},
    {"bun.lockb", TOOL_BUN, {"bun", "install", "--frozen-lockfile", "--ignore-scripts", "--no-progress"}},
    {"pnpm",
     TOOL_PNPM,
     {"pnpm", "install", "--frozen-lockfile", "--ignore-scripts", "--ignore-pnpmfile", "--store-dir=/cache/pnpm",
      "--config.manage-package-manager-versions=false", "--reporter=append-only"}},
    {"npm install", TOOL_NONE, {"npm", "install", "--ignore-scripts"}},
    {"npm install --legacy-peer-deps", TOOL_NONE, {"npm", "install", "--ignore-scripts", "--legacy-peer-deps"}},
};

/* Folders in node_modules that builds write to; made here, because what is mounted over them needs a place. */
static const char *const written[] = {".vite", ".vite-temp", ".cache", ".tmp", ".astro", ".nitro"};

struct install {
	const struct build_job *job;
	struct manifest manifest;
	struct installed found;
	char app_dir[FILE_PATH_SIZE]; /* our copy */
	char into[FILE_PATH_SIZE]; /* where the install runs: a staged folder's app, or our copy */
	char download[FILE_PATH_SIZE];
	json_t *outcome;
};

static bool applies(const struct manifest *m, int rung)
{
	switch (rung) {
	case RUNG_BUN_LOCK: return m->has_bun_lock;
	case RUNG_NPM_CI: return m->has_npm_lock;
	case RUNG_BUN_LOCKB: return m->has_bun_lockb && !m->has_bun_lock;
	case RUNG_PNPM: return m->has_pnpm_lock;
	default: return true;
	}
}

static void note(struct install *in, const char *text)
{
	(void)json_array_append_new(json_object_get(in->outcome, "notes"), json_string(text));
	build_say(in->job, "note: %s", text);
}

static bool add_tool(struct install *in, enum tool_kind kind, struct err *err)
{
	struct installed *f = &in->found;
	struct box_tool *tool = &f->tools[f->tool_count];
	bool ok = kind == TOOL_BUN ? tool_bun(in->job, &f->host, tool, err)
				   : tool_pnpm(in->job, &f->host, in->manifest.pnpm_major, tool, err);
	if (ok) f->tool_count++;
	return ok;
}

/* Runs a command of the install. ret_why, on false, has the reason in the program's words. */
static bool command(struct install *in, const char *const *argv, bool has_network, struct buf *ret_why,
		    struct sandbox_result *ret_result, struct err *err)
{
	static const char *const env[] = {"npm_config_ignore_scripts=true", "npm_config_include=dev", NULL};
	struct buf tail BUF_CLEANUP;
	buf_init(&tail, (size_t)2 * BOX_TAIL_BYTES);
	struct box_call call = {
	    .job = in->job,
	    .host = &in->found.host,
	    .argv = argv,
	    .app_dir = in->into,
	    .cwd = "/app",
	    .cache_dir = has_network ? in->download : NULL,
	    .tools = in->found.tools,
	    .tool_count = in->found.tool_count,
	    .env = has_network ? env : NULL,
	    .has_network = has_network,
	};
	if (!box_run(&call, &tail, ret_result, err)) return false;
	buf_clear(ret_why);
	buf_str(ret_why, box_reason(buf_view(&tail), WHY_MAX_BYTES));
	return true;
}

static bool is_over_a_limit(const struct sandbox_result *r)
{
	return r->end != SANDBOX_EXITED && r->end != SANDBOX_SIGNALED;
}

struct clear_arg {
	const char *path;
};

static bool clear_reader(const void *arg, json_t **ret_answer, struct err *err)
{
	(void)ret_answer;
	const struct clear_arg *c = arg;
	char path[FILE_PATH_SIZE];
	return file_path(path, err, "%s/node_modules", c->path) && file_remove_tree(path, err);
}

static bool clear(struct install *in, struct err *err)
{
	const struct clear_arg arg = {in->into};
	json_t *answer JSON_CLEANUP = NULL;
	return build_child_run(in->job, "remove a failed install", clear_reader, &arg, -1, &answer, err);
}

/* One rung. *ret_holds tells whether it did; false is for what no other rung would mend. */
static bool try_rung(struct install *in, const struct rung *rung, bool *ret_holds, struct err *err)
{
	struct buf why BUF_CLEANUP;
	struct sandbox_result result;
	struct limits limits = build_limits(in->job);
	struct err failed = {0};
	buf_init(&why, (size_t)2 * WHY_MAX_BYTES);
	bool has_tool = rung->tool == TOOL_NONE || add_tool(in, rung->tool, &failed);
	if (has_tool) {
		build_say(in->job, "installing: %s", rung->name);
		if (!command(in, rung->argv, true, &why, &result, err)) return false;
		*ret_holds = sandbox_judge(&result, &limits, "installing the dependencies", err);
		if (*ret_holds) return true;
		if (is_over_a_limit(&result)) return false;
		if (rung->tool != TOOL_NONE) in->found.tool_count--;
	}
	const char *text = has_tool ? buf_cstr(&why) : failed.msg;
	if (has_tool && why.len == 0) text = err->msg;
	*ret_holds = false;
	(void)json_array_append_new(
	    json_object_get(in->outcome, "attempts"),
	    json_pack("{s:s, s:s}", "rung", rung->name, "why", str_is_utf8(str_from(text)) ? text : "failed"));
	return !has_tool || clear(in, err);
}

static bool fail_ladder(struct install *in, struct err *err)
{
	size_t i;
	json_t *attempt;
	struct buf text BUF_CLEANUP;
	char hint[HINT_SIZE] = "";
	buf_init(&text, ERR_MSG_SIZE);
	json_array_foreach(json_object_get(in->outcome, "attempts"), i, attempt)
	{
		const char *why = json_str(attempt, "why", "");
		if (hint[0] == '\0' && !hint_missing_version(str_from(why), hint))
			(void)hint_unreached(str_from(why), hint);
		buf_printf(&text, "%s%s: %.200s", i > 0 ? "\n" : "", json_str(attempt, "rung", ""), why);
	}
	return err_set(err, ERR_FAILED, "the app's dependencies cannot be installed%s%s%s each way said:\n%s",
		       hint[0] != '\0' ? ": " : "; ", hint, hint[0] != '\0' ? "What" : "what", buf_cstr(&text));
}

static bool was_unreached(const struct install *in)
{
	const json_t *attempts = json_object_get(in->outcome, "attempts");
	const json_t *last = json_array_get(attempts, json_array_size(attempts) - 1);
	char ignored[HINT_SIZE];
	return hint_unreached(str_from(json_str(last, "why", "")), ignored);
}

static bool climb(struct install *in, int *ret_rung, struct err *err)
{
	for (int i = 0; i < RUNG_COUNT; i++) {
		bool holds = false;
		if (!applies(&in->manifest, i)) continue;
		if (!try_rung(in, &ladder[i], &holds, err)) return false;
		/* The next way would not follow the lockfile, which has no fault. */
		if (!holds && was_unreached(in)) {
			build_say(in->job, "the registry was not reached; %s once more", ladder[i].name);
			if (!try_rung(in, &ladder[i], &holds, err)) return false;
			if (!holds && was_unreached(in)) return fail_ladder(in, err);
		}
		*ret_rung = i;
		if (holds) return true;
		build_say(in->job, "%s did not work; trying the next way", ladder[i].name);
	}
	return fail_ladder(in, err);
}

/* By the package manager that made node_modules; only the staged copy of package.json is changed. */
static bool add_package(struct install *in, int rung, struct err *err)
{
	const char *package = in->manifest.addition;
	const char *const npm[] = {"npm",   "install", "--ignore-scripts", "--no-save", "--legacy-peer-deps",
				   package, NULL};
	const char *const bun[] = {"bun", "add", "--ignore-scripts", "--no-progress", package, NULL};
	const char *const pnpm[] = {"pnpm",
				    "add",
				    "--ignore-scripts",
				    "--store-dir=/cache/pnpm",
				    "--config.manage-package-manager-versions=false",
				    package,
				    NULL};
	static const char what[] = "adding a package that the app's own would fetch during the build";
	struct sandbox_result result;
	struct limits limits = build_limits(in->job);
	char text[200];
	if (package[0] == '\0') return true;
	struct buf why BUF_CLEANUP;
	buf_init(&why, (size_t)2 * WHY_MAX_BYTES);
	const char *const *argv = ladder[rung].tool == TOOL_BUN ? bun : ladder[rung].tool == TOOL_PNPM ? pnpm : npm;
	if (!command(in, argv, true, &why, &result, err)) return false;
	if (!sandbox_judge(&result, &limits, what, err)) return err_wrap(err, "%s: %s", package, buf_cstr(&why));
	(void)snprintf(text, sizeof text, "%s was added to our copy: what the app has is for another platform",
		       package);
	note(in, text);
	return true;
}

static bool run_own_script(struct install *in, const char *name, struct err *err)
{
	const char *argv[] = {"npm", "run", name, NULL};
	char text[WHY_MAX_BYTES + 200];
	struct sandbox_result result;
	struct limits limits = build_limits(in->job);
	struct buf why BUF_CLEANUP;
	buf_init(&why, (size_t)2 * WHY_MAX_BYTES);
	if (!command(in, argv, false, &why, &result, err)) return false;
	struct err failed;
	if (sandbox_judge(&result, &limits, "its script", &failed)) return true;
	if (is_over_a_limit(&result)) {
		*err = failed;
		return err_wrap(err, "%s (npm run %s)", in->job->app, name);
	}
	(void)snprintf(text, sizeof text, "the app's own %s script failed (it runs without network): %.300s", name,
		       buf_cstr(&why));
	if (str_is_utf8(str_from(text))) note(in, text);
	return true;
}

/* In the child: what was installed. */

static bool wants_script(const char *folder)
{
	static const char *const names[] = {"preinstall", "install", "postinstall"};
	char path[FILE_PATH_SIZE];
	struct err ignored;
	json_t *package JSON_CLEANUP = NULL;
	if (!file_path(path, &ignored, "%s/package.json", folder) ||
	    !json_parse_file(path, PACKAGE_JSON_MAX_BYTES, &package, &ignored))
		return false;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (json_object_get(json_object_get(package, "scripts"), names[i]) != NULL) return true;
	return false;
}

static void find_wants(const char *modules, const char *scope, json_t *list)
{
	char path[FILE_PATH_SIZE], name[600];
	struct err ignored;
	DIR *d =
	    file_path(path, &ignored, "%s%s%s", modules, scope[0] != '\0' ? "/" : "", scope) ? opendir(path) : NULL;
	if (d == NULL) return;
	for (struct dirent *e; (e = readdir(d)) != NULL && json_array_size(list) < NAMED_MAX;) {
		if (e->d_name[0] == '.') continue;
		if (e->d_name[0] == '@' && scope[0] == '\0') {
			find_wants(modules, e->d_name, list);
			continue;
		}
		(void)snprintf(name, sizeof name, "%s%s%s", scope, scope[0] != '\0' ? "/" : "", e->d_name);
		if (file_path(path, &ignored, "%s/%s", modules, name) && wants_script(path))
			(void)json_array_append_new(list, json_string(name));
	}
	(void)closedir(d);
}

static bool finish_reader(const void *arg, json_t **ret_answer, struct err *err)
{
	char modules[FILE_PATH_SIZE], path[FILE_PATH_SIZE];
	uint64_t bytes = 0;
	const struct clear_arg *c = arg;
	if (!file_path(modules, err, "%s/node_modules", c->path)) return false;
	for (size_t i = 0; i < sizeof written / sizeof *written; i++)
		if (!file_path(path, err, "%s/%s", modules, written[i]) || !file_mkdirs(path, 0755, err)) return false;
	if (!file_tree_size(modules, &bytes, err)) return false;
	json_t *wants = json_array();
	find_wants(modules, "", wants);
	*ret_answer = json_pack("{s:I, s:o}", "bytes", (json_int_t)bytes, "wants", wants);
	return *ret_answer != NULL || err_set(err, ERR_INTERNAL, "read node_modules");
}

static bool finish(struct install *in, uint64_t *ret_bytes, struct err *err)
{
	const struct clear_arg arg = {in->into};
	json_t *answer JSON_CLEANUP = NULL;
	if (!build_child_run(in->job, "read the installed packages", finish_reader, &arg, -1, &answer, err))
		return false;
	*ret_bytes = (uint64_t)json_int(answer, "bytes", 0);
	(void)json_object_set(in->outcome, "scripts_not_run", json_object_get(answer, "wants"));
	(void)json_object_set_new(in->outcome, "bytes", json_integer((json_int_t)*ret_bytes));
	return true;
}

/* Parts in C++ that a package fetches or compiles by its install script: there is no other way to them. By name, since
 * most scripts of packages only print or phone home. */
static bool is_native(const char *package)
{
	static const char *const names[] = {"better-sqlite3", "sqlite3", "bcrypt", "argon2", "canvas"};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (strcmp(package, names[i]) == 0) return true;
	return false;
}

/* The headers lie beside the Node that will run it; node-gyp would fetch them. */
static const char *headers_of(const struct installed *f, char space[FILE_PATH_SIZE])
{
	bool has_tool = f->tool_count > 0 && strncmp(f->tools[0].name, "node-", 5) == 0;
	int len = has_tool ? (int)(strlen(f->tools[0].bin) - strlen("/bin")) : 0;
	if (has_tool)
		(void)snprintf(space, FILE_PATH_SIZE, "npm_config_nodedir=/tools/%s/%.*s", f->tools[0].name, len,
			       f->tools[0].bin);
	else
		(void)snprintf(space, FILE_PATH_SIZE, "npm_config_nodedir=%s",
			       f->host.node_prefix[0] != '\0' ? f->host.node_prefix : "/usr");
	return space;
}

static bool make_native(struct install *in, int rung, struct err *err)
{
	const char *argv[NATIVE_MAX + 4] = {ladder[rung].tool == TOOL_PNPM ? "pnpm" : "npm", "rebuild"};
	char nodedir[FILE_PATH_SIZE], text[WHY_MAX_BYTES + 200];
	const char *env[] = {"npm_config_ignore_scripts=false", headers_of(&in->found, nodedir), NULL};
	struct buf tail BUF_CLEANUP;
	struct sandbox_result result;
	struct limits limits = build_limits(in->job);
	struct err failed;
	size_t i;
	json_t *name;
	int n = 2;
	buf_init(&tail, (size_t)2 * BOX_TAIL_BYTES);
	json_array_foreach(json_object_get(in->outcome, "scripts_not_run"), i,
			   name) if (is_native(json_string_value(name)) && n < NATIVE_MAX) argv[n++] =
	    json_string_value(name);
	if (n == 2) return true;
	struct box_call call = {.job = in->job,
				.host = &in->found.host,
				.argv = argv,
				.app_dir = in->into,
				.cwd = "/app",
				.cache_dir = in->download,
				.tools = in->found.tools,
				.tool_count = in->found.tool_count,
				.env = env,
				.has_network = true};
	build_say(in->job, "making what %s %s compiled", argv[2], n > 3 ? "and others need" : "needs");
	if (!box_run(&call, &tail, &result, err)) return false;
	if (sandbox_judge(&result, &limits, argv[2], &failed)) return true;
	struct str why = box_reason(buf_view(&tail), WHY_MAX_BYTES);
	(void)snprintf(text, sizeof text, "%s has a part that could be neither fetched nor compiled here: %.*s",
		       argv[2], STR_FMT(why));
	if (str_is_utf8(str_from(text))) note(in, text);
	return true;
}

/* The phase. */

static bool choose_node(struct install *in, struct err *err)
{
	struct installed *f = &in->found;
	int major =
	    tool_wanted_node(in->manifest.node_wish, in->manifest.node_floor, f->host.node_major, f->host.node_minor);
	if (major > 0) {
		if (!tool_node(in->job, &f->host, major, &f->tools[0], err)) return false;
		f->tool_count = 1;
		tool_version(in->job, &f->tools[0], f->host.node_version);
	}
	(void)json_object_set_new(in->outcome, "node", json_string(f->host.node_version));
	if (in->manifest.has_yarn_lock && !in->manifest.has_npm_lock && !in->manifest.has_bun_lock)
		note(in, "yarn.lock is not followed; npm chose the versions from package.json");
	return true;
}

static bool install_fresh(struct install *in, int *ret_rung, struct err *err)
{
	char staged[FILE_PATH_SIZE] = "";
	uint64_t bytes = 0;
	bool is_cached = !in->manifest.has_workspaces;
	if (is_cached &&
	    (!cache_stage(in->job, staged, err) || !manifest_copy(in->job, &in->manifest, in->app_dir, staged, err) ||
	     !file_path(in->into, err, "%s/app", staged)))
		return false;
	if (!is_cached) (void)memcpy(in->into, in->app_dir, sizeof in->into);
	bool ok = climb(in, ret_rung, err) && add_package(in, *ret_rung, err);
	if (ok && in->manifest.has_postinstall) ok = run_own_script(in, "postinstall", err);
	if (ok && in->manifest.has_prepare) ok = run_own_script(in, "prepare", err);
	ok = ok && finish(in, &bytes, err) && make_native(in, *ret_rung, err);
	if (ok) (void)json_object_set_new(in->outcome, "rung", json_string(ladder[*ret_rung].name));
	if (ok && is_cached) ok = cache_commit(in->job, staged, in->manifest.key, in->outcome, bytes, err);
	struct err ignored;
	if (!ok && is_cached) (void)cache_remove(staged, &ignored);
	if (ok && is_cached) (void)snprintf(in->found.key, sizeof in->found.key, "%s", in->manifest.key);
	return ok;
}

/* The entry's outcome is that of the install that made it; the tools it was made with are needed by the build too. */
static bool use_cached(struct install *in, json_t *meta, struct err *err)
{
	const char *name = json_str(meta, "rung", "");
	for (int i = 0; i < RUNG_COUNT; i++)
		if (strcmp(ladder[i].name, name) == 0 && ladder[i].tool != TOOL_NONE &&
		    !add_tool(in, ladder[i].tool, err))
			return false;
	(void)json_object_update(in->outcome, meta);
	(void)json_object_set_new(in->outcome, "cached", json_true());
	(void)snprintf(in->found.key, sizeof in->found.key, "%s", in->manifest.key);
	build_say(in->job, "dependencies unchanged (%s): nothing to install", name);
	return true;
}

static bool remember(const struct install *in, struct err *err)
{
	char path[FILE_PATH_SIZE];
	const struct installed *f = &in->found;
	json_t *tools = json_array();
	for (int i = 0; i < f->tool_count; i++)
		(void)json_array_append_new(tools,
					    json_pack("{s:s, s:s}", "name", f->tools[i].name, "bin", f->tools[i].bin));
	json_t *state JSON_CLEANUP =
	    json_pack("{s:s, s:o, s:s, s:s, s:s, s:s, s:s}", "key", f->key, "tools", tools, "registry",
		      f->host.registry, "node_version", f->host.node_version, "node_bin", f->host.node_bin,
		      "node_prefix", f->host.node_prefix, "ca_file", f->host.ca_file);
	if (state == NULL) return err_set(err, ERR_INTERNAL, "remember the install");
	char *text = json_text(state);
	bool ok =
	    file_path(path, err, "%s/install.json", in->job->work_dir) && file_write(path, str_from(text), 0600, err);
	free(text);
	return ok;
}

bool install_recall(const struct build_job *job, struct installed *ret_installed, struct err *err)
{
	char path[FILE_PATH_SIZE];
	json_t *s JSON_CLEANUP = NULL;
	struct installed f = {0};
	size_t i;
	json_t *tool;
	if (!file_path(path, err, "%s/install.json", job->work_dir) || !json_parse_file(path, STATE_MAX_BYTES, &s, err))
		return err_wrap(err, "build before install");
	(void)snprintf(f.key, sizeof f.key, "%s", json_str(s, "key", ""));
	(void)snprintf(f.host.registry, sizeof f.host.registry, "%s", json_str(s, "registry", ""));
	(void)snprintf(f.host.node_version, sizeof f.host.node_version, "%s", json_str(s, "node_version", ""));
	(void)snprintf(f.host.node_bin, sizeof f.host.node_bin, "%s", json_str(s, "node_bin", ""));
	(void)snprintf(f.host.node_prefix, sizeof f.host.node_prefix, "%s", json_str(s, "node_prefix", ""));
	(void)snprintf(f.host.ca_file, sizeof f.host.ca_file, "%s", json_str(s, "ca_file", ""));
	json_array_foreach(json_object_get(s, "tools"), i, tool)
	{
		if (f.tool_count == BOX_TOOLS_MAX) break;
		struct box_tool *t = &f.tools[f.tool_count++];
		(void)snprintf(t->name, sizeof t->name, "%s", json_str(tool, "name", ""));
		(void)snprintf(t->bin, sizeof t->bin, "%s", json_str(tool, "bin", ""));
	}
	*ret_installed = f;
	return true;
}

static bool install(struct install *in, struct err *err)
{
	char salt[128];
	json_t *meta JSON_CLEANUP = NULL;
	int lock_fd = -1, rung = 0;
	struct err miss;
	struct build_host *host = &in->found.host;
	if (!build_host_ask(host, err) || !cache_open(in->job, in->download, err) ||
	    !build_app_path(in->job, in->app_dir, err))
		return false;
	(void)snprintf(salt, sizeof salt, "node %s", host->node_version);
	if (!manifest_read(in->job, in->app_dir, host->registry, salt, &in->manifest, err)) return false;
	(void)json_object_set_new(in->outcome, "rewritten", json_integer(in->manifest.rewritten));
	if (!in->manifest.has_package) return remember(in, err);
	if (in->manifest.rewritten > 0)
		build_say(in->job,
			  "%d addresses of a private package cache in the lockfile now point at the npm registry",
			  in->manifest.rewritten);
	if (!choose_node(in, err)) return false;
	bool is_kept = !in->manifest.has_workspaces && cache_get(in->job, in->manifest.key, &meta, &lock_fd, &miss);
	bool ok = is_kept ? use_cached(in, meta, err) : install_fresh(in, &rung, err);
	if (ok && !is_kept && !in->manifest.has_workspaces)
		(void)cache_get(in->job, in->found.key, &meta, &lock_fd, &miss);
	if (ok) (void)cache_trim(in->job);
	if (lock_fd >= 0) (void)close(lock_fd);
	return ok && remember(in, err);
}

bool build_install(const struct build_job *job, json_t **ret_outcome, struct err *err)
{
	int64_t began_ms = clock_now_ms();
	struct install *in = calloc(1, sizeof *in);
	if (in == NULL) abort();
	in->job = job;
	in->outcome = json_pack("{s:s, s:b, s:[], s:[], s:[]}", "rung", "none", "cached", 0, "attempts",
				"scripts_not_run", "notes");
	bool ok = in->outcome != NULL && install(in, err);
	if (ok) {
		(void)json_object_set_new(in->outcome, "duration_ms", json_integer(clock_now_ms() - began_ms));
		*ret_outcome = json_incref(in->outcome);
	}
	json_decref(in->outcome);
	free(in);
	return ok;
}
