/* SPDX-License-Identifier: Apache-2.0 */
#include "app/functions.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/daemon.h"
#include "app/serve_env.h"
#include "codec/json.h"
#include "os/sandbox.h"
#include "release/release.h"
#include "store/app.h"

#define MEMORY_BYTES (1024ll << 20) /* of all functions of an app together */
#define WORKER_MEMORY_MB 256 /* of one, as upstream */
#define WORKERS_MAX 16
#define PROCESSES 1024
#define FILES 4096
#define FILE_BYTES (64ll << 20)
#define BOOT_MS 20000 /* of the sandbox */
#define LINGER_MS 500
#define DRAIN_MS 150000 /* a request has as long as upstream gives it */
#define KILL_MS 30000 /* then tasks of waitUntil */
#define STOP_SLACK_MS 5000
#define PART_SIZE 32

void functions_part_name(int64_t release, char ret_part[PART_SIZE])
{
	(void)snprintf(ret_part, PART_SIZE, "functions.%lld", (long long)release);
}

int64_t functions_part_release(const char *part)
{
	int64_t release = 0;
	bool is_ours = strncmp(part, "functions.", 10) == 0 && str_to_int(str_from(part + 10), &release) && release > 0;
	return is_ours ? release : 0;
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
	const struct flow *f;
	const struct parts *p;
	int64_t release;
	const json_t *functions; /* of release.json */
	char dir[FILE_PATH_SIZE], logs[FILE_PATH_SIZE];
	json_t *config;
};

static bool give(const struct telling *t, const char *path, gid_t gid, mode_t mode, struct err *err)
{
	if (t->f->is_root && lchown(path, t->p->users.code.uid, gid) != 0)
		return err_set_errno(err, "change the owner of %s", path);
	return chmod(path, mode) == 0 || err_set_errno(err, "%s", path);
}

/* The folder is what keeps others off the socket: the edge's workers may pass it, nobody else. */
static bool ensure_dirs(struct telling *t, struct err *err)
{
	struct user edge = {0};
	if (t->f->is_root && !user_ensure(FLOW_EDGE_USER, &edge, err)) return false;
	return functions_run_dir(t->p, t->release, t->dir, err) && file_mkdirs(t->dir, 0755, err) &&
	       give(t, t->dir, edge.gid, t->f->is_root ? 0750 : 0700, err) &&
	       functions_log_path(t->f, t->p->app.name, NULL, t->logs, err) && file_mkdirs(t->logs, 0755, err) &&
	       give(t, t->logs, t->p->users.code.gid, 0750, err);
}

static bool put_mounts(struct telling *t, struct err *err)
{
	char path[FILE_PATH_SIZE], tool[FILE_PATH_SIZE], to[FILE_PATH_SIZE];
	const json_t *deno = json_array_get(json_object_get(t->functions, "tools"), 0);
	const char *name = json_str(deno, "name", "");
	if (!release_path(t->p->dir, t->release, "functions", path, err) ||
	    !file_path(tool, err, "%s/cache/tools/%s", t->f->layout.home, name) ||
	    !file_path(to, err, "/tools/%s", name))
		return false;
	if (!file_is_dir(tool))
		return err_set(err, ERR_UNAVAILABLE,
			       "the program that runs functions (%s) is gone from the cache; deploy again", tool);
	json_object_set_new(t->config, "mounts",
			    json_pack("[{s:s, s:s, s:s}, {s:s, s:s, s:s}, {s:s, s:s, s:s}]", "from", path, "to", "/app",
				      "mode", "read", "from", tool, "to", to, "mode", "read", "from", t->logs, "to",
				      "/logs", "mode", "write"));
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
	json_object_set_new(t->config, "argv", argv);
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
	if (!serve_env(t->f, t->p->app.name, NULL, &env, err)) return false;
	json_object_set_new(t->config, "env", env);
	for (size_t i = 0; i < sizeof not_theirs / sizeof *not_theirs; i++) (void)json_object_del(env, not_theirs[i]);
	put_keys(env, "SUPABASE_PUBLISHABLE_KEYS", "SUPABASE_PUBLISHABLE_KEY");
	put_keys(env, "SUPABASE_SECRET_KEYS", "SUPABASE_SECRET_KEY");
	(void)snprintf(deployment, sizeof deployment, "%s_%lld", t->p->app.name, (long long)t->release);
	json_object_set_new(env, "DENO_DEPLOYMENT_ID", json_string(deployment));
	if (!app_secret_each(t->f->db, t->f->seal, t->p->app.name, FUNCTIONS_SECRET, on_secret, env, err)) return false;
	for (size_t i = 0; i < sizeof given / sizeof *given; i++)
		json_object_set_new(env, given[i][0], json_string(given[i][1]));
	const char *registry = json_str(t->functions, "registry", NULL);
	if (registry != NULL) json_object_set_new(env, "NPM_CONFIG_REGISTRY", json_string(registry));
	return true;
}

