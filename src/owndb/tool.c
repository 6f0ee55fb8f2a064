/* SPDX-License-Identifier: Apache-2.0 */
#include "owndb/tool.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "owndb/conf.h"

#define TOOL_DEADLINE_MS (10 * 60 * 1000)
#define TOOL_LONG_DEADLINE_MS (24ll * 3600 * 1000)
#define TOOL_OUTPUT_BYTES 65536

bool tool_self(char ret_name[TOOL_NAME_SIZE], struct err *err)
{
	struct passwd entry, *found = NULL;
	char text[4096];
	int failed = getpwuid_r(geteuid(), &entry, text, sizeof text, &found);
	if (failed != 0 || found == NULL || strlen(found->pw_name) >= TOOL_NAME_SIZE)
		return err_set(err, ERR_NOT_FOUND,
			       "user number %d has no usable name in /etc/passwd, and PostgreSQL needs one",
			       (int)geteuid());
	memcpy(ret_name, found->pw_name, strlen(found->pw_name) + 1);
	return true;
}

const char *const *tool_env(void)
{
	static const char *const env[] = {"PATH=/usr/bin:/bin", "LC_ALL=C.UTF-8", "TZ=UTC", NULL};
	return env;
}

bool tool_run(const struct owndb *db, const char *const *argv, int64_t deadline_ms, struct err *err)
{
	char program[FILE_PATH_SIZE];
	const char *args[32] = {program};
	size_t count = 1;
	if (!file_path(program, err, "%s/%s", db->bin_dir, argv[0])) return false;
	while (argv[count] != NULL) {
		if (count + 1 >= sizeof args / sizeof *args)
			return err_set(err, ERR_INTERNAL, "too many arguments for %s", argv[0]);
		args[count] = argv[count];
		count++;
	}
	struct buf output BUF_CLEANUP;
	buf_init(&output, TOOL_OUTPUT_BYTES);
	struct proc_spec spec = {.argv = args,
				 .env = tool_env(),
				 .cwd = "/",
				 .has_user = db->has_user,
				 .uid = db->uid,
				 .gid = db->gid,
				 .deadline_ms = deadline_ms > 0 ? deadline_ms : TOOL_DEADLINE_MS};
	return proc_run_ok(&spec, &output, err);
}

bool tool_stream(const struct owndb *db, const char *const *argv, const char *const *env,
		 void (*on_output)(void *arg, int stream, struct str bytes), void *arg, struct proc_result *ret_result,
		 struct err *err)
{
	char program[FILE_PATH_SIZE];
	const char *args[40] = {program};
	size_t count = 1;
	if (!file_path(program, err, "%s/%s", db->bin_dir, argv[0])) return false;
	for (; argv[count] != NULL && count + 1 < sizeof args / sizeof *args; count++) args[count] = argv[count];
	struct proc_spec spec = {.argv = args,
				 .env = env != NULL ? env : tool_env(),
				 .cwd = "/",
				 .has_user = db->has_user,
				 .uid = db->uid,
				 .gid = db->gid,
				 .deadline_ms = TOOL_LONG_DEADLINE_MS,
				 .on_output = on_output,
				 .arg = arg};
	return proc_run(&spec, NULL, ret_result, err);
}

bool tool_give(const struct owndb *db, const char *path, struct err *err)
{
	return !db->has_user || file_chown_tree(path, db->uid, db->gid, err);
}

bool tool_make_dir(const struct owndb *db, const char *path, struct err *err)
{
	if (mkdir(path, 0700) != 0) return err_set_errno(err, "make folder %s", path);
	return tool_give(db, path, err);
}

static bool write_one(const char *data_dir, const char *name, const struct buf *text, struct err *err)
{
	char path[FILE_PATH_SIZE];
	if (!buf_is_ok(text)) return err_set(err, ERR_LIMIT, "%s has become too large", name);
	return file_path(path, err, "%s/%s", data_dir, name) && file_write(path, buf_view(text), 0644, err);
}

bool tool_write_conf(const struct owndb *db, const char *data_dir, bool is_clone, struct err *err)
{
	char self[TOOL_NAME_SIZE];
	struct buf settings BUF_CLEANUP, access BUF_CLEANUP, users BUF_CLEANUP;
	buf_init(&settings, CONF_MAX_BYTES);
	buf_init(&access, CONF_MAX_BYTES);
	buf_init(&users, CONF_MAX_BYTES);
	if (!tool_self(self, err)) return false;
	struct tune smallest;
	tune_smallest(&smallest);
	conf_settings(&settings, &(struct conf){.major = db->major,
						.is_clone = is_clone,
						.archives = db->archives,
						.tune = db->tune != NULL ? db->tune : &smallest,
						.overrides = is_clone ? NULL : db->overrides});
	conf_access(&access);
	return conf_users(&users, self, db->os_user != NULL ? db->os_user : self,
			  db->api_os_user != NULL ? db->api_os_user : self, err) &&
	       write_one(data_dir, "postgresql.conf", &settings, err) &&
	       write_one(data_dir, "pg_hba.conf", &access, err) && write_one(data_dir, "pg_ident.conf", &users, err);
}

bool tool_sync(const char *path, struct err *err)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0) return err_set_errno(err, "%s", path);
	bool ok = syncfs(fd) == 0 || err_set_errno(err, "write %s to the disk", path);
	(void)close(fd);
	return ok;
}
