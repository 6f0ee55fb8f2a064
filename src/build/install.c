/* SPDX-License-Identifier: Apache-2.0 */
#include "build/install.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "build/cache.h"
#include "build/install_private.h"
#include "build/tools.h"
#include "codec/json.h"

#define STATE_MAX_BYTES 65536

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
		install_note(in, "yarn.lock is not followed; npm chose the versions from package.json");
	return true;
}

static bool install_fresh(struct install *in, struct err *err)
{
	const char *rung = "";
	char staged[FILE_PATH_SIZE] = "";
	uint64_t bytes = 0;
	bool is_cached = !in->manifest.has_workspaces;
	if (is_cached &&
	    (!cache_stage(in->job, staged, err) || !manifest_copy(in->job, &in->manifest, in->app_dir, staged, err) ||
	     !file_path(in->into, err, "%s/app", staged)))
		return false;
	if (!is_cached) (void)memcpy(in->into, in->app_dir, sizeof in->into);
	bool ok = install_climb(in, &rung, err) && install_add_package(in, rung, err) && install_own_scripts(in, err) &&
		  install_finish(in, &bytes, err) && install_make_native(in, rung, err);
	if (ok) (void)json_object_set_new(in->outcome, "rung", json_string(rung));
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
	if (!install_add_tool(in, install_tool_of(name), err)) return false;
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
	int lock_fd = -1;
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
	bool ok = is_kept ? use_cached(in, meta, err) : install_fresh(in, err);
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