/* The app's own address leads to the edge, its database to 127.0.0.1; as for its server. */
static bool put_doors(struct telling *t, struct err *err)
{
	char host[EDGE_HOST_SIZE], socket[FILE_PATH_SIZE], state[FILE_PATH_SIZE];
	edge_app_host(t->p->app.name, host);
	if (!file_path(socket, err, "%s/web.sock", t->dir) || !file_path(state, err, "%s/state.json", t->dir))
		return false;
	json_object_set_new(t->config, "hosts", json_pack("{s:[s]}", "127.0.0.1", host));
	json_object_set_new(t->config, "socket", json_string(socket));
	json_object_set_new(t->config, "state", json_string(state));
	json_object_set_new(t->config, "forwards",
			    json_pack("[{s:i, s:s}, {s:i, s:s}, {s:i, s:s}]", "port", t->f->edge.port, "socket",
				      t->f->edge.socket, "port", SERVE_ENV_DATABASE_PORT, "socket", t->p->pg_app_socket,
				      "port", SERVE_ENV_DIRECT_PORT, "socket", t->p->pg_app_socket));
	return true;
}

static void put_limits(struct telling *t)
{
	json_object_set_new(t->config, "limits",
			    json_pack("{s:I, s:i, s:i, s:I}", "memory_bytes", (json_int_t)MEMORY_BYTES, "processes",
				      PROCESSES, "files", FILES, "file_bytes", (json_int_t)FILE_BYTES));
	json_object_set_new(
	    t->config, "worker",
	    json_pack("{s:I, s:i}", "memory_bytes", (json_int_t)WORKER_MEMORY_MB << 20, "most", WORKERS_MAX));
	json_object_set_new(t->config, "boot_ms", json_integer(BOOT_MS));
	json_object_set_new(t->config, "linger_ms", json_integer(LINGER_MS));
	json_object_set_new(t->config, "drain_ms", json_integer(DRAIN_MS));
	json_object_set_new(t->config, "kill_ms", json_integer(KILL_MS));
	json_object_set_new(t->config, "is_outward", json_true());
	json_object_set_new(t->config, "cwd", json_string("/app/src"));
}

static bool fill_config(struct telling *t, struct err *err)
{
	json_object_set(t->config, "functions", json_object_get(t->functions, "list"));
	put_argv(t);
	put_limits(t);
	return put_mounts(t, err) && put_env(t, err) && put_doors(t, err);
}

static bool write_config(struct telling *t, char ret_path[FILE_PATH_SIZE], struct err *err)
{
	char *text = json_text(t->config);
	bool ok = text != NULL && file_path(ret_path, err, "%s/serve.json", t->dir) &&
		  file_write(ret_path, str_from(text), 0600, err) && give(t, ret_path, t->p->users.code.gid, 0600, err);
	free(text);
	return ok;
}

static bool spell_unit(struct telling *t, struct arena *arena, const char *config, struct unit_spec *ret_spec,
		       struct err *err)
{
	char part[PART_SIZE], log[FILE_PATH_SIZE];
	if (!layout_app(&t->f->layout, t->p->app.name, "logs/functions.log", log, err)) return false;
	struct unit_spec spec = {
	    .argv = {arena_printf(arena, "%s/freehold-serve", t->f->helpers), "--config", arena_strdup(arena, config)},
	    .env = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8"},
	    .has_user = t->f->is_root,
	    .uid = t->p->users.code.uid,
	    .gid = t->p->users.code.gid,
	    .cwd = "/",
	    .log_path = arena_strdup(arena, log),
	    .state_path = arena_printf(arena, "%s/state.json", t->dir),
	    .stop_signal = SIGTERM,
	    .stop_deadline_ms = LINGER_MS + DRAIN_MS + KILL_MS + STOP_SLACK_MS,
	    .ready_deadline_ms = BOOT_MS + STOP_SLACK_MS,
	    .has_limits = true,
	    .limits = {.memory_bytes = (uint64_t)MEMORY_BYTES, .processes = PROCESSES}};
	functions_part_name(t->release, part);
	parts_unit_name(t->p->app.name, part, spec.name);
	*ret_spec = spec;
	return true;
}

bool functions_unit(const struct flow *f, const struct parts *p, int64_t release, struct arena *arena,
		    struct unit_spec *ret_spec, struct err *err)
{
	struct telling t = {.f = f, .p = p, .release = release};
	json_t *facts JSON_CLEANUP = NULL;
	char config[FILE_PATH_SIZE];
	if (!release_facts(p->dir, release, &facts, err)) return false;
	t.functions = json_object_get(facts, "functions");
	if (t.functions == NULL)
		return err_set(err, ERR_NOT_FOUND, "release %lld of %s has no functions", (long long)release,
			       p->app.name);
	t.config = json_object();
	bool ok = ensure_dirs(&t, err) && fill_config(&t, err) && write_config(&t, config, err) &&
		  spell_unit(&t, arena, config, ret_spec, err);
	json_decref(t.config);
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
	char part[PART_SIZE];
	functions_part_name(release, part);
	return !is_there(f, app, release) || daemon_start_part(f, app, part, err) || err_wrap(err, "the functions");
}

bool functions_retire(const struct flow *f, const char *app, int64_t release, struct err *err)
{
	char part[PART_SIZE];
	functions_part_name(release, part);
	return !is_there(f, app, release) || daemon_retire_part(f, app, part, err);
}

bool functions_stop(const struct flow *f, const char *app, int64_t release, struct err *err)
{
	char part[PART_SIZE];
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
