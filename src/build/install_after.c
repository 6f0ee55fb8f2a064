/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <stdio.h>
#include <string.h>

#include "build/child.h"
#include "build/install_private.h"
#include "codec/json.h"

#define PACKAGE_JSON_MAX_BYTES (1u << 20)
#define NAMED_MAX 100
#define NATIVE_MAX 10

/* Folders in node_modules that builds write to; made here, because what is mounted over them needs a place. */
static const char *const written[] = {".vite", ".vite-temp", ".cache", ".tmp", ".astro", ".nitro"};

/* By the package manager that made node_modules; only the staged copy of package.json is changed. */
bool install_add_package(struct install *in, const char *rung, struct err *err)
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
	buf_init(&why, (size_t)2 * INSTALL_WHY_MAX_BYTES);
	enum install_tool tool = install_tool_of(rung);
	const char *const *argv = tool == INSTALL_BY_BUN ? bun : tool == INSTALL_BY_PNPM ? pnpm : npm;
	if (!install_command(in, argv, true, &why, &result, err)) return false;
	if (!sandbox_judge(&result, &limits, what, err)) return err_wrap(err, "%s: %s", package, buf_cstr(&why));
	(void)snprintf(text, sizeof text, "%s was added to our copy: what the app has is for another platform",
		       package);
	install_note(in, text);
	return true;
}

static bool run_own_script(struct install *in, const char *name, struct err *err)
{
	const char *argv[] = {"npm", "run", name, NULL};
	char text[INSTALL_WHY_MAX_BYTES + 200];
	struct sandbox_result result;
	struct limits limits = build_limits(in->job);
	struct buf why BUF_CLEANUP;
	buf_init(&why, (size_t)2 * INSTALL_WHY_MAX_BYTES);
	if (!install_command(in, argv, false, &why, &result, err)) return false;
	struct err failed;
	if (sandbox_judge(&result, &limits, "its script", &failed)) return true;
	if (install_is_over_a_limit(&result)) {
		*err = failed;
		return err_wrap(err, "%s (npm run %s)", in->job->app, name);
	}
	(void)snprintf(text, sizeof text, "the app's own %s script failed (it runs without network): %.300s", name,
		       buf_cstr(&why));
	if (str_is_utf8(str_from(text))) install_note(in, text);
	return true;
}

bool install_own_scripts(struct install *in, struct err *err)
{
	return (!in->manifest.has_postinstall || run_own_script(in, "postinstall", err)) &&
	       (!in->manifest.has_prepare || run_own_script(in, "prepare", err));
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
	if (!file_path(modules, err, "%s/node_modules", (const char *)arg)) return false;
	for (size_t i = 0; i < sizeof written / sizeof *written; i++)
		if (!file_path(path, err, "%s/%s", modules, written[i]) || !file_mkdirs(path, 0755, err)) return false;
	if (!file_tree_size(modules, &bytes, err)) return false;
	json_t *wants = json_array();
	find_wants(modules, "", wants);
	*ret_answer = json_pack("{s:I, s:o}", "bytes", (json_int_t)bytes, "wants", wants);
	return *ret_answer != NULL || err_set(err, ERR_INTERNAL, "read node_modules");
}

bool install_finish(struct install *in, uint64_t *ret_bytes, struct err *err)
{
	json_t *answer JSON_CLEANUP = NULL;
	if (!build_child_run(in->job, "read the installed packages", finish_reader, in->into, -1, &answer, err))
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

bool install_make_native(struct install *in, const char *rung, struct err *err)
{
	const char *argv[NATIVE_MAX + 4] = {install_tool_of(rung) == INSTALL_BY_PNPM ? "pnpm" : "npm", "rebuild"};
	char nodedir[FILE_PATH_SIZE], text[INSTALL_WHY_MAX_BYTES + 200];
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
	struct str why = box_reason(buf_view(&tail), INSTALL_WHY_MAX_BYTES);
	(void)snprintf(text, sizeof text, "%s has a part that could be neither fetched nor compiled here: %.*s",
		       argv[2], STR_FMT(why));
	if (str_is_utf8(str_from(text))) install_note(in, text);
	return true;
}
