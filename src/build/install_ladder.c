/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "build/child.h"
#include "build/hint.h"
#include "build/install_private.h"
#include "build/tools.h"
#include "codec/json.h"

struct rung {
	const char *name;
	enum install_tool tool;
	const char *argv[10];
};

enum { RUNG_BUN_LOCK, RUNG_NPM_CI, RUNG_BUN_LOCKB, RUNG_PNPM, RUNG_NPM, RUNG_NPM_LEGACY, RUNG_COUNT };

static const struct rung ladder[RUNG_COUNT] = {
    {"bun.lock", INSTALL_BY_BUN, {"bun", "install", "--frozen-lockfile", "--ignore-scripts", "--no-progress"}},
    {"npm ci", INSTALL_BY_NPM, {"npm", "ci", "--ignore-scripts"}},
    {"bun.lockb", INSTALL_BY_BUN, {"bun", "install", "--frozen-lockfile", "--ignore-scripts", "--no-progress"}},
    {"pnpm",
     INSTALL_BY_PNPM,
     {"pnpm", "install", "--frozen-lockfile", "--ignore-scripts", "--ignore-pnpmfile", "--store-dir=/cache/pnpm",
      "--config.manage-package-manager-versions=false", "--reporter=append-only"}},
    {"npm install", INSTALL_BY_NPM, {"npm", "install", "--ignore-scripts"}},
    {"npm install --legacy-peer-deps", INSTALL_BY_NPM, {"npm", "install", "--ignore-scripts", "--legacy-peer-deps"}},
};

enum install_tool install_tool_of(const char *rung)
{
	for (int i = 0; i < RUNG_COUNT; i++)
		if (strcmp(ladder[i].name, rung) == 0) return ladder[i].tool;
	return INSTALL_BY_NPM;
}

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

void install_note(struct install *in, const char *text)
{
	(void)json_array_append_new(json_object_get(in->outcome, "notes"), json_string(text));
	build_say(in->job, "note: %s", text);
}

bool install_add_tool(struct install *in, enum install_tool kind, struct err *err)
{
	if (kind == INSTALL_BY_NPM) return true;
	struct installed *f = &in->found;
	struct box_tool *tool = &f->tools[f->tool_count];
	bool ok = kind == INSTALL_BY_BUN ? tool_bun(in->job, &f->host, tool, err)
					 : tool_pnpm(in->job, &f->host, in->manifest.pnpm_major, tool, err);
	if (ok) f->tool_count++;
	return ok;
}

bool install_command(struct install *in, const char *const *argv, bool has_network, struct buf *ret_why,
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
	buf_str(ret_why, box_reason(buf_view(&tail), INSTALL_WHY_MAX_BYTES));
	return true;
}

bool install_is_over_a_limit(const struct sandbox_result *r)
{
	return r->end != SANDBOX_EXITED && r->end != SANDBOX_SIGNALED;
}

static bool clear_reader(const void *arg, json_t **ret_answer, struct err *err)
{
	(void)ret_answer;
	char path[FILE_PATH_SIZE];
	return file_path(path, err, "%s/node_modules", (const char *)arg) && file_remove_tree(path, err);
}

static bool clear(struct install *in, struct err *err)
{
	json_t *answer JSON_CLEANUP = NULL;
	return build_child_run(in->job, "remove a failed install", clear_reader, in->into, -1, &answer, err);
}

/* One rung. *ret_holds tells whether it did; false is for what no other rung would mend. */
static bool try_rung(struct install *in, const struct rung *rung, bool *ret_holds, struct err *err)
{
	struct buf why BUF_CLEANUP;
	struct sandbox_result result;
	struct limits limits = build_limits(in->job);
	struct err failed = {0};
	buf_init(&why, (size_t)2 * INSTALL_WHY_MAX_BYTES);
	bool has_tool = install_add_tool(in, rung->tool, &failed);
	if (has_tool) {
		build_say(in->job, "installing: %s", rung->name);
		if (!install_command(in, rung->argv, true, &why, &result, err)) return false;
		*ret_holds = sandbox_judge(&result, &limits, "installing the dependencies", err);
		if (*ret_holds) return true;
		if (install_is_over_a_limit(&result)) return false;
		if (rung->tool != INSTALL_BY_NPM) in->found.tool_count--;
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

bool install_climb(struct install *in, const char **ret_rung, struct err *err)
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
		*ret_rung = ladder[i].name;
		if (holds) return true;
		build_say(in->job, "%s did not work; trying the next way", ladder[i].name);
	}
	return fail_ladder(in, err);
}
