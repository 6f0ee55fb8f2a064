/* SPDX-License-Identifier: Apache-2.0 */
#include "app/functions.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/daemon.h"
#include "app/serve_env.h"
#include "codec/json.h"
#include "release/release.h"
#include "store/app.h"

#define KIND "functions"
#define WORKER_MEMORY_MB 256 /* of one, as upstream */
#define WORKERS_MAX 16

static const struct serving_limits limits = {
    .memory_bytes = 1024ll << 20, /* of all functions of an app together */
    .processes = 1024,
    .files = 4096,
    .file_bytes = 64ll << 20,
    .boot_ms = 20000, /* of the sandbox */
    .drain_ms = 150000, /* a request has as long as upstream gives it */
    .kill_ms = 30000, /* then tasks of waitUntil */
    .stop_slack_ms = 5000,
};

void functions_part_name(int64_t release, char ret_part[PART_NAME_SIZE])
{
	serving_part_name(KIND, release, ret_part);
}

int64_t functions_part_release(const char *part)
{
	return serving_part_release(KIND, part);
}

bool functions_is_there(const char *app_dir, int64_t release)
{
	char path[FILE_PATH_SIZE];
	struct err ignored;
	return release > 0 && release_path(app_dir, release, "functions", path, &ignored) && file_is_dir(path);
}

bool functions_run_dir(const struct parts *p, int64_t release, char ret_path[FILE_PATH_SIZE], struct err *err)
{
	return file_path(ret_path, err, "%s/functions/%lld", p->run_dir, (long long)release);
}

bool functions_log_path(const struct flow *f, const char *app, const char *name, char ret_path[FILE_PATH_SIZE],
			struct err *err)
{
	char rest[128];
	(void)snprintf(rest, sizeof rest, "logs/functions%s%.80s%s", name != NULL ? "/" : "", name != NULL ? name : "",
		       name != NULL ? ".log" : "");
	return layout_app(&f->layout, app, rest, ret_path, err);
}

/* What freehold-serve is told. */

struct telling {
	struct serving s;
	const json_t *functions; /* of release.json */
	char logs[FILE_PATH_SIZE];
};

static bool ensure_logs(struct telling *t, struct err *err)
{
	const struct parts *p = t->s.p;
	return functions_log_path(t->s.f, p->app.name, NULL, t->logs, err) && file_mkdirs(t->logs, 0755, err) &&
	       serving_give(&t->s, t->logs, p->users.code.gid, 0750, err);
}

static bool put_mounts(struct telling *t, struct err *err)
{
	char path[FILE_PATH_SIZE], tool[FILE_PATH_SIZE], to[FILE_PATH_SIZE];
	const json_t *deno = json_array_get(json_object_get(t->functions, "tools"), 0);
	const char *name = json_str(deno, "name", "");
	if (!release_path(t->s.p->dir, t->s.release, "functions", path, err) ||
	    !file_path(tool, err, "%s/cache/tools/%s", t->s.f->layout.home, name) ||
	    !file_path(to, err, "/tools/%s", name))
		return false;
	if (!file_is_dir(tool))
		return err_set(err, ERR_UNAVAILABLE,
			       "the program that runs functions (%s) is gone from the cache; deploy again", tool);
	serving_mount(&t->s, path, "/app", "read");
	serving_mount(&t->s, tool, to, "read");
	serving_mount(&t->s, t->logs, "/logs", "write");
	return true;
}

/* Reading is for the release's own files and what it writes to /tmp, as upstream; no program, no library of the
 * machine. All of its environment it may read: there is nothing in it but what it is given, and "not set" must be an
 * answer. */
static void put_argv(struct telling *t)
{
	static const char *const fixed[] = {"run",
					    "--quiet",
					    "--no-prompt",
					    "--cached-only",
					    "--no-remote",
					    "--frozen",
					    "--node-modules-dir=none",
					    "--allow-net",
					    "--deny-net=169.254.0.0/16,10.0.2.0/24",
					    "--allow-env",
					    "--allow-sys",
					    "--allow-read=/app/src,/app/freehold,/app/deno,/tmp",
					    "--allow-write=/tmp"};
	const json_t *deno = json_array_get(json_object_get(t->functions, "tools"), 0);
	json_t *argv = json_array();
	json_array_append_new(argv,
			      json_sprintf("/tools/%s/%s/deno", json_str(deno, "name", ""), json_str(deno, "bin", "")));
	for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++) json_array_append_new(argv, json_string(fixed[i]));
	json_array_append_new(argv, json_sprintf("--v8-flags=--max-old-space-size=%d", WORKER_MEMORY_MB));
	json_object_set_new(t->s.config, "argv", argv);
}

static bool on_secret(void *arg, const char *name, struct str value, int64_t set_at_ms, struct err *err)
{
	(void)set_at_ms;
	json_t *text = json_stringn(value.ptr, value.len);
	if (text == NULL) return err_set(err, ERR_INVALID, "the value of %s is not text (UTF-8)", name);
	json_object_set_new(arg, name, text);
	return true;
}

/* {"default": KEY}, upstream's names for its newer keys. */
static void put_keys(json_t *env, const char *name, const char *from)
{
	json_t *keys JSON_CLEANUP = json_pack("{s:s}", "default", json_str(env, from, ""));
	char *text = json_text(keys);
	json_object_set_new(env, name, json_string(text));
	free(text);
}

