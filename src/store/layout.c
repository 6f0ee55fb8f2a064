/* SPDX-License-Identifier: Apache-2.0 */
#include "store/layout.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool layout_from_environment(struct layout *ret_layout, struct err *err)
{
	struct layout l;
	const char *home = getenv("FREEHOLD_HOME");
	const char *user_home = getenv("HOME");
	bool ok;
	if (home != NULL && home[0] != '\0') {
		if (home[0] != '/')
			return err_set(err, ERR_INVALID, "FREEHOLD_HOME must be an absolute path, not %s", home);
		ok = file_path(l.home, err, "%s", home) && file_path(l.run, err, "%s/run", home);
	} else if (geteuid() == 0) {
		ok = file_path(l.home, err, LAYOUT_ROOT_HOME) && file_path(l.run, err, LAYOUT_ROOT_RUN);
	} else {
		if (user_home == NULL || user_home[0] != '/')
			return err_set(err, ERR_INVALID,
				       "neither FREEHOLD_HOME nor HOME names a folder; set FREEHOLD_HOME");
		ok = file_path(l.home, err, "%s/.freehold", user_home) &&
		     file_path(l.run, err, "%s/.freehold/run", user_home);
	}
	if (ok) *ret_layout = l;
	return ok;
}

bool layout_prepare(const struct layout *l, struct err *err)
{
	static const char *const folders[] = {"apps",         "cache",       "edge/hosts",   "edge/inside",
					      "edge/stopped", "edge/pinned", "edge/secured", "logs"};
	char path[FILE_PATH_SIZE];
	for (size_t i = 0; i < sizeof folders / sizeof *folders; i++)
		if (!layout_home(l, folders[i], path, err) || !file_mkdirs(path, 0755, err)) return false;
	return file_mkdirs(l->run, 0755, err);
}

bool layout_app_name_check(const char *name, struct err *err)
{
	size_t len = strlen(name);
	bool ok = len >= 1 && len <= LAYOUT_APP_NAME_MAX && name[0] >= 'a' && name[0] <= 'z' && name[len - 1] != '-' &&
		  strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == len && strstr(name, "--") == NULL;
	if (ok) return true;
	return err_set(
	    err, ERR_INVALID,
	    "\"%.40s\" cannot be an app's name: use 1 to %d of a-z, 0-9 and single -, beginning with a letter", name,
	    LAYOUT_APP_NAME_MAX);
}

static bool below(const char *folder, const char *app, const char *rest, char ret_path[FILE_PATH_SIZE], struct err *err)
{
	return file_path(ret_path, err, rest[0] != '\0' ? "%s/%s/%s" : "%s/%s%s", folder, app, rest);
}

bool layout_app(const struct layout *l, const char *app, const char *rest, char ret_path[FILE_PATH_SIZE],
		struct err *err)
{
	char apps[FILE_PATH_SIZE];
	return layout_home(l, "apps", apps, err) && below(apps, app, rest, ret_path, err);
}

bool layout_app_run(const struct layout *l, const char *app, const char *rest, char ret_path[FILE_PATH_SIZE],
		    struct err *err)
{
	return below(l->run, app, rest, ret_path, err);
}

bool layout_home(const struct layout *l, const char *rest, char ret_path[FILE_PATH_SIZE], struct err *err)
{
	return file_path(ret_path, err, "%s/%s", l->home, rest);
}

bool layout_app_sockets_check(const struct layout *l, const char *app, struct err *err)
{
	/* The longest two: PostgreSQL's lock file, and the backend's socket under the name it has before it is renamed.
	 */
	static const char *const sockets[] = {"postgres/.s.PGSQL.5432.lock", "backend/backend.sock.4194304"};
	char path[FILE_PATH_SIZE];
	for (size_t i = 0; i < sizeof sockets / sizeof *sockets; i++) {
		if (!layout_app_run(l, app, sockets[i], path, err)) return false;
		if (strlen(path) > LAYOUT_SOCKET_PATH_MAX)
			return err_set(
			    err, ERR_LIMIT,
			    "%s is longer than the %d bytes a socket's path may have; choose a shorter name for the "
			    "app or a shorter FREEHOLD_HOME",
			    path, LAYOUT_SOCKET_PATH_MAX);
	}
	return true;
}
