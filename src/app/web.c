/* SPDX-License-Identifier: Apache-2.0 */
#include "app/web.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/daemon.h"
#include "app/pool.h"
#include "app/serve_env.h"
#include "base/clock.h"
#include "codec/json.h"
#include "os/authority.h"
#include "os/sandbox.h"
#include "release/release.h"

#define PROCESSES 256
#define FILES 8192
#define FILE_BYTES (4ll << 30)
#define DISK_RESERVE_BYTES (512ll << 20)
#define LINGER_MS 500
#define KILL_MS 5000
#define STOP_SLACK_MS 3000
#define SAID_MAX_BYTES 2048

void web_part_name(int64_t release, char ret_part[WEB_PART_SIZE])
{
	(void)snprintf(ret_part, WEB_PART_SIZE, "web.%lld", (long long)release);
}

int64_t web_part_release(const char *part)
{
	int64_t release = 0;
	bool is_web = strncmp(part, "web.", 4) == 0 && str_to_int(str_from(part + 4), &release) && release > 0;
	return is_web ? release : 0;
}

bool web_is_there(const char *app_dir, int64_t release)
{
	char path[FILE_PATH_SIZE];
	struct err ignored;
	return release > 0 && release_path(app_dir, release, "server", path, &ignored) && file_is_dir(path);
}

bool web_log_path(const struct flow *f, const char *app, int64_t release, char ret_path[FILE_PATH_SIZE],
		  struct err *err)
{
	char rest[64];
	(void)snprintf(rest, sizeof rest, "logs/web-%lld.log", (long long)release);
	return layout_app(&f->layout, app, rest, ret_path, err);
}

/* What freehold-serve is told. */

struct telling {
	const struct flow *f;
	const struct parts *p;
	int64_t release;
	const json_t *server; /* of release.json */
	struct web_settings settings;
	char dir[FILE_PATH_SIZE]; /* <run>/<app>/web/<n> */
	json_t *config;
};

static void mount(struct telling *t, const char *from, const char *to, const char *mode)
{
	json_array_append_new(json_object_get(t->config, "mounts"),
			      json_pack("{s:s, s:s, s:s}", "from", from, "to", to, "mode", mode));
}

/* What it trusts beside what Node brings: the edge, and whom this machine's owner added. */
static bool write_trusted(const struct telling *t, char ret_path[FILE_PATH_SIZE], struct err *err)
{
	struct buf pem BUF_CLEANUP;
	buf_init(&pem, 2 * AUTHORITY_MAX_BYTES);
	if (!file_read(t->f->edge.authority_path, &pem, err)) return false;
	authority_added(AUTHORITY_FOLDER, &pem);
	return file_path(ret_path, err, "%s/trusted.pem", t->dir) && file_write(ret_path, buf_view(&pem), 0644, err);
}

static bool put_mounts(struct telling *t, struct err *err)
{
	char path[FILE_PATH_SIZE], to[FILE_PATH_SIZE];
	const char *modules = json_str(t->server, "modules", NULL), *prefix = json_str(t->server, "node_prefix", "");
	json_object_set_new(t->config, "mounts", json_array());
	if (!release_path(t->p->dir, t->release, "server", path, err)) return false;
	mount(t, path, "/app", "read");
	if (modules != NULL) {
		if (!file_path(path, err, "%s/modules/%s/node_modules", t->p->dir, modules)) return false;
		mount(t, path, "/app/node_modules", "read");
	}
	if (prefix[0] != '\0') mount(t, prefix, prefix, "read");
	size_t i;
	json_t *tool;
	json_array_foreach(json_object_get(t->server, "tools"), i, tool)
	{
		const char *name = json_str(tool, "name", "");
		if (!file_path(path, err, "%s/cache/tools/%s", t->f->layout.home, name) ||
		    !file_path(to, err, "/tools/%s", name))
			return false;
		mount(t, path, to, "read");
	}
	mount(t, t->p->files_dir, SERVE_ENV_DATA_DIR, "write");
	if (!write_trusted(t, path, err)) return false;
	mount(t, path, SERVE_ENV_AUTHORITY, "read");
	return true;
}

static bool put_env(struct telling *t, struct err *err)
{
	json_t *env = NULL, *tool;
	struct buf path BUF_CLEANUP;
	size_t i;
	buf_init(&path, FILE_PATH_SIZE);
	if (!serve_env(t->f, t->p->app.name, t->server, &env, err)) return false;
	json_array_foreach(json_object_get(t->server, "tools"), i, tool)
	    buf_printf(&path, "/tools/%s/%s:", json_str(tool, "name", ""), json_str(tool, "bin", "bin"));
	if (json_str(t->server, "node_bin", "")[0] != '\0')
		buf_printf(&path, "%s:", json_str(t->server, "node_bin", ""));
	buf_puts(&path, "/app/node_modules/.bin:" SANDBOX_PATH);
	json_object_set_new(env, "PATH", json_string(buf_cstr(&path)));
	json_object_set_new(t->config, "port", json_integer(serve_env_port(env)));
	json_object_set_new(t->config, "env", env);
	return true;
}

