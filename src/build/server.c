/* SPDX-License-Identifier: Apache-2.0 */
#include "build/server.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "build/cache.h"
#include "build/fetch_server.h"
#include "build/functions.h"
#include "build/install.h"
#include "build/neon_door.h"
#include "build/tree.h"
#include "codec/json.h"

#define LOVABLE_DOOR_NAME "lovable.mjs"
#define DATA_DIR "/data"
#define WORDS_MAX 32

/* Which kind. */

static const struct kind {
	const char *name, *mark, *tree, *entry;
	const char *assets[3];
	const char *assets_below;
	bool needs_modules;
} kinds[] = {
    {"nitro", ".output/server/index.mjs", ".output", "server/index.mjs", {".output/public"}, "", false},
    {"next-standalone",
     ".next/standalone/server.js",
     ".next/standalone",
     "server.js",
     {".next/static"},
     "_next/static",
     false},
    {"fetch-handler", "dist/server/server.js", ".", FETCH_SERVER_NAME, {"dist/client"}, "", true},
    {"astro", "dist/server/entry.mjs", ".", "dist/server/entry.mjs", {"dist/client"}, "", true},
    {"sveltekit", "build/handler.js", ".", "build/index.js", {"build/client"}, "", true},
};

const char *const *server_build_env(const char *shape)
{
	/* No LOVABLE_SANDBOX: with it their configuration drops the preset. */
	static const char *const nitro[] = {"NITRO_PRESET=node-server", NULL};
	static const char *const next[] = {"NEXT_PRIVATE_STANDALONE=true", NULL};
	/* By what adapter-auto takes for a place where Node runs. */
	static const char *const svelte[] = {"GCP_BUILDPACKS=1", NULL};
	static const char *const expo[] = {"EXPO_OFFLINE=1", "EXPO_NO_TELEMETRY=1", "EXPO_NO_GIT_STATUS=1", NULL};
	static const char *const none[] = {NULL};
	if (strcmp(shape, "expo") == 0) return expo;
	if (strcmp(shape, "sveltekit") == 0) return svelte;
	if (strcmp(shape, "tanstack-start") == 0 || strcmp(shape, "nuxt") == 0) return nitro;
	return strcmp(shape, "nextjs") == 0 ? next : none;
}

static bool has(const char *app_dir, const char *path)
{
	char full[FILE_PATH_SIZE];
	struct stat st;
	struct err ignored;
	return file_path(full, &ignored, "%s/%s", app_dir, path) && lstat(full, &st) == 0 &&
	       (S_ISREG(st.st_mode) || S_ISDIR(st.st_mode));
}

