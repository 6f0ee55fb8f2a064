/* SPDX-License-Identifier: Apache-2.0 */
#include "app/sweep.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "codec/json.h"
#include "release/release.h"

#define TOOL_UNUSED_S (14 * 24 * 3600)

/* "live.new4711", "before-3.dump.new" */
static bool is_half_made(const char *name)
{
	const char *dot = strrchr(name, '.');
	return dot != NULL && strncmp(dot, ".new", 4) == 0 && strspn(dot + 4, "0123456789") == strlen(dot + 4);
}

static bool sweep_folder(const char *folder, const char *prefix, bool is_everything, struct err *err)
{
	char path[FILE_PATH_SIZE];
	bool ok = true;
	DIR *d = opendir(folder);
	if (d == NULL) return errno == ENOENT || err_set_errno(err, "%s", folder);
	for (struct dirent *e; ok && (e = readdir(d)) != NULL;) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0) continue;
		if (strncmp(e->d_name, prefix, strlen(prefix)) != 0) continue;
		if (is_everything || is_half_made(e->d_name))
			ok = file_path(path, err, "%s/%s", folder, e->d_name) && file_remove_tree(path, err);
	}
	(void)closedir(d);
	return ok;
}

bool sweep_app(const struct flow *f, const char *app, struct err *err)
{
	static const char *const in_app[] = {"", "postgres", "backups"};
	static const char *const in_edge[] = {"edge/hosts", "edge/inside", "edge/stopped", "edge/pinned"};
	char folder[FILE_PATH_SIZE], prefix[LAYOUT_APP_NAME_MAX + 2];
	bool ok = true;
	for (size_t i = 0; ok && i < sizeof in_app / sizeof *in_app; i++)
		ok = layout_app(&f->layout, app, in_app[i], folder, err) && sweep_folder(folder, "", false, err);
	(void)snprintf(prefix, sizeof prefix, "%s.", app);
	for (size_t i = 0; ok && i < sizeof in_edge / sizeof *in_edge; i++)
		ok = layout_home(&f->layout, in_edge[i], folder, err) && sweep_folder(folder, prefix, false, err);
	return ok;
}

/* "node-22" of releases/7/release.json. */
static bool is_tool_of_release(const char *app_dir, int64_t number, const char *tool)
{
	json_t *facts JSON_CLEANUP = NULL, *one;
	struct err why;
	size_t i;
	/* One that cannot be read may be about to run. */
	if (!release_facts(app_dir, number, &facts, &why)) return why.code != ERR_NOT_FOUND;
	static const char *const who[] = {"server", "functions"};
	for (size_t w = 0; w < sizeof who / sizeof *who; w++) {
		json_array_foreach(json_object_get(json_object_get(facts, who[w]), "tools"), i, one)
		{
			if (strcmp(json_str(one, "name", ""), tool) == 0) return true;
		}
	}
	return false;
}

static bool is_tool_of_app(const char *app_dir, const char *tool)
{
	int64_t numbers[RELEASES_MAX];
	int count = 0;
	struct err ignored;
	if (!release_list(app_dir, numbers, &count, &ignored)) return true;
	for (int i = 0; i < count; i++)
		if (is_tool_of_release(app_dir, numbers[i], tool)) return true;
	return false;
}

static bool is_tool_wanted(const struct flow *f, const char *tool)
{
	char apps[FILE_PATH_SIZE], app[FILE_PATH_SIZE];
	struct err ignored;
	DIR *d = layout_home(&f->layout, "apps", apps, &ignored) ? opendir(apps) : NULL;
	bool is_wanted = d == NULL;
	for (struct dirent *e; !is_wanted && (e = readdir(d)) != NULL;)
		if (e->d_name[0] != '.' && file_path(app, &ignored, "%s/%s", apps, e->d_name))
			is_wanted = is_tool_of_app(app, tool);
	if (d != NULL) (void)closedir(d);
	return is_wanted;
}

bool sweep_tools(const struct flow *f, bool nothing_builds, struct err *err)
{
	char folder[FILE_PATH_SIZE], path[FILE_PATH_SIZE];
	bool ok = layout_home(&f->layout, "cache/tools", folder, err);
	DIR *d = ok ? opendir(folder) : NULL;
	for (struct dirent *e; d != NULL && ok && (e = readdir(d)) != NULL;) {
		struct stat st;
		if (e->d_name[0] == '.') continue;
		if (!file_path(path, err, "%s/%s", folder, e->d_name) || lstat(path, &st) != 0) continue;
		bool is_half = strncmp(e->d_name, "new-", 4) == 0;
		bool is_old = time(NULL) - st.st_mtime > TOOL_UNUSED_S;
		if (is_half ? nothing_builds : is_old && !is_tool_wanted(f, e->d_name))
			ok = file_remove_tree(path, err);
	}
	if (d != NULL) (void)closedir(d);
	return ok;
}

bool sweep_home(const struct flow *f, struct err *err)
{
	static const char *const half_made[] = {
	    "", "edge", "edge/hosts", "edge/inside", "edge/stopped", "edge/pinned", "libexec", "dumps"};
	char folder[FILE_PATH_SIZE];
	bool ok = layout_home(&f->layout, "uploads", folder, err) && sweep_folder(folder, "", true, err);
	for (size_t i = 0; ok && i < sizeof half_made / sizeof *half_made; i++)
		ok = layout_home(&f->layout, half_made[i], folder, err) && sweep_folder(folder, "", false, err);
	return ok && sweep_tools(f, true, err);
}