static bool put_doors(struct telling *t, struct err *err)
{
	char host[EDGE_HOST_SIZE], socket[FILE_PATH_SIZE], state[FILE_PATH_SIZE], door[FILE_PATH_SIZE];
	edge_app_host(t->p->app.name, host);
	(void)snprintf(door, sizeof door, "%s", t->p->pg_app_socket);
	if (pool_is_wanted(t->f, t->p->app.name, t->release) && !pool_door(t->f, t->p, door, err)) return false;
	if (!file_path(socket, err, "%s/web.sock", t->dir) || !file_path(state, err, "%s/state.json", t->dir))
		return false;
	json_object_set_new(t->config, "hosts", json_pack("{s:[s]}", "127.0.0.1", host));
	json_object_set_new(t->config, "socket", json_string(socket));
	json_object_set_new(t->config, "state", json_string(state));
	json_object_set_new(t->config, "forwards",
			    json_pack("[{s:i, s:s}, {s:i, s:s}, {s:i, s:s}, {s:i, s:s}]", "port", t->f->edge.port,
				      "socket", t->f->edge.socket, "port", t->f->edge.tls_port, "socket",
				      t->f->edge.tls_socket, "port", SERVE_ENV_DATABASE_PORT, "socket", door, "port",
				      SERVE_ENV_DIRECT_PORT, "socket", t->p->pg_app_socket));
	return true;
}

static int64_t memory_bytes(const struct telling *t)
{
	int64_t wanted = json_int(t->server, "memory_bytes", 0);
	return wanted > t->settings.memory_bytes ? wanted : t->settings.memory_bytes;
}

static void put_limits(struct telling *t)
{
	json_object_set_new(t->config, "limits",
			    json_pack("{s:I, s:i, s:i, s:I, s:I}", "memory_bytes", (json_int_t)memory_bytes(t),
				      "processes", PROCESSES, "files", FILES, "file_bytes", (json_int_t)FILE_BYTES,
				      "disk_reserve_bytes", (json_int_t)DISK_RESERVE_BYTES));
	json_object_set_new(t->config, "boot_ms", json_integer(t->settings.boot_ms));
	json_object_set_new(t->config, "linger_ms", json_integer(LINGER_MS));
	json_object_set_new(t->config, "drain_ms", json_integer(t->settings.drain_ms));
	json_object_set_new(t->config, "kill_ms", json_integer(KILL_MS));
	json_object_set_new(t->config, "instances", json_integer(t->settings.instances));
}

static bool fill_config(struct telling *t, struct err *err)
{
	const char *cwd = json_str(t->server, "cwd", "");
	char inside[FILE_PATH_SIZE];
	if (!file_path(inside, err, "/app%s%s", cwd[0] != '\0' ? "/" : "", cwd)) return false;
	json_object_set(t->config, "argv", json_object_get(t->server, "argv"));
	json_object_set_new(t->config, "cwd", json_string(inside));
	put_limits(t);
	return put_mounts(t, err) && put_env(t, err) && put_doors(t, err);
}

static bool give(const struct telling *t, const char *path, gid_t gid, mode_t mode, struct err *err)
{
	if (t->f->is_root && lchown(path, t->p->users.code.uid, gid) != 0)
		return err_set_errno(err, "change the owner of %s", path);
	return chmod(path, mode) == 0 || err_set_errno(err, "%s", path);
}

/* The folder is what keeps others off the socket: the edge's workers may pass it, nobody else. */
static bool ensure_dir(struct telling *t, struct err *err)
{
	struct user edge = {0};
	if (t->f->is_root && !user_ensure(FLOW_EDGE_USER, &edge, err)) return false;
	return file_path(t->dir, err, "%s/web/%lld", t->p->run_dir, (long long)t->release) &&
	       file_mkdirs(t->dir, 0755, err) && give(t, t->dir, edge.gid, t->f->is_root ? 0750 : 0700, err);
}

static bool write_config(struct telling *t, char ret_path[FILE_PATH_SIZE], struct err *err)
{
	char *text = json_text(t->config);
	bool ok = text != NULL && file_path(ret_path, err, "%s/serve.json", t->dir) &&
		  file_write(ret_path, str_from(text), 0600, err) && give(t, ret_path, t->p->users.code.gid, 0600, err);
	free(text);
	return ok;
}

static void spell_unit(struct telling *t, struct arena *arena, const char *config, const char *log,
		       struct unit_spec *ret_spec)
{
	char part[WEB_PART_SIZE];
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
	    .stop_deadline_ms = LINGER_MS + t->settings.drain_ms + KILL_MS + STOP_SLACK_MS,
	    .ready_deadline_ms = t->settings.boot_ms + STOP_SLACK_MS,
	    .has_limits = true,
	    .limits = {.memory_bytes = (uint64_t)memory_bytes(t), .processes = PROCESSES}};
	web_part_name(t->release, part);
	parts_unit_name(t->p->app.name, part, spec.name);
	*ret_spec = spec;
}