/* As for the app's server (app/serve_env.h), upstream's further names, and at last what only functions get. */
static bool put_env(struct telling *t, struct err *err)
{
	static const char *const given[][2] = {{"SB_REGION", "local"},
					       {"DENO_REGION", "local"},
					       {"DENO_DIR", "/app/deno"},
					       {"DENO_NO_UPDATE_CHECK", "1"},
					       {"NO_COLOR", "1"},
					       {"TMPDIR", "/tmp"},
					       {"DENO_TLS_CA_STORE", "mozilla,system"}};
	static const char *const not_theirs[] = {"PORT",
						 "HOST",
						 "HOSTNAME",
						 "NODE_ENV",
						 "DATA_DIR",
						 "NODE_EXTRA_CA_CERTS",
						 "NEXT_SERVER_ACTIONS_ENCRYPTION_KEY"};
	json_t *env = NULL;
	char deployment[96];
	if (!serve_env(t->s.f, t->s.p->app.name, NULL, &env, err)) return false;
	json_object_set_new(t->s.config, "env", env);
	for (size_t i = 0; i < sizeof not_theirs / sizeof *not_theirs; i++) (void)json_object_del(env, not_theirs[i]);
	put_keys(env, "SUPABASE_PUBLISHABLE_KEYS", "SUPABASE_PUBLISHABLE_KEY");
	put_keys(env, "SUPABASE_SECRET_KEYS", "SUPABASE_SECRET_KEY");
	(void)snprintf(deployment, sizeof deployment, "%s_%lld", t->s.p->app.name, (long long)t->s.release);
	json_object_set_new(env, "DENO_DEPLOYMENT_ID", json_string(deployment));
	if (!app_secret_each(t->s.f->db, t->s.f->seal, t->s.p->app.name, FUNCTIONS_SECRET, on_secret, env, err))
		return false;
	for (size_t i = 0; i < sizeof given / sizeof *given; i++)
		json_object_set_new(env, given[i][0], json_string(given[i][1]));
	const char *registry = json_str(t->functions, "registry", NULL);
	if (registry != NULL) json_object_set_new(env, "NPM_CONFIG_REGISTRY", json_string(registry));
	return true;
}

/* The app's own address leads to the edge, its database to 127.0.0.1; as for its server. */
static void put_doors(struct telling *t)
{
	serving_forward(&t->s, t->s.f->edge.port, t->s.f->edge.socket);
	serving_forward(&t->s, SERVE_ENV_DATABASE_PORT, t->s.p->pg_app_socket);
	serving_forward(&t->s, SERVE_ENV_DIRECT_PORT, t->s.p->pg_app_socket);
}

static bool fill_config(struct telling *t, struct err *err)
{
	json_t *config = t->s.config;
	json_object_set(config, "functions", json_object_get(t->functions, "list"));
	json_object_set_new(
	    config, "worker",
	    json_pack("{s:I, s:i}", "memory_bytes", (json_int_t)WORKER_MEMORY_MB << 20, "most", WORKERS_MAX));
	json_object_set_new(config, "is_outward", json_true());
	json_object_set_new(config, "cwd", json_string("/app/src"));
	put_argv(t);
	put_doors(t);
	return put_mounts(t, err) && put_env(t, err);
}

bool functions_unit(const struct flow *f, const struct parts *p, int64_t release, struct arena *arena,
		    struct unit_spec *ret_spec, struct err *err)
{
	struct telling t = {.s = {.f = f, .p = p, .kind = KIND, .release = release, .limits = limits}};
	json_t *facts JSON_CLEANUP = NULL;
	char log[FILE_PATH_SIZE];
	if (!release_facts(p->dir, release, &facts, err)) return false;
	t.functions = json_object_get(facts, "functions");
	if (t.functions == NULL)
		return err_set(err, ERR_NOT_FOUND, "release %lld of %s has no functions", (long long)release,
			       p->app.name);
	bool ok = serving_begin(&t.s, err) && ensure_logs(&t, err) && fill_config(&t, err) &&
		  layout_app(&f->layout, p->app.name, "logs/functions.log", log, err) &&
		  serving_unit(&t.s, log, arena, ret_spec, err);
	json_decref(t.s.config);
	return ok;
}

/* For workers. */

static bool is_there(const struct flow *f, const char *app, int64_t release)
{
	char dir[FILE_PATH_SIZE];
	struct err ignored;
	return layout_app(&f->layout, app, "", dir, &ignored) && functions_is_there(dir, release);
}

bool functions_start(const struct flow *f, const char *app, int64_t release, struct err *err)
{
	char part[PART_NAME_SIZE];
	functions_part_name(release, part);
	return !is_there(f, app, release) || daemon_start_part(f, app, part, err) || err_wrap(err, "the functions");
}

bool functions_retire(const struct flow *f, const char *app, int64_t release, struct err *err)
{
	char part[PART_NAME_SIZE];
	functions_part_name(release, part);
	return !is_there(f, app, release) || daemon_retire_part(f, app, part, err);
}

bool functions_stop(const struct flow *f, const char *app, int64_t release, struct err *err)
{
	char part[PART_NAME_SIZE];
	functions_part_name(release, part);
	return !is_there(f, app, release) || daemon_stop_part(f, app, part, err);
}

bool functions_stop_all(const struct flow *f, const char *app, struct err *err)
{
	char dir[FILE_PATH_SIZE];
	int64_t numbers[RELEASES_MAX];
	int count = 0;
	if (!layout_app(&f->layout, app, "", dir, err) || !release_list(dir, numbers, &count, err)) return false;
	for (int i = 0; i < count; i++)
		if (!functions_stop(f, app, numbers[i], err)) return false;
	return true;
}
