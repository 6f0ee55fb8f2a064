/* SPDX-License-Identifier: Apache-2.0 */
#include "build/push.h"

#include <unistd.h>

#include "build/box.h"
#include "build/cache.h"
#include "build/install.h"
#include "codec/json.h"

#define ENV_MAX 256
#define INSIDE_FORWARD "/freehold/forward"
#define INSIDE_SOCKETS "/freehold/database"
#define INSIDE_SOCKET "/freehold/database/.s.PGSQL.5432" /* in INSIDE_SOCKETS */
#define REASON_MAX_BYTES 800

struct call {
	const struct build_job *job;
	const struct build_push *push;
	struct installed found;
	char cwd[FILE_PATH_SIZE], modules[FILE_PATH_SIZE], inner_modules[FILE_PATH_SIZE];
	const char *env[ENV_MAX];
};

static bool find_places(struct call *c, struct err *err)
{
	const char *root = c->job->root != NULL ? c->job->root : "";
	char entry[FILE_PATH_SIZE];
	if (!file_path(c->cwd, err, "/app%s%s", root[0] != '\0' ? "/" : "", root) ||
	    !file_path(c->inner_modules, err, "%s/node_modules", c->cwd) || !install_recall(c->job, &c->found, err))
		return false;
	return c->found.key[0] == '\0' || (cache_entry_path(c->job, c->found.key, entry, err) &&
					   file_path(c->modules, err, "%s/app/node_modules", entry));
}

static bool fill_env(struct call *c, struct err *err)
{
	int n = 0;
	const char *const *const lists[] = {c->job->env, c->push->env};
	for (int i = 0; i < 2; i++)
		for (const char *const *p = lists[i]; p != NULL && *p != NULL; p++) {
			if (n == ENV_MAX - 1) return err_set(err, ERR_LIMIT, "more than %d variables", ENV_MAX);
			c->env[n++] = *p;
		}
	c->env[n] = NULL;
	return true;
}

static int fill_mounts(const struct call *c, struct sandbox_mount *mounts)
{
	int n = 0;
	mounts[n++] = (struct sandbox_mount){SANDBOX_READ, c->push->forward, INSIDE_FORWARD};
	mounts[n++] = (struct sandbox_mount){SANDBOX_READ, c->push->socket_dir, INSIDE_SOCKETS};
	if (c->modules[0] != '\0') mounts[n++] = (struct sandbox_mount){SANDBOX_READ, c->modules, c->inner_modules};
	return n;
}

/* It says so when it is done. A question without a terminal ends some versions of it with status 0. */
static bool is_done(struct str said)
{
	return str_find(said, STR("Changes applied")) >= 0 || str_find(said, STR("No changes detected")) >= 0;
}

static bool asks(struct str said)
{
	return str_find(said, STR("created or renamed")) >= 0 || str_find(said, STR("require a TTY")) >= 0 ||
	       str_find(said, STR("prompts")) >= 0;
}

static bool judge(const struct sandbox_result *result, const struct limits *limits, struct str said, struct err *err)
{
	struct str why = box_reason(said, REASON_MAX_BYTES);
	if (asks(said) && !is_done(said))
		return err_set(err, ERR_FAILED,
			       "drizzle-kit asks whether something is new or an old one renamed, and nobody can answer "
			       "it here. Rename it in a step of its own: first add the new one and deploy, then remove "
			       "the old one. It said:\n%.*s",
			       STR_FMT(why));
	if (!sandbox_judge(result, limits, "drizzle-kit push", err))
		return result->end != SANDBOX_EXITED
			   ? false
			   : err_set(err, ERR_FAILED,
				     "drizzle-kit push ended with status %d on a copy of the database. It said:\n%.*s",
				     result->exit_status, STR_FMT(why));
	return is_done(said) ||
	       err_set(err, ERR_FAILED, "drizzle-kit push ended without saying that it is done. It said:\n%.*s",
		       STR_FMT(why));
}

static bool run(struct call *c, struct buf *ret_tail, struct err *err)
{
	struct build_job job = *c->job;
	struct sandbox_mount mounts[4];
	struct sandbox_result result;
	char top[FILE_PATH_SIZE], tool[FILE_PATH_SIZE];
	if (!file_path(top, err, "%s/app/src", job.work_dir) ||
	    !file_path(tool, err, "%s/.bin/drizzle-kit", c->inner_modules))
		return false;
	job.limits = build_limits(&job);
	job.limits.deadline_ms = BUILD_PUSH_DEADLINE_MS;
	const char *argv[] = {INSIDE_FORWARD, "5432",     INSIDE_SOCKET,   "--", tool, "push",
			      "--force",      "--config", c->push->config, NULL};
	struct box_call call = {.job = &job,
				.host = &c->found.host,
				.argv = argv,
				.app_dir = top,
				.cwd = c->cwd,
				.tools = c->found.tools,
				.tool_count = c->found.tool_count,
				.mounts = mounts,
				.mount_count = fill_mounts(c, mounts),
				.env = c->env};
	return box_run(&call, ret_tail, &result, err) && judge(&result, &job.limits, buf_view(ret_tail), err);
}

bool build_push(const struct build_job *job, const struct build_push *push, struct buf *ret_tail, struct err *err)
{
	struct call c = {.job = job, .push = push};
	json_t *meta JSON_CLEANUP = NULL;
	int lock_fd = -1;
	if (!find_places(&c, err) || !fill_env(&c, err)) return false;
	if (c.found.key[0] != '\0' && !cache_get(job, c.found.key, &meta, &lock_fd, err))
		return err_wrap(err, "the installed dependencies are gone; deploy again");
	bool ok = run(&c, ret_tail, err);
	if (lock_fd >= 0) (void)close(lock_fd);
	return ok;
}
