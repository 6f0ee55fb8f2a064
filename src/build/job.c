/* SPDX-License-Identifier: Apache-2.0 */
#include "build/job.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "build/child.h"
#include "codec/json.h"

struct copy_arg {
	const char *from;
	const char *to;
};

static bool copy_reader(const void *arg, json_t **ret_answer, struct err *err)
{
	(void)ret_answer;
	const struct copy_arg *c = arg;
	return file_remove_tree(c->to, err) && file_copy_tree(c->from, c->to, err);
}

static bool is_inside(const char *root)
{
	struct str rest = str_from(root), part;
	if (root[0] == '/') return false;
	while (str_next(&rest, '/', &part))
		if (str_eq(part, STR(".."))) return false;
	return true;
}

bool build_prepare(const struct build_job *job, struct err *err)
{
	char folder[FILE_PATH_SIZE], to[FILE_PATH_SIZE], app[FILE_PATH_SIZE];
	if (job->root != NULL && !is_inside(job->root))
		return err_set(err, ERR_INVALID, "the app's folder %s is not inside the export", job->root);
	if (!file_path(folder, err, "%s/app", job->work_dir) || !file_path(to, err, "%s/src", folder)) return false;
	if (mkdir(folder, 0700) != 0 && errno != EEXIST) return err_set_errno(err, "make folder %s", folder);
	if (geteuid() == 0 && lchown(folder, job->uid, job->gid) != 0)
		return err_set_errno(err, "give folder %s to the app", folder);
	const struct copy_arg arg = {job->source_dir, to};
	json_t *answer JSON_CLEANUP = NULL;
	if (!build_child_run(job, "copy the export", copy_reader, &arg, -1, &answer, err)) return false;
	if (!build_app_path(job, app, err)) return false;
	return file_is_dir(app) || err_set(err, ERR_NOT_FOUND, "the export has no folder %s", job->root);
}

bool build_app_path(const struct build_job *job, char ret_path[FILE_PATH_SIZE], struct err *err)
{
	bool has_root = job->root != NULL && job->root[0] != '\0' && strcmp(job->root, ".") != 0;
	return file_path(ret_path, err, "%s/app/src%s%s", job->work_dir, has_root ? "/" : "",
			 has_root ? job->root : "");
}

struct limits build_limits(const struct build_job *job)
{
	struct limits l = job->limits;
	if (l.memory_bytes == 0) l.memory_bytes = BUILD_MEMORY_BYTES;
	if (l.processes == 0) l.processes = BUILD_PROCESSES;
	if (l.deadline_ms == 0) l.deadline_ms = BUILD_DEADLINE_MS;
	if (l.file_bytes == 0) l.file_bytes = BUILD_FILE_BYTES;
	if (l.disk_reserve_bytes == 0) l.disk_reserve_bytes = BUILD_DISK_RESERVE_BYTES;
	return l;
}

void build_say(const struct build_job *job, const char *fmt, ...)
{
	char line[1024];
	va_list args;
	if (job->on_line == NULL) return;
	va_start(args, fmt);
	(void)vsnprintf(line, sizeof line, fmt, args);
	va_end(args);
	job->on_line(job->arg, 1, str_from(line));
}
