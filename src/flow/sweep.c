/* SPDX-License-Identifier: Apache-2.0 */
#include "flow/sweep.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

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

bool sweep_home(const struct flow *f, struct err *err)
{
	static const char *const half_made[] = {
	    "", "edge", "edge/hosts", "edge/inside", "edge/stopped", "edge/pinned", "libexec", "dumps"};
	char folder[FILE_PATH_SIZE];
	bool ok = layout_home(&f->layout, "uploads", folder, err) && sweep_folder(folder, "", true, err);
	for (size_t i = 0; ok && i < sizeof half_made / sizeof *half_made; i++)
		ok = layout_home(&f->layout, half_made[i], folder, err) && sweep_folder(folder, "", false, err);
	return ok;
}