bool web_unit(const struct flow *f, const struct parts *p, int64_t release, struct arena *arena,
	      struct unit_spec *ret_spec, struct err *err)
{
	struct telling t = {.f = f, .p = p, .release = release};
	json_t *facts JSON_CLEANUP = NULL;
	char config[FILE_PATH_SIZE], log[FILE_PATH_SIZE];
	if (!release_facts(p->dir, release, &facts, err)) return false;
	t.server = json_object_get(facts, "server");
	if (json_array_size(json_object_get(t.server, "argv")) == 0)
		return err_set(err, ERR_NOT_FOUND, "release %lld of %s has no server", (long long)release, p->app.name);
	t.config = json_object();
	bool ok = web_settings_get(f, p->app.name, &t.settings, err) && ensure_dir(&t, err) && fill_config(&t, err) &&
		  write_config(&t, config, err) && web_log_path(f, p->app.name, release, log, err);
	if (ok) spell_unit(&t, arena, config, log, ret_spec);
	json_decref(t.config);
	return ok;
}

/* For workers. */

/* The last lines of its log, for an error. */
static void read_said(const struct flow *f, const char *app, int64_t release, struct buf *ret_said)
{
	char path[FILE_PATH_SIZE], bytes[SAID_MAX_BYTES + 1];
	struct err ignored;
	if (!web_log_path(f, app, release, path, &ignored)) return;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) return;
	struct stat st;
	off_t from = fstat(fd, &st) == 0 && st.st_size > SAID_MAX_BYTES ? st.st_size - SAID_MAX_BYTES : 0;
	ssize_t got = pread(fd, bytes, SAID_MAX_BYTES, from);
	(void)close(fd);
	if (got > 0) buf_str(ret_said, str_trim((struct str){bytes, (size_t)got}));
}

bool web_start(const struct flow *f, const char *app, int64_t release, struct err *err)
{
	char part[WEB_PART_SIZE];
	struct err why;
	struct buf said BUF_CLEANUP;
	buf_init(&said, SAID_MAX_BYTES);
	web_part_name(release, part);
	if (!pool_start_for(f, app, release, err)) return false;
	if (daemon_start_part(f, app, part, &why)) return true;
	read_said(f, app, release, &said);
	return err_set(err, why.code, "%s%s%s", why.msg, said.len > 0 ? "\nIt said:\n" : "", buf_cstr(&said));
}

bool web_retire(const struct flow *f, const char *app, int64_t release, struct err *err)
{
	char part[WEB_PART_SIZE];
	web_part_name(release, part);
	return daemon_retire_part(f, app, part, err);
}

bool web_stop(const struct flow *f, const char *app, int64_t release, struct err *err)
{
	char part[WEB_PART_SIZE];
	web_part_name(release, part);
	return daemon_stop_part(f, app, part, err);
}

bool web_stop_all(const struct flow *f, const char *app, struct err *err)
{
	char dir[FILE_PATH_SIZE];
	int64_t numbers[RELEASES_MAX];
	int count = 0;
	if (!layout_app(&f->layout, app, "", dir, err) || !release_list(dir, numbers, &count, err)) return false;
	for (int i = 0; i < count; i++)
		if (web_is_there(dir, numbers[i]) && !web_stop(f, app, numbers[i], err)) return false;
	return true;
}

void web_private_host(const char *app, int64_t release, char ret_host[EDGE_HOST_SIZE])
{
	(void)snprintf(ret_host, EDGE_HOST_SIZE, "%s.%lld.release.internal", app, (long long)release);
}

bool web_ask(const struct flow *f, const char *app, int64_t release, const char *host, struct err *err)
{
	char dir[FILE_PATH_SIZE];
	json_t *facts JSON_CLEANUP = NULL;
	struct web_settings settings;
	struct err why;
	long status = 0;
	if (!layout_app(&f->layout, app, "", dir, err) || !release_facts(dir, release, &facts, err) ||
	    !web_settings_get(f, app, &settings, err))
		return false;
	const char *path = json_str(json_object_get(facts, "server"), "health", "/");
	if (!edge_get(&f->edge, host, path, settings.boot_ms / 3, &status, NULL, &why))
		return err_set(err, why.code, "the server of release %lld listens and does not answer %s (%s)",
			       (long long)release, path, why.msg);
	if (status < 500) return true;
	struct buf said BUF_CLEANUP;
	buf_init(&said, SAID_MAX_BYTES);
	read_said(f, app, release, &said);
	return err_set(err, ERR_FAILED, "the server of release %lld answered %ld for %s%s%s", (long long)release,
		       status, path, said.len > 0 ? ". It said:\n" : "", buf_cstr(&said));
}

bool web_look(const struct flow *f, const char *app, int64_t release, struct err *err)
{
	char host[EDGE_HOST_SIZE], target[FILE_PATH_SIZE];
	web_private_host(app, release, host);
	return file_path(target, err, "../../apps/%s/releases/%lld", app, (long long)release) &&
	       edge_host_set(&f->edge, host, target, err) && web_ask(f, app, release, host, err);
}

bool web_unlook(const struct flow *f, const char *app, int64_t release, struct err *err)
{
	char host[EDGE_HOST_SIZE];
	web_private_host(app, release, host);
	return edge_host_unset(&f->edge, host, err);
}