static bool is_assignment(struct str word)
{
	size_t name = 0;
	while (name < word.len && (strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789", word.ptr[name]) != NULL)) name++;
	return name > 0 && name < word.len && word.ptr[name] == '=';
}

static bool shows_files(const char *word)
{
	static const char *const tools[] = {"vite", "serve",         "http-server", "live-server",
					    "expo", "react-scripts", "gatsby",      NULL};
	for (const char *const *t = tools; *t != NULL; t++)
		if (strcmp(word, *t) == 0) return true;
	return false;
}

json_t *server_read_script(const char *script)
{
	json_t *argv = json_array(), *env = json_object();
	struct str rest = str_trim(str_from(script)), word;
	bool needs_shell = strpbrk(script, "&|;<>$()*?`'\"\\~#\n") != NULL;
	while (!needs_shell && str_next(&rest, ' ', &word)) {
		bool is_first = json_array_size(argv) == 0;
		if (word.len == 0 || (is_first && str_eq(word, STR("cross-env")))) continue;
		if (is_first && is_assignment(word)) {
			size_t at = (size_t)str_find(word, STR("="));
			char name[128];
			(void)snprintf(name, sizeof name, "%.*s", (int)at, word.ptr);
			json_object_set_new(env, name, json_stringn(word.ptr + at + 1, word.len - at - 1));
		} else if (json_array_size(argv) < WORDS_MAX) {
			json_array_append_new(argv, json_stringn(word.ptr, word.len));
		}
	}
	if (needs_shell) {
		json_array_append_new(argv, json_string("sh"));
		json_array_append_new(argv, json_string("-c"));
		json_array_append_new(argv, json_string(script));
	}
	const char *first = json_string_value(json_array_get(argv, 0));
	if (first != NULL && !shows_files(first)) return json_pack("{s:o, s:o}", "argv", argv, "env", env);
	json_decref(argv), json_decref(env);
	return NULL;
}

/* Pages that need no server, whatever a start script says. */
static bool is_pages(const char *app_dir, const char *shape)
{
	static const char *const pages[][2] = {{"nextjs", "out/index.html"},
					       {"astro", "dist/index.html"},
					       {"sveltekit", "build/index.html"},
					       {"nuxt", ".output/public/index.html"},
					       {"expo", "dist/index.html"},
					       {"react-router", "build/client/index.html"},
					       {"remix", "build/client/index.html"},
					       {"vite-spa", "."},
					       {"static", "."}};
	for (size_t i = 0; i < sizeof pages / sizeof *pages; i++)
		if (strcmp(shape, pages[i][0]) == 0 && has(app_dir, pages[i][1])) return true;
	return false;
}

/* dist/index.js of `node --enable-source-maps dist/index.js`, or NULL. */
static const char *started_file(const json_t *argv)
{
	static const char *const runners[] = {"node", "tsx", "bun"}, *const endings[] = {".js", ".mjs", ".cjs", ".ts"};
	const char *first = json_string_value(json_array_get(argv, 0));
	bool is_runner = false;
	size_t i;
	json_t *word;
	for (i = 0; first != NULL && i < sizeof runners / sizeof *runners; i++)
		is_runner = is_runner || strcmp(first, runners[i]) == 0;
	if (!is_runner) return NULL;
	json_array_foreach(argv, i, word)
	{
		struct str text = str_from(json_string_value(word));
		if (text.len == 0 || text.ptr[0] == '-') continue;
		for (size_t e = 0; e < sizeof endings / sizeof *endings; e++)
			if (str_has_suffix(text, str_from(endings[e]))) return text.ptr;
	}
	return NULL;
}

/* Before the database is touched: the server could not start. */
static bool check_start(const char *app_dir, const json_t *server, struct err *err)
{
	const char *file = started_file(json_object_get(server, "argv"));
	if (file == NULL || has(app_dir, file)) return true;
	return err_set(
	    err, ERR_FAILED,
	    "package.json starts %.200s (\"start\": \"%.200s\"), and after the build there is no such file; paste "
	    "into the builder's chat: npm run build does not make %.200s, which npm start runs. Let it build the "
	    "server, too",
	    file, json_str(server, "start", ""), file);
}

static bool find_script(const struct build_job *job, const char *shape, struct server_plan *plan)
{
	const char *script = json_str(job->inspection, "start_script", NULL);
	/* Without Next's own trace of what it needs. */
	if (script == NULL && strcmp(shape, "nextjs") == 0) script = "next start";
	if (script == NULL) return false;
	plan->server = server_read_script(script);
	if (plan->server == NULL) return false;
	plan->tree = ".";
	plan->assets[0] = "dist/public", plan->assets[1] = "build/client", plan->assets[2] = "dist/client";
	plan->assets_below = "";
	if (strcmp(shape, "nextjs") == 0) {
		plan->assets[0] = ".next/static", plan->assets[1] = plan->assets[2] = NULL;
		plan->assets_below = "_next/static";
	}
	plan->needs_modules = true;
	json_object_set_new(plan->server, "start", json_string(script));
	return true;
}

bool server_find(const struct build_job *job, struct server_plan *ret_plan, struct err *err)
{
	char app_dir[FILE_PATH_SIZE];
	const char *shape = json_str(job->inspection, "shape", "");
	*ret_plan = (struct server_plan){0};
	if (!build_app_path(job, app_dir, err)) return false;
	bool is_site = strcmp(shape, "vite-spa") == 0 || strcmp(shape, "static") == 0;
	/* The first that is there: a later one may be left from another build. */
	for (size_t i = 0; !is_site && ret_plan->server == NULL && i < sizeof kinds / sizeof *kinds; i++) {
		const struct kind *k = &kinds[i];
		if (!has(app_dir, k->mark)) continue;
		ret_plan->tree = k->tree;
		memcpy(ret_plan->assets, k->assets, sizeof k->assets);
		ret_plan->assets_below = k->assets_below;
		ret_plan->needs_modules = k->needs_modules;
		ret_plan->server = json_pack("{s:[s,s], s:{}, s:s}", "argv", "node", k->entry, "env", "start", k->name);
	}
	if (ret_plan->server == NULL) {
		if (is_site || is_pages(app_dir, shape) || !find_script(job, shape, ret_plan))
			return err_set(err, ERR_NOT_FOUND, "the build left no server");
		if (!check_start(app_dir, ret_plan->server, err)) return false;
	}
	json_object_set_new(ret_plan->server, "kind", json_string(shape));
	json_object_set_new(ret_plan->server, "cwd", json_string(""));
	json_object_set_new(ret_plan->server, "health", json_string("/"));
	return true;
}

/* What it needs of node_modules. */

static bool is_empty(const char *dir)
{
	return rmdir(dir) == 0 && mkdir(dir, 0755) == 0;
}

static bool link_modules(const struct build_job *job, const char *from, const char *final, struct err *err)
{
	char staged[FILE_PATH_SIZE], inner[FILE_PATH_SIZE];
	struct tree_copy copy = {.what = "node_modules",
				 .max_files = SERVER_MAX_FILES,
				 .max_bytes = 8 * SERVER_MAX_BYTES,
				 .is_linked = true};
	(void)job;
	if (!file_path(staged, err, "%s.new%d", final, (int)getpid()) || !file_remove_tree(staged, err) ||
	    !file_mkdirs(staged, 0755, err) || !file_path(inner, err, "%s/node_modules", staged) ||
	    !tree_copy(&copy, from, inner, err))
		return false;
	return rename(staged, final) == 0 || err_set_errno(err, "keep %s", final);
}

static bool keep_modules(const struct build_job *job, const struct installed *found, struct server_plan *plan,
			 const char *release_dir, const char *modules_dir, struct err *err)
{
	char app_dir[FILE_PATH_SIZE], own[FILE_PATH_SIZE], entry[FILE_PATH_SIZE], final[FILE_PATH_SIZE], key[96];
	if (!build_app_path(job, app_dir, err) || !file_path(own, err, "%s/node_modules", app_dir)) return false;
	bool is_own = file_is_dir(own) && !is_empty(own);
	if (!is_own && found->key[0] == '\0') return true;
	/* A build that wrote to its node_modules has its own. */
	const char *number = strrchr(release_dir, '/');
	(void)snprintf(key, sizeof key, "%s%s", is_own ? "release-" : "", is_own ? number + 1 : found->key);
	if (!file_path(final, err, "%s/%s", modules_dir, key) || !file_mkdirs(modules_dir, 0755, err)) return false;
	if (is_own && !file_remove_tree(final, err)) return false;
	if (!is_own &&
	    (!cache_entry_path(job, found->key, entry, err) || !file_path(own, err, "%s/app/node_modules", entry)))
		return false;
	if (!file_is_dir(final) && !link_modules(job, own, final, err)) return false;
	json_object_set_new(plan->server, "modules", json_string(key));
	return true;
}

/* The tree. */

static bool is_left_out(const char *relative)
{
	static const char *const names[] = {"node_modules", ".git", ".next/cache", ".cache", ".local", NULL};
	for (const char *const *n = names; *n != NULL; n++)
		if (strcmp(relative, *n) == 0) return true;
	return false;
}

static bool copy_part(const struct build_job *job, const char *from, const char *release_dir, const char *to,
		      bool (*leaves_out)(const char *relative), json_t *server, struct err *err)
{
	char app_dir[FILE_PATH_SIZE], source[FILE_PATH_SIZE], target[FILE_PATH_SIZE];
	struct tree_copy copy = {.what = "the server",
				 .max_files = SERVER_MAX_FILES,
				 .max_bytes = SERVER_MAX_BYTES,
				 .leaves_out = leaves_out};
	if (!build_app_path(job, app_dir, err) || !file_path(source, err, "%s/%s", app_dir, from) ||
	    !file_path(target, err, "%s/server%s%s", release_dir, *to != '\0' ? "/" : "", to))
		return false;
	if (!file_is_dir(source)) return true;
	if (!tree_copy(&copy, source, target, err)) return false;
	json_object_set_new(server, "files", json_integer(json_int(server, "files", 0) + (json_int_t)copy.files));
	json_object_set_new(server, "bytes", json_integer(json_int(server, "bytes", 0) + (json_int_t)copy.bytes));
	return true;
}

/* Next leaves these two for whoever serves: server.js looks for them beside itself. */
static bool complete_next(const struct build_job *job, const char *release_dir, json_t *server, struct err *err)
{
	return copy_part(job, "public", release_dir, "public", NULL, server, err) &&
	       copy_part(job, ".next/static", release_dir, ".next/static", NULL, server, err);
}

static bool put_keep(const char *release_dir, const char *path, struct err *err)
{
	char at[FILE_PATH_SIZE], parent[FILE_PATH_SIZE], target[FILE_PATH_SIZE];
	if (path == NULL || path[0] == '\0' || path[0] == '/' || strstr(path, "..") != NULL)
		return err_set(err, ERR_INVALID, "\"%.100s\" cannot be kept: it is no path below the app's folder",
			       path != NULL ? path : "");
	if (!file_path(at, err, "%s/server/%s", release_dir, path) || !file_path(target, err, DATA_DIR "/%s", path))
		return false;
	memcpy(parent, at, sizeof parent);
	*strrchr(parent, '/') = '\0';
	if (!file_mkdirs(parent, 0755, err) || !file_remove_tree(at, err)) return false;
	return symlink(target, at) == 0 || err_set_errno(err, "link %s", at);
}

static bool is_kept_already(const json_t *list, const char *path)
{
	size_t i;
	json_t *one;
	json_array_foreach(list, i, one)
	{
		const char *known = json_str(one, "path", "");
		size_t len = strlen(known);
		if (strncmp(path, known, len) == 0 && (path[len] == '\0' || path[len] == '/')) return true;
	}
	return false;
}

static bool put_keeps(const struct build_job *job, const char *release_dir, json_t *server, struct err *err)
{
	const json_t *keeps = json_object_get(job->inspection, "keeps");
	json_t *list = json_array(), *keep;
	size_t i;
	bool ok = true;
	json_array_foreach(keeps, i, keep)
	{
		/* Through the link of another the way would lead out of the release. */
		if (is_kept_already(list, json_str(keep, "path", ""))) continue;
		if (ok) ok = put_keep(release_dir, json_str(keep, "path", NULL), err);
		json_array_append(list, keep);
	}
	json_object_set_new(server, "keeps", list);
	return ok;
}

/* Others on this machine have nothing to look for in an app's code. */
static bool close_off(const struct build_job *job, const char *release_dir, struct err *err)
{
	char path[FILE_PATH_SIZE];
	if (!file_path(path, err, "%s/server", release_dir)) return false;
	if (job->has_user && lchown(path, 0, job->gid) != 0) return err_set_errno(err, "%s", path);
	return chmod(path, job->has_user ? 0750 : 0700) == 0 || err_set_errno(err, "%s", path);
}

static void put_node(const struct installed *found, json_t *server)
{
	json_t *tools = json_array();
	for (int i = 0; i < found->tool_count; i++)
		if (strncmp(found->tools[i].name, "pnpm", 4) != 0)
			json_array_append_new(
			    tools, json_pack("{s:s, s:s}", "name", found->tools[i].name, "bin", found->tools[i].bin));
	json_object_set_new(server, "tools", tools);
	json_object_set_new(server, "node_bin", json_string(found->host.node_bin));
	json_object_set_new(server, "node_prefix", json_string(found->host.node_prefix));
	json_object_set_new(server, "node", json_string(found->host.node_version));
}

static bool put_fetch_server(const char *release_dir, struct err *err)
{
	char path[FILE_PATH_SIZE];
	return file_path(path, err, "%s/server/" FETCH_SERVER_NAME, release_dir) &&
	       file_write(path, str_from(fetch_servers[0].text), 0644, err);
}

static bool put_door(json_t *server, const char *release_dir, const char *name, const char *text, struct err *err)
{
	char path[FILE_PATH_SIZE];
	json_t *env = json_object_get(server, "env");
	const char *old = json_str(env, "NODE_OPTIONS", "");
	json_object_set_new(env, "NODE_OPTIONS",
			    json_sprintf("%s%s--import=/app/%s", old, old[0] != '\0' ? " " : "", name));
	return file_path(path, err, "%s/server/%s", release_dir, name) && file_write(path, str_from(text), 0644, err);
}

/* The app's PostgreSQL is no service of Neon's; what the driver asks of one is led to it. */
static bool put_neon_door(const struct build_job *job, const char *release_dir, json_t *server, struct err *err)
{
	if (json_str(json_object_get(job->inspection, "versions"), NEON_DOOR_PACKAGE, NULL) == NULL) return true;
	return put_door(server, release_dir, NEON_DOOR_NAME, neon_doors[0].text, err);
}

/* What its code asks of Lovable's services is led to the app's own backend; functions have the same file. */
static bool put_lovable_door(const struct build_job *job, const char *release_dir, json_t *server, struct err *err)
{
	if (json_array_size(json_object_get(job->inspection, "services")) == 0) return true;
	for (const struct functions_text *t = functions_texts; t->name != NULL; t++)
		if (strcmp(t->name, LOVABLE_DOOR_NAME) == 0)
			return put_door(server, release_dir, t->name, t->text, err);
	return err_set(err, ERR_INTERNAL, "%s is missing", LOVABLE_DOOR_NAME);
}

bool server_package(const struct build_job *job, struct server_plan *plan, const char *release_dir,
		    const char *modules_dir, struct err *err)
{
	struct installed found = {0};
	const char *start = json_str(plan->server, "start", "");
	struct err no_install;
	(void)install_recall(job, &found, &no_install);
	put_node(&found, plan->server);
	json_object_set_new(plan->server, "modules", json_null());
	if (!copy_part(job, plan->tree, release_dir, "", strcmp(plan->tree, ".") == 0 ? is_left_out : NULL,
		       plan->server, err))
		return false;
	if (strcmp(start, "next-standalone") == 0 && !complete_next(job, release_dir, plan->server, err)) return false;
	if (strcmp(start, "fetch-handler") == 0 && !put_fetch_server(release_dir, err)) return false;
	if (!put_neon_door(job, release_dir, plan->server, err) ||
	    !put_lovable_door(job, release_dir, plan->server, err))
		return false;
	if (plan->needs_modules && !keep_modules(job, &found, plan, release_dir, modules_dir, err)) return false;
	char point[FILE_PATH_SIZE];
	if (!json_is_null(json_object_get(plan->server, "modules")) &&
	    (!file_path(point, err, "%s/server/node_modules", release_dir) || !file_mkdirs(point, 0755, err)))
		return false;
	return put_keeps(job, release_dir, plan->server, err) && close_off(job, release_dir, err);
}